package refs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// CheckPacked says what is wrong with packed-refs itself: lines that name nothing,
// names that git allows nowhere, a header that promises what git doesn't know. peel
// returns the object behind a tag, and false for one that can't be read; a line that
// tells otherwise is wrong as well. All is well when the result is empty.
func (db *DB) CheckPacked(peel func(ID) (ID, bool)) []error {
	data, err := durable.ReadFile(db.packedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []error{err}
	}
	_, bad := soundLines(data, peel)
	return bad
}

// MendPacked writes packed-refs anew without what CheckPacked finds. What the file
// held before is given to keep first.
func (db *DB) MendPacked(ctx context.Context, peel func(ID) (ID, bool), keep func(data []byte) error) error {
	lock, err := db.lock(ctx, db.packedPath())
	if err != nil {
		return err
	}
	defer lock.release()
	data, err := durable.ReadFile(db.packedPath())
	if err != nil {
		return err
	}
	sound, bad := soundLines(data, peel)
	if len(bad) == 0 {
		return nil
	}
	if err := keep(data); err != nil {
		return err
	}
	if err := lock.write(sound.encode()); err != nil {
		return err
	}
	return lock.publish(db.packedPath())
}

// DropHidden writes packed-refs anew without the lines that a loose ref outranks and
// that useless says nobody can read.
func (db *DB) DropHidden(ctx context.Context, useless func(name string, id ID) bool) error {
	lock, err := db.lock(ctx, db.packedPath())
	if err != nil {
		return err
	}
	defer lock.release()
	packed, err := db.readPacked()
	if err != nil {
		return err
	}
	before := len(packed.refs)
	packed.refs = slices.DeleteFunc(packed.refs, func(r Ref) bool {
		id, next, err := db.readLoose(r.Name)
		return err == nil && next == "" && id != r.ID && useless(r.Name, r.ID)
	})
	if len(packed.refs) == before {
		return nil
	}
	return db.replacePacked(packed.encode())
}

// soundLines is parsePacked that steps over what it can't take.
func soundLines(data []byte, peel func(ID) (ID, bool)) (*packedRefs, []error) {
	p := &packedRefs{}
	var bad []error
	wrong := func(format string, args ...any) {
		bad = append(bad, fmt.Errorf("%w: packed-refs "+format, append([]any{ErrBroken}, args...)...))
	}
	if n := len(data); n == 0 || data[n-1] != '\n' {
		wrong("breaks off")
	}
	last := -1
	for i, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		switch {
		case i == 0 && len(line) > 0 && line[0] == '#':
			if !knownHeader(string(line)) {
				wrong("has the header %q", shortened(line))
			}
		case len(line) > 0 && line[0] == '^':
			id, ok := parseID(line[1:])
			if !ok || last < 0 {
				wrong("has the malformed line %q", shortened(line))
				continue
			}
			if real, readable := peel(p.refs[last].ID); readable && real != id {
				wrong("says that %s leads to %x, which is %x", p.refs[last].Name, id, real)
				id = real
			}
			p.refs[last].Peeled = id
		default:
			hex, name, _ := bytes.Cut(line, []byte(" "))
			id, ok := parseID(hex)
			last = -1
			if !ok || id == (ID{}) || !strings.HasPrefix(string(name), "refs/") || CheckName(string(name)) != nil {
				wrong("has the malformed line %q", shortened(line))
				continue
			}
			last = len(p.refs)
			p.refs = append(p.refs, Ref{Name: string(name), ID: id})
		}
	}
	if !slices.IsSortedFunc(p.refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) }) {
		wrong("is not sorted, though its header says so")
	}
	for i := range p.refs {
		// The header that is written promises this of every tag.
		if real, readable := peel(p.refs[i].ID); readable && real != p.refs[i].ID && p.refs[i].Peeled == (ID{}) {
			wrong("doesn't say what %s leads to", p.refs[i].Name)
			p.refs[i].Peeled = real
		}
	}
	parsed, err := parsePacked(p.encode())
	if err != nil {
		return p, append(bad, err)
	}
	return parsed, bad
}

// knownHeader knows the words that git-pack-refs(1) writes.
func knownHeader(line string) bool {
	words, ok := strings.CutPrefix(line, "# pack-refs with:")
	if !ok {
		return false
	}
	for _, word := range strings.Fields(words) {
		if word != "peeled" && word != "fully-peeled" && word != "sorted" {
			return false
		}
	}
	return strings.Contains(words, " fully-peeled ") && strings.Contains(words, " sorted ")
}

func shortened(line []byte) []byte { return line[:min(len(line), 100)] }

// LostRef is a ref that is gone, or broken, and of which its log still tells what it
// was.
type LostRef struct {
	Name string
	// Was are its values, newest first, each once.
	Was []ID
}

// Lost lists refs that have a log and are gone, or broken: git removes a log together
// with its ref, and so do we.
func (db *DB) Lost(prefix string) ([]LostRef, error) {
	names, err := db.Logged(prefix)
	if err != nil {
		return nil, err
	}
	// What is broken is in the error, and told as not being there.
	list, _ := db.List("refs/")
	have := make(map[string]bool, len(list))
	for _, r := range list {
		have[r.Name] = true
	}
	var out []LostRef
	for _, name := range names {
		if have[name] || db.emptyLog(name) {
			continue
		}
		was, err := db.Values(name)
		if err != nil {
			return nil, err
		}
		if len(was) > 0 && db.becoming(name, was[0]) {
			continue
		}
		out = append(out, LostRef{Name: name, Was: was})
	}
	return out, nil
}

// becoming says that somebody is about to give a ref this value, or did so just now: the
// log is written first, under the lock. Whoever died there is told from the living by the
// next lock only, which takes the log back.
func (db *DB) becoming(name string, id ID) bool {
	if lockedValue(db.path(name)+".lock") == id {
		return true
	}
	now, err := db.Read(name)
	return err == nil && now == id
}

// emptyLog says that a log tells of nothing: it is made before its ref, by whoever may
// be killed in between or find the disk full.
func (db *DB) emptyLog(name string) bool {
	fi, err := os.Lstat(db.logPath(name))
	return err == nil && fi.Size() == 0
}

// Values are what a ref was according to its log, newest first, each once.
func (db *DB) Values(name string) ([]ID, error) {
	entries, err := db.Reflog(name)
	var was []ID
	seen := map[ID]bool{{}: true}
	for _, e := range entries {
		if !seen[e.New] {
			seen[e.New] = true
			was = append(was, e.New)
		}
	}
	return was, err
}

// Disown keeps the present value out of the log, for one that is damage: git's fsck
// takes each name in a log for an object's that must be there.
func (h *Held) Disown() { h.current = ID{} }

// CheckReadable says what keeps packed-refs from being read.
func (db *DB) CheckReadable() error {
	_, err := db.readPacked()
	return err
}

// Stale says that a ref has only its packed value, which its log says is not the last
// one: its own file is gone. last is what the log has; behind is how many changes the
// packed value is behind it. One is what a process leaves, too, that dies as it
// changes the ref: the log is written first.
func (db *DB) Stale(name string) (last ID, behind int, err error) {
	if _, err := os.Lstat(db.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return ID{}, 0, nil
	}
	have, err := db.Read(name)
	if err != nil {
		return ID{}, 0, nil
	}
	was, err := db.Values(name)
	for i, id := range was {
		if id == have {
			return was[0], i, err
		}
	}
	return ID{}, 0, err
}
