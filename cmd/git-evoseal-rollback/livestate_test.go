package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// liveFact is all that can be seen of one file without leaving a trace. The time
// of the last access is not in it: reading is allowed. The time of the last change
// of the inode is: it tells of what was changed and changed back.
type liveFact struct {
	mode         uint32
	uid, gid     uint32
	ino, links   uint64
	size         int64
	mtime, ctime int64
	// content is a file's hash or a link's destination, and text the whole of the
	// small files whose change may be allowed.
	content, text string
	attributes    string
}

// liveState is a picture of a project with its Git directory and all that lies
// around it, by path.
type liveState map[string]liveFact

// captureLive takes the picture of everything below dir, without the directories
// that the engine may do in as it likes.
func captureLive(dir string, except ...string) (liveState, error) {
	state := make(liveState)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(except, path) {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		fact, err := lookLive(path)
		state[path] = fact
		return err
	})
	return state, err
}

func lookLive(path string) (liveFact, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return liveFact{}, err
	}
	fact := liveFact{
		mode: uint32(st.Mode), uid: st.Uid, gid: st.Gid, ino: st.Ino, links: uint64(st.Nlink), size: st.Size,
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), attributes: liveAttributes(path),
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		fact.content, err = os.Readlink(path)
	case unix.S_IFREG:
		var data []byte
		if data, err = os.ReadFile(path); err == nil {
			fact.content = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		if filepath.Base(path) == "exclude" {
			fact.text = string(data)
		}
	}
	return fact, err
}

func liveAttributes(path string) string {
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// liveChange is one path that isn't as it was.
type liveChange struct {
	path string
	// what names the fields that differ, or is "new" or "gone".
	what     []string
	was, now liveFact
}

func (c liveChange) String() string {
	return fmt.Sprintf("%s: %s (was %+v, is %+v)", c.path, strings.Join(c.what, ", "), c.was, c.now)
}

// only says that nothing but these fields differ.
func (c liveChange) only(fields ...string) bool {
	return !slices.ContainsFunc(c.what, func(f string) bool { return !slices.Contains(fields, f) })
}

// isNew says that the path wasn't there.
func (c liveChange) isNew() bool { return c.only("new") }

// entriesOnly says that the path is a directory in which names came or went.
func (c liveChange) entriesOnly() bool {
	return c.now.mode&unix.S_IFMT == unix.S_IFDIR && c.only("mtime", "ctime", "size", "links")
}

// changes compares two pictures, in the order of the paths.
func (before liveState) changes(after liveState) []liveChange {
	var out []liveChange
	for path, was := range before {
		now, there := after[path]
		if !there {
			out = append(out, liveChange{path, []string{"gone"}, was, now})
		} else if what := was.differs(now); len(what) > 0 {
			out = append(out, liveChange{path, what, was, now})
		}
	}
	for path, now := range after {
		if _, was := before[path]; !was {
			out = append(out, liveChange{path, []string{"new"}, liveFact{}, now})
		}
	}
	slices.SortFunc(out, func(a, b liveChange) int { return strings.Compare(a.path, b.path) })
	return out
}

func (f liveFact) differs(g liveFact) []string {
	unequal := map[string]bool{
		"mode": f.mode != g.mode, "owner": f.uid != g.uid || f.gid != g.gid, "inode": f.ino != g.ino, "links": f.links != g.links,
		"size": f.size != g.size, "mtime": f.mtime != g.mtime, "ctime": f.ctime != g.ctime,
		"content": f.content != g.content, "attributes": f.attributes != g.attributes,
	}
	maps.DeleteFunc(unequal, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(unequal))
}

// exists says whether anything has that name.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
