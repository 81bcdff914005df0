//go:build linux && (amd64 || arm64)

package crash

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// books keep what was said to be done, and ask git whether it is.
type books struct {
	world world
	// versions are those that were recorded, or may have been before the kill came.
	versions map[string]entry
	// known are the sums of all that was ever given to be recorded.
	known map[string]bool
	// records are the ids that were said to be in the history, or were seen there.
	records map[string]bool
	// attempts are the values that the policy may have.
	attempts []string
	// trees are the sums of git's trees: those that have the same name hold the same.
	trees map[string]string
	// hashes are git's names of files that haven't changed since, by what the kernel says
	// of them.
	hashes map[fileState]string
}

// entry is what a version may hold, more than one thing only while nobody has looked.
type entry struct {
	holds []string
	// doubtful says that it may not be there at all.
	doubtful bool
}

// fileState is another after each change of a file: nothing can set ctime.
type fileState struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

func newBooks(w world) *books {
	return &books{
		world: w, versions: make(map[string]entry), known: make(map[string]bool), records: make(map[string]bool),
		attempts: []string{""}, trees: make(map[string]string), hashes: make(map[fileState]string),
	}
}

// enter notes what a version was recorded with, or may have been.
func (l *books) enter(version, holds string, done bool) {
	l.known[holds] = true
	was, again := l.versions[version]
	switch {
	case done:
		l.versions[version] = entry{holds: []string{holds}}
	case again:
		l.versions[version] = entry{holds: append(slices.Clone(was.holds), holds), doubtful: was.doubtful}
	default:
		l.versions[version] = entry{holds: []string{holds}, doubtful: true}
	}
}

// tick is more than what lies between two times that the kernel gives to files.
const tick = 100 * time.Millisecond

// held sums up the files and links of a directory, with the names that git gives to
// what is in them; it is empty for one that isn't there.
func (l *books) held(dir string) string {
	begun := time.Now()
	files, err := filesOf(dir)
	if errors.Is(err, fs.ErrNotExist) && len(files) == 0 {
		return ""
	}
	if err == nil {
		err = l.hash(dir, files)
	}
	if err != nil {
		return err.Error()
	}
	lines := make([]string, 0, len(files))
	for _, f := range files {
		id := f.id
		if id == "" {
			id = l.hashes[f.state]
		}
		lines = append(lines, f.mode+" "+id+"\t"+f.path)
	}
	for _, f := range files {
		// What changed just now may change again within the same tick.
		if time.Unix(f.state.ctime.Unix()).After(begun.Add(-tick)) {
			delete(l.hashes, f.state)
		}
	}
	return sumOf(lines)
}

// file is one of a directory's. Of a link the name that git gives it is known at once.
type file struct {
	path, mode, id string
	state          fileState
}

func filesOf(dir string) (files []file, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case rel == ".git" || rel == ".evoseal":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case strings.HasSuffix(rel, ".log") || d.IsDir():
			return nil
		case d.Type() == fs.ModeSymlink:
			to, err := os.Readlink(path)
			id := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(to), to))
			files = append(files, file{path: rel, mode: "120000", id: fmt.Sprintf("%x", id)})
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		f := file{path: rel, mode: "100644", state: stateOf(fi)}
		if fi.Mode()&0o100 != 0 {
			f.mode = "100755"
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func stateOf(fi fs.FileInfo) fileState {
	st := fi.Sys().(*syscall.Stat_t)
	return fileState{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
}

// hash asks git for the names of the files that it wasn't asked for since they changed.
func (l *books) hash(dir string, files []file) error {
	var ask strings.Builder
	var asked []fileState
	for _, f := range files {
		if _, have := l.hashes[f.state]; !have && f.id == "" {
			ask.WriteString(f.path + "\n")
			asked = append(asked, f.state)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	cmd := l.world.gitCommand(dir, "hash-object", "--no-filters", "--stdin-paths")
	cmd.Stdin = strings.NewReader(ask.String())
	said := ended(cmd)
	ids := strings.Fields(said.out)
	if said.code != 0 || len(ids) != len(asked) {
		return fmt.Errorf("hash-object: %v", said)
	}
	for i, id := range ids {
		l.hashes[asked[i]] = id
	}
	return nil
}

func sumOf(lines []string) string {
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

// recorded asks git which trees the tags of checkpoints lead to, pruned ones too, by version.
func (l *books) recorded() (map[string][]string, error) {
	said := l.world.git(l.world.store(), "for-each-ref", "--format=%(refname) %(*tree)", "refs/tags/", "refs/evoseal/pruned/")
	if said.code != 0 || said.err != "" {
		return nil, fmt.Errorf("for-each-ref: %v", said)
	}
	trees := make(map[string][]string)
	for line := range strings.Lines(said.out) {
		ref, tree, _ := strings.Cut(strings.TrimSpace(line), " ")
		trees[path.Base(ref)] = append(trees[path.Base(ref)], tree)
	}
	return trees, nil
}

func (l *books) listed(version string) bool {
	return l.world.git(l.world.store(), "rev-parse", "--verify", "-q", "refs/tags/"+version).code == 0
}

// sum lists a tree of git's once: fsck says whether its name still fits.
func (l *books) sum(tree string) (string, error) {
	if sum, have := l.trees[tree]; have {
		return sum, nil
	}
	said := l.world.git(l.world.store(), "ls-tree", "-r", tree)
	if said.code != 0 {
		return "", fmt.Errorf("ls-tree: %v", said)
	}
	var lines []string
	for line := range strings.Lines(said.out) {
		lines = append(lines, strings.Replace(strings.TrimSuffix(line, "\n"), " blob ", " ", 1))
	}
	l.trees[tree] = sumOf(lines)
	return l.trees[tree], nil
}

// history asks git for the ids of all records.
func (l *books) history() (map[string]bool, error) {
	list := l.world.git(l.world.store(), "ls-tree", "-r", "--format=%(objectname)", "refs/notes/evoseal/history")
	if list.code != 0 {
		return nil, fmt.Errorf("ls-tree: %v", list)
	}
	cmd := l.world.gitCommand(l.world.store(), "cat-file", "--batch")
	cmd.Stdin = strings.NewReader(list.out)
	notes := ended(cmd)
	if notes.code != 0 {
		return nil, fmt.Errorf("cat-file: %v", notes)
	}
	ids := make(map[string]bool)
	for _, found := range recordID.FindAllStringSubmatch(notes.out, -1) {
		ids[found[1]] = true
	}
	return ids, nil
}

// policy asks git for a value of the policy.
func (l *books) policy(key string) string {
	return strings.TrimSpace(l.world.git(l.world.store(), "config", "--blob", "refs/evoseal/policy:policy", key).out)
}
