package gitstoretest

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// verb is one word that a script line can begin with.
type verb struct {
	// least and most are how many words may follow; most is -1 for any number.
	least, most int
	run         func(*script, []string)
}

func verbTable() map[string]verb {
	return map[string]verb{
		"require":   {1, 1, func(*script, []string) {}},
		"at":        {1, 1, func(s *script, w []string) { s.date = w[0] }},
		"git":       {1, -1, (*script).git},
		"files":     {0, 1, (*script).writeFiles},
		"text":      {2, 2, func(s *script, w []string) { s.write(w[0], []byte(w[1]), 0o644) }},
		"write-hex": {2, -1, (*script).writeHex},
		"canary":    {1, 1, (*script).canary},
		"size":      {4, 4, (*script).size},
		"many":      {2, 2, (*script).many},
		"mkdir":     {1, -1, func(s *script, w []string) { s.each(w, s.mkdir) }},
		"symlink":   {3, 3, (*script).symlink},
		"fifo":      {1, 1, func(s *script, w []string) { s.must(unix.Mkfifo(s.parented(w[0]), 0o644)) }},
		"chmod":     {2, -1, (*script).chmod},
		"rm":        {1, -1, func(s *script, w []string) { s.each(w, func(path string) { s.must(os.RemoveAll(path)) }) }},
		"project":   {1, 1, func(s *script, w []string) { s.p.Dir = filepath.Clean(s.path(w[0])) }},
		"refuse":    {1, -1, func(s *script, w []string) { s.p.Refused = append(s.p.Refused, w...) }},
		"golden":    {2, 2, (*script).golden},
	}
}

func (s *script) each(names []string, do func(path string)) {
	for _, name := range names {
		do(s.path(name))
	}
}

func (s *script) git(args []string) {
	cmd := command(s.dir, append(append(quiet[:len(quiet):len(quiet)], "-c", "init.templateDir="+s.template()), args...)...)
	cmd.Env = append(cmd.Env, "GIT_AUTHOR_DATE="+s.date, "GIT_COMMITTER_DATE="+s.date)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.stop("%v\n%s", err, out)
	}
}

// mkdir makes a directory and those above it, with the same bits under every
// umask.
func (s *script) mkdir(path string) {
	if _, err := os.Lstat(path); err == nil {
		return
	}
	s.mkdir(filepath.Dir(path))
	s.must(os.Mkdir(path, 0o755))
	s.must(os.Chmod(path, 0o755))
}

// parented is the path of a name, whose directory it makes.
func (s *script) parented(name string) string {
	path := s.path(name)
	s.mkdir(filepath.Dir(path))
	return path
}

func (s *script) write(name string, data []byte, perm fs.FileMode) {
	path := s.parented(name)
	s.must(os.WriteFile(path, data, perm))
	s.must(os.Chmod(path, perm))
}

// writeFiles writes the archive's files, or those below one of its directories,
// whose name they lose.
func (s *script) writeFiles(w []string) {
	prefix := ""
	if len(w) > 0 {
		prefix = w[0] + "/"
	}
	n := 0
	for _, f := range s.files {
		if name, ok := strings.CutPrefix(f.Name, prefix); ok {
			s.write(name, f.Data, 0o644)
			n++
		}
	}
	if n == 0 {
		s.stop("no files below %q", prefix)
	}
}

func (s *script) writeHex(w []string) {
	data, err := hex.DecodeString(strings.Join(w[1:], ""))
	s.must(err)
	s.write(w[0], data, 0o644)
}

// canary writes a program that leaves its trace when it runs.
func (s *script) canary(w []string) {
	trace := filepath.Join(s.p.Canary, filepath.Base(w[0]))
	s.write(w[0], fmt.Appendf(nil, "#!/bin/sh\n: > '%s'\n", trace), 0o755)
}

func (s *script) symlink(w []string) {
	if w[1] != "->" {
		s.stop("symlink name -> destination")
	}
	s.must(os.Symlink(w[2], s.parented(w[0])))
}

func (s *script) chmod(w []string) {
	bits, err := strconv.ParseUint(w[0], 8, 12)
	s.must(err)
	s.each(w[1:], func(path string) { s.must(unix.Chmod(path, uint32(bits))) })
}

// stride is how far apart the blocks of a sparse file lie, and block how long
// they are.
const (
	stride = 16 << 20
	block  = 64 << 10
)

// size writes a big file: blocks of noise from a seed, holes between them.
func (s *script) size(w []string) {
	mega, err := strconv.ParseInt(strings.TrimSuffix(w[1], "M"), 10, 64)
	s.must(err)
	seed, err := strconv.ParseUint(w[3], 10, 64)
	s.must(err)
	if w[2] != "sparse" {
		s.stop("size name 300M sparse seed")
	}
	s.write(w[0], nil, 0o644)
	f, err := os.OpenFile(s.path(w[0]), os.O_WRONLY, 0)
	s.must(err)
	defer f.Close()
	s.must(f.Truncate(mega << 20))
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	noise, buf := rand.NewChaCha8(key), make([]byte, block)
	for at := int64(0); at+block <= mega<<20; at += stride {
		noise.Read(buf)
		_, err := f.WriteAt(buf, at)
		s.must(err)
	}
}

// many writes small files, a hundred to a directory. One in ten repeats another,
// and one in fifty is executable.
func (s *script) many(w []string) {
	n, err := strconv.Atoi(w[1])
	s.must(err)
	for i := range n {
		perm := fs.FileMode(0o644)
		if i%50 == 0 {
			perm = 0o755
		}
		s.write(fmt.Sprintf("%s/%03d/file-%05d.txt", w[0], i/100, i), fmt.Appendf(nil, "file %d\n", i-i%10/9), perm)
	}
}

func (s *script) golden(w []string) {
	switch w[0] {
	case "HEAD":
		s.p.GoldenHead = w[1]
	case "tree":
		s.p.GoldenTree = w[1]
	default:
		s.stop("golden HEAD or golden tree")
	}
}
