package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	fdiff "github.com/go-git/go-git/v5/plumbing/format/diff"
	"github.com/go-git/go-git/v5/utils/diff"
	"golang.org/x/sys/unix"
)

// maxText is the size up to which a file's text is compared line by line;
// larger files are told to differ, as binary ones are.
const maxText = 4 << 20

// diffTimeout bounds the search for the smallest difference of one file; after
// it a larger, still correct one is taken.
const diffTimeout = 5 * time.Second

// Stat counts the lines of one change.
type Stat struct {
	Added, Deleted int
	// Binary files have no lines to count.
	Binary bool
}

func (d *Diff) oldContent(c Change) ([]byte, error) {
	if c.OldMode == 0 || c.OldMode == scan.ModeDir {
		return nil, nil
	}
	return d.stored(c.OldID)
}

func (d *Diff) newContent(c Change) ([]byte, error) {
	if c.NewMode == 0 || c.NewMode == scan.ModeDir {
		return nil, nil
	}
	if d.live {
		return d.fromProject(c)
	}
	return d.stored(c.NewID)
}

func (d *Diff) stored(id ID) ([]byte, error) {
	_, size, err := d.s.db.Size(id)
	if err != nil {
		return nil, err
	}
	if size > maxText {
		return nil, ErrNoText
	}
	return d.s.db.ReadType(id, odb.Blob)
}

// fromProject reads a live file. One that was removed since it was compared has nothing
// in it any more.
func (d *Diff) fromProject(c Change) ([]byte, error) {
	data, err := d.readLive(c)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	return data, err
}

// readLive doesn't follow a symbolic link out of the project.
func (d *Diff) readLive(c Change) ([]byte, error) {
	root, err := os.OpenRoot(d.s.project.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if c.NewMode == scan.ModeSymlink {
		dest, err := root.Readlink(c.Path)
		return []byte(dest), err
	}
	f, err := root.Open(c.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(data) > maxText {
		err = ErrNoText
	}
	return data, err
}

func isBinary(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0
}

// texts returns both sides; the third result says that they are not text.
func (d *Diff) texts(c Change) (before, after []byte, binary bool, err error) {
	before, err = d.oldContent(c)
	if err == nil {
		after, err = d.newContent(c)
	}
	if err == ErrNoText {
		return nil, nil, true, nil
	}
	return before, after, isBinary(before) || isBinary(after), err
}

// Stat counts the lines that a change adds and deletes.
func (d *Diff) Stat(c Change) (Stat, error) {
	if c.OldID == c.NewID {
		return Stat{}, nil
	}
	before, after, binary, err := d.texts(c)
	if err != nil || binary {
		return Stat{Binary: binary}, err
	}
	var st Stat
	for _, piece := range diff.DoWithTimeout(string(before), string(after), diffTimeout) {
		n := strings.Count(piece.Text, "\n")
		if piece.Text != "" && !strings.HasSuffix(piece.Text, "\n") {
			n++
		}
		switch operation(int(piece.Type)) {
		case fdiff.Add:
			st.Added += n
		case fdiff.Delete:
			st.Deleted += n
		}
	}
	return st, nil
}

// Patch writes one change as git-diff(1) does, with three lines of context.
func (d *Diff) Patch(w io.Writer, c Change) error {
	if c.OldMode == scan.ModeDir || c.NewMode == scan.ModeDir {
		return nil
	}
	before, after, binary, err := d.texts(c)
	if err != nil {
		return err
	}
	if c.Kind == ModeChanged && c.OldMode == c.NewMode {
		_, err := fmt.Fprintf(w, "diff --git a/%s b/%s\nold permissions %04o\nnew permissions %04o\n", c.Path, c.Path, c.OldPerm, c.NewPerm)
		return err
	}
	p := filePatch{c: c, binary: binary}
	if !binary {
		for _, piece := range diff.DoWithTimeout(string(before), string(after), diffTimeout) {
			p.chunks = append(p.chunks, chunk{piece.Text, operation(int(piece.Type))})
		}
	}
	return fdiff.NewUnifiedEncoder(w, fdiff.DefaultContextLines).Encode(patch{p})
}

// patch, filePatch, patchFile and chunk are a change in go-git's terms.
type patch struct{ filePatch }

func (p patch) FilePatches() []fdiff.FilePatch { return []fdiff.FilePatch{p.filePatch} }

func (p patch) Message() string { return "" }

type filePatch struct {
	c      Change
	binary bool
	chunks []fdiff.Chunk
}

func (p filePatch) IsBinary() bool { return p.binary }

func (p filePatch) Chunks() []fdiff.Chunk { return p.chunks }

func (p filePatch) Files() (from, to fdiff.File) {
	c := p.c
	if c.OldMode != 0 {
		path := c.OldPath
		if path == "" {
			path = c.Path
		}
		from = patchFile{path, c.OldMode, c.OldID}
	}
	if c.NewMode != 0 {
		to = patchFile{c.Path, c.NewMode, c.NewID}
	}
	return from, to
}

type patchFile struct {
	path string
	mode uint32
	id   ID
}

func (f patchFile) Hash() plumbing.Hash { return plumbing.Hash(f.id) }

func (f patchFile) Mode() filemode.FileMode { return filemode.FileMode(f.mode) }

func (f patchFile) Path() string { return f.path }

type chunk struct {
	text string
	op   fdiff.Operation
}

func (c chunk) Content() string { return c.text }

func (c chunk) Type() fdiff.Operation { return c.op }

// operation translates the sign by which the line comparison says what a piece
// is.
func operation(sign int) fdiff.Operation {
	switch {
	case sign > 0:
		return fdiff.Add
	case sign < 0:
		return fdiff.Delete
	}
	return fdiff.Equal
}
