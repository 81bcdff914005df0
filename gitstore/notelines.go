package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// NoteLine is one line that was added to a note.
type NoteLine struct {
	// Object is what the note is about.
	Object ID
	// Line is without its end.
	Line []byte
}

// NoteLines returns every line that was ever added to a notebook, in the order
// in which they were added, since the notebook was last archived. A line that
// somebody took out of a note later is still among them: it is in the
// notebook's chain of commits.
//
// The lines are kept in a cache, so that only what was added since the last
// call is read from the objects. The lines belong to the caller.
func (s *Store) NoteLines(ctx context.Context, book Notebook) ([]NoteLine, error) {
	head, err := s.notesHead(book)
	if err != nil || head.IsZero() {
		return nil, err
	}
	path := s.cachePath(string(book) + ".lines")
	cached, err := readLineCache(path)
	if err != nil {
		s.log.Debug("cache of notes not used", "book", book, "error", err)
		cached = lineCache{}
	}
	if cached.head == head {
		return cached.lines, nil
	}
	chain, known, err := s.chainTo(ctx, head, cached.head)
	if err != nil {
		return nil, err
	}
	if !known {
		cached = lineCache{}
	}
	var added []NoteLine
	err = s.replay(ctx, chain, func(c chainLink) error {
		added = append(added, c.lines...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := cached.append(path, added, head); err != nil {
		s.log.Debug("cache of notes not written", "book", book, "error", err)
	}
	return append(cached.lines, added...), nil
}

// lineCache is a file of lines, in runs: "<object> <line>" each, and after each
// run "= <head> <sum>", where sum is the CRC-32C of the run. What follows the last
// such line was being written when its writer died.
type lineCache struct {
	head  ID
	lines []NoteLine
	// size is how much of the file counts.
	size int64
}

var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

func readLineCache(path string) (lineCache, error) {
	data, err := durable.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return lineCache{}, err
	}
	var c lineCache
	var pending []NoteLine
	start, at := 0, 0
	for at < len(data) {
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			break
		}
		line := data[at : at+end]
		next := at + end + 1
		if bytes.HasPrefix(line, []byte("= ")) {
			head, sum, ok := parseRunEnd(line)
			if !ok || sum != crc32.Checksum(data[start:at], castagnoli()) {
				return lineCache{}, fmt.Errorf("%s is damaged", path)
			}
			c.head, c.size = head, int64(next)
			c.lines = append(c.lines, pending...)
			pending, start = pending[:0], next
		} else {
			object, rest, _ := bytes.Cut(line, []byte(" "))
			id, err := ParseID(string(object))
			if err != nil {
				return lineCache{}, fmt.Errorf("%s is damaged", path)
			}
			pending = append(pending, NoteLine{id, rest})
		}
		at = next
	}
	return c, nil
}

func parseRunEnd(line []byte) (head ID, sum uint32, ok bool) {
	fields := strings.Fields(string(line))
	if len(fields) != 3 {
		return ID{}, 0, false
	}
	head, err := ParseID(fields[1])
	if err != nil {
		return ID{}, 0, false
	}
	_, err = fmt.Sscanf(fields[2], "%08x", &sum)
	return head, sum, err == nil
}

// append writes a run, unless another process has changed the file meanwhile: it
// will then have written the same, or the next one will.
func (c *lineCache) append(path string, added []NoteLine, head ID) error {
	var run bytes.Buffer
	for _, l := range added {
		fmt.Fprintf(&run, "%s %s\n", l.Object, l.Line)
	}
	fmt.Fprintf(&run, "= %s %08x\n", head, crc32.Checksum(run.Bytes(), castagnoli()))
	if c.size == 0 {
		return durable.WriteFile(path, run.Bytes(), 0o644)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	if now, err := f.Stat(); err != nil {
		return err
	} else if now.Size() != c.size {
		again, err := readLineCache(path)
		if err != nil || again.head != c.head {
			return err
		}
		if err := f.Truncate(c.size); err != nil {
			return err
		}
	}
	_, err = f.WriteAt(run.Bytes(), c.size)
	return err
}

// chainLink is one commit of a notebook.
type chainLink struct {
	commit  ID
	tree    ID
	message string
	parents []ID
	// before is the tree that it follows.
	before ID
	// lines are what it added; lost are the notes that it shortened or changed.
	lines []NoteLine
	lost  []ID
}

// chainTo returns the commits from head back to, and without, stop, newest
// first. When stop isn't among head's first parents, all are returned and known
// is false.
func (s *Store) chainTo(ctx context.Context, head, stop ID) (chain []chainLink, known bool, err error) {
	for at := head; !at.IsZero() && at != stop; {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		_, c, err := s.readCommit(at)
		if err != nil {
			return nil, false, fmt.Errorf("chain of notes at %s: %w", at, err)
		}
		chain = append(chain, chainLink{commit: at, tree: c.Tree, message: c.Message, parents: c.Parents})
		if at = (ID{}); len(c.Parents) > 0 {
			at = c.Parents[0]
		}
		if n := len(chain); n > 1 {
			chain[n-2].before = c.Tree
		}
		if at == stop && !stop.IsZero() {
			_, c, err := s.readCommit(stop)
			if err != nil {
				return nil, false, fmt.Errorf("chain of notes at %s: %w", stop, err)
			}
			chain[len(chain)-1].before = c.Tree
			known = true
		}
	}
	return chain, known, nil
}

// replay finds out what each commit of a chain did, oldest first.
func (s *Store) replay(ctx context.Context, chain []chainLink, f func(chainLink) error) error {
	for _, link := range slices.Backward(chain) {
		pairs, err := s.changedNotes(ctx, link.before, link.tree)
		if err != nil {
			return fmt.Errorf("chain of notes at %s: %w", link.commit, err)
		}
		for object, pair := range pairs {
			if err := s.takeChange(&link, object, pair); err != nil {
				return fmt.Errorf("chain of notes at %s: %w", link.commit, err)
			}
		}
		slices.SortFunc(link.lost, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
		// A commit that changed several notes, such as a merge, has no order of
		// its own.
		slices.SortStableFunc(link.lines, func(a, b NoteLine) int { return bytes.Compare(a.Object[:], b.Object[:]) })
		if err := f(link); err != nil {
			return err
		}
	}
	return nil
}

// takeChange tells lines that were added from ones that were lost.
func (s *Store) takeChange(link *chainLink, object ID, pair notePair) error {
	var before, after []byte
	var err error
	if !pair.before.IsZero() {
		if before, err = s.readNote(pair.before); err != nil {
			return err
		}
	}
	if !pair.after.IsZero() {
		if after, err = s.readNote(pair.after); err != nil {
			return err
		}
	}
	added, whole := bytes.CutPrefix(after, bytes.TrimRight(before, "\n"))
	if !whole {
		kept, err := s.wasPutAside(link.tree, object, pair.before)
		if err != nil {
			return err
		}
		if !kept {
			link.lost = append(link.lost, object)
		}
		added = addedLines(before, after)
	}
	for line := range bytes.Lines(added) {
		if line = bytes.TrimRight(line, "\n"); len(line) > 0 {
			// Else each line would keep the whole note in memory.
			link.lines = append(link.lines, NoteLine{object, bytes.Clone(line)})
		}
	}
	return nil
}

// wasPutAside says whether blob is the last of what was put aside of the note.
func (s *Store) wasPutAside(root, object, blob ID) (bool, error) {
	parts, err := s.earlierParts(root, object)
	return err == nil && len(parts) > 0 && parts[len(parts)-1].ID == blob, err
}

// addedLines are the lines of after that before lacks.
func addedLines(before, after []byte) []byte {
	had := make(map[string]bool)
	for line := range bytes.Lines(before) {
		had[strings.TrimRight(string(line), "\n")] = true
	}
	var added []byte
	for line := range bytes.Lines(after) {
		if !had[strings.TrimRight(string(line), "\n")] {
			added = append(added, line...)
		}
	}
	return added
}
