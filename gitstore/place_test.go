package gitstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func TestStoreThatLostItsHead(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"gone": os.Remove, "empty": func(p string) error { return os.Truncate(p, 0) },
		"torn": func(p string) error { return os.WriteFile(p, []byte("\x00\x00\x00"), 0o644) },
		"and its cache": func(p string) error {
			return errors.Join(os.Remove(p), os.RemoveAll(filepath.Join(filepath.Dir(p), cacheDir)))
		},
	} {
		w := newWorld(t)
		w.write("f", "x", "sub/g", "x")
		w.record(w.store(), RecordRequest{Version: "v1"})
		w.must(harm(filepath.Join(w.dir, ".evoseal/.git/HEAD")))
		// Found from below, without a git repository to go by.
		p, err := FindProject(filepath.Join(w.dir, "sub"))
		w.must(err)
		var log bytes.Buffer
		s, err := Open(context.Background(), p, Options{Logger: hclog.New(&hclog.LoggerOptions{Output: &log})})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer s.Close()
		if !strings.Contains(log.String(), "lost its HEAD") {
			t.Errorf("%s: the log says %q", name, log.String())
		}
		if got, err := s.Resolve(context.Background(), Latest); err != nil || got.Version != "v1" || p.Root != w.dir {
			t.Errorf("%s: latest of %s is %q: %v", name, p.Root, got.Version, err)
		}
		w.fsck()
	}
}

func TestStoreThatCanNotBeMended(t *testing.T) {
	w := newWorld(t)
	w.write("f", "x")
	w.record(w.store(), RecordRequest{Version: "v1"})
	p, err := FindProject(w.dir)
	w.must(err)
	dir := p.StoreDir()
	// A directory in the way of HEAD can't be written over.
	w.must(os.Remove(filepath.Join(dir, "HEAD")))
	w.must(os.MkdirAll(filepath.Join(dir, "HEAD/x"), 0o755))
	for _, open := range []func(context.Context, *Project, Options) (*Store, error){Open, Init} {
		if _, err := open(context.Background(), p, Options{}); !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNoStore) {
			t.Errorf("HEAD can't be had: %v", err)
		}
	}
	w.must(os.RemoveAll(filepath.Join(dir, "HEAD")))
	w.must(os.Rename(filepath.Join(dir, "objects"), filepath.Join(dir, "objects.away")))
	for _, open := range []func(context.Context, *Project, Options) (*Store, error){Open, Init} {
		if _, err := open(context.Background(), p, Options{}); !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNoStore) {
			t.Errorf("no objects: %v", err)
		}
	}
}

func TestPlaceOfTheStore(t *testing.T) {
	for name, c := range map[string]struct {
		make func(w *world) error
		want string
	}{
		"link":     {func(w *world) error { return os.Symlink(w.TempDir(), filepath.Join(w.dir, Dir)) }, "is a symbolic link to"},
		"dangling": {func(w *world) error { return os.Symlink("nowhere", filepath.Join(w.dir, Dir)) }, `is a symbolic link to "nowhere"`},
		"file":     {func(w *world) error { return os.WriteFile(filepath.Join(w.dir, Dir), nil, 0o644) }, "is not a directory"},
		"store's link": {func(w *world) error {
			return errors.Join(os.Mkdir(filepath.Join(w.dir, Dir), 0o755), os.Symlink(w.TempDir(), filepath.Join(w.dir, Dir, ".git")))
		}, "is a symbolic link to"},
		"store's file": {func(w *world) error {
			return errors.Join(os.Mkdir(filepath.Join(w.dir, Dir), 0o755), os.WriteFile(filepath.Join(w.dir, Dir, ".git"), nil, 0o644))
		}, "is not a directory"},
	} {
		for _, isGit := range []bool{false, true} {
			w := newWorld(t)
			if isGit {
				w.git("init", "-q", ".")
			}
			p, err := FindProject(w.dir)
			w.must(err)
			w.must(c.make(w))
			_, find := FindProject(w.dir)
			_, open := Open(context.Background(), p, Options{})
			_, init := Init(context.Background(), p, Options{})
			for _, err := range []error{find, open, init} {
				var place *PlaceError
				if !errors.Is(err, ErrStorePlace) || !errors.As(err, &place) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s, git %v: %v", name, isGit, err)
				}
			}
		}
	}
}

func TestConfiguredStoreMayBeReachedByALink(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("f", "x")
	elsewhere := filepath.Join(w.TempDir(), "link")
	w.must(os.Symlink(w.TempDir(), elsewhere))
	w.git("config", "evoseal.store", filepath.Join(elsewhere, "store"))
	w.record(w.store(), RecordRequest{Version: "v1"})
}

func TestNameOfARepositoryThatIsNone(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", "real")
	w.write("real/f", "x", "f", "x", "dir/.git/config", "x", "file/.git", "gitdir: /nowhere\n", "file/g", "x")
	s := w.store()
	r := w.record(s, RecordRequest{Version: "v1"})
	want := []Skipped{{Path: "dir/.git", Reason: "named .git, but no repository"}, {Path: "file/.git", Reason: "named .git, but no repository"}}
	check := func(want []Skipped) {
		t.Helper()
		if len(r.Meta.Skipped) != len(want) {
			t.Fatalf("skipped %+v", r.Meta.Skipped)
		}
		for i := range want {
			if r.Meta.Skipped[i] != want[i] {
				t.Errorf("skipped %+v", r.Meta.Skipped[i])
			}
		}
	}
	check(want)
	if r.Partial {
		t.Error("the checkpoint counts as partial")
	}
	// At the top too, as long as it makes the project no repository.
	w.write(".git/notes", "mine")
	r = w.record(w.store(), RecordRequest{Version: "v2"})
	check(append([]Skipped{{Path: ".git", Reason: want[0].Reason}}, want...))
	w.must(os.RemoveAll(filepath.Join(w.dir, ".git")))
	w.git("init", "-q", ".")
	r = w.record(w.store(), RecordRequest{Version: "v3"})
	check(want)
}
