//go:build linux && (amd64 || arm64)

package crash

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// user is who works in the project meanwhile. It knows what it wrote.
type user struct {
	dir     string
	lot     *rand.Rand
	files   map[string]userFile
	changes int
	err     error
}

type userFile struct {
	content string
	perm    fs.FileMode
}

func newUser(dir string, files int, lot *rand.Rand) *user {
	u := &user{dir: dir, lot: lot, files: make(map[string]userFile)}
	for range files {
		u.write(u.name())
	}
	return u
}

// name is one of so many that some exist and some don't.
func (u *user) name() string {
	return fmt.Sprintf("u%d/v%d/w%d", u.lot.IntN(5), u.lot.IntN(5), u.lot.IntN(40))
}

func (u *user) path(name string) string { return filepath.Join(u.dir, name) }

func (u *user) some() string {
	all := slices.Sorted(maps.Keys(u.files))
	return all[u.lot.IntN(len(all))]
}

// work changes something every few milliseconds.
func (u *user) work(ctx context.Context) {
	for ctx.Err() == nil && u.err == nil {
		switch u.lot.IntN(6) {
		case 0, 1:
			u.write(u.some())
		case 2:
			u.write(u.name())
		case 3:
			u.remove(u.some())
		case 4:
			u.rename(u.some(), u.name())
		case 5:
			u.chmod(u.some())
		}
		time.Sleep(time.Duration(u.lot.IntN(15)) * time.Millisecond)
	}
}

func (u *user) did(err error) bool {
	u.changes++
	if err != nil && u.err == nil {
		u.err = fmt.Errorf("the user was disturbed: %w", err)
	}
	return err == nil
}

// write gives a file content that no file had before.
func (u *user) write(name string) {
	content := strings.Repeat(fmt.Sprintf("change %d\n", u.changes), u.lot.IntN(300))
	perm := fs.FileMode(0o644)
	if have, ok := u.files[name]; ok {
		perm = have.perm
	}
	err := os.MkdirAll(filepath.Dir(u.path(name)), 0o755)
	if err == nil {
		err = os.WriteFile(u.path(name), []byte(content), perm)
	}
	if u.did(err) {
		u.files[name] = userFile{content, perm}
	}
}

func (u *user) remove(name string) {
	if len(u.files) > 5 && u.did(os.Remove(u.path(name))) {
		delete(u.files, name)
		// As long as it isn't the last one.
		os.Remove(filepath.Dir(u.path(name)))
	}
}

func (u *user) rename(from, to string) {
	err := os.MkdirAll(filepath.Dir(u.path(to)), 0o755)
	if err == nil {
		err = os.Rename(u.path(from), u.path(to))
	}
	if u.did(err) {
		f := u.files[from]
		delete(u.files, from)
		u.files[to] = f
	}
}

func (u *user) chmod(name string) {
	perm := []fs.FileMode{0o644, 0o755, 0o600, 0o640}[u.lot.IntN(4)]
	if u.did(os.Chmod(u.path(name), perm)) {
		u.files[name] = userFile{u.files[name].content, perm}
	}
}

// differs lists what isn't as the user left it.
func (u *user) differs() (wrong []string) {
	found := make(map[string]bool)
	for i := range 5 {
		filepath.WalkDir(u.path(fmt.Sprintf("u%d", i)), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(u.dir, path)
				found[rel] = true
			}
			return nil
		})
	}
	for name, want := range u.files {
		fi, err := os.Lstat(u.path(name))
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		got, err := os.ReadFile(u.path(name))
		if err != nil || string(got) != want.content || fi.Mode() != want.perm {
			wrong = append(wrong, fmt.Sprintf("%s is another (%v, %d bytes): %v", name, fi.Mode(), len(got), err))
		}
		delete(found, name)
	}
	for name := range found {
		wrong = append(wrong, name+" is new")
	}
	return wrong
}
