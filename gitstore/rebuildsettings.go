package gitstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
	"golang.org/x/sys/unix"
)

// settings mends the files that tell git what the store is.
func (r *rebuild) settings() error {
	for _, f := range []struct {
		name, content string
		sound         func(data []byte) bool
	}{
		{"HEAD", storeHead, r.headSound},
		{"config", storeConfig, configSound},
		{"info/attributes", storeAttributes, func(data []byte) bool { return strings.Contains("\n"+string(data), "\n"+storeAttributes) }},
	} {
		path := filepath.Join(r.s.dir, f.name)
		data, err := durable.ReadFile(path)
		if err == nil && f.sound(data) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, durable.ErrNotRegular) {
			return err
		}
		m := Mend{Kind: "settings", What: f.name, Why: malformed(f.name + " is not what plain git needs to find in the store"), How: "written anew", Trivial: true}
		r.do(m, func() error {
			if err == nil {
				if err := r.keepAside(path, data); err != nil {
					return err
				}
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			return durable.WriteFile(path, []byte(f.content), 0o644)
		})
	}
	return nil
}

// headSound accepts any branch that is there, for whoever uses the store with git.
func (r *rebuild) headSound(data []byte) bool {
	if string(data) == storeHead {
		return true
	}
	head := strings.TrimSpace(string(data))
	if name, ok := strings.CutPrefix(head, "ref: "); ok {
		_, err := r.s.refs.Read(name)
		return err == nil
	}
	id, err := ParseID(head)
	return err == nil && r.s.db.Lookup(id) == nil
}

// configSound wants every setting of ours; others may be beside them.
func configSound(data []byte) bool {
	have, err := ParseConfig(data)
	if err != nil {
		return false
	}
	need, err := ParseConfig([]byte(storeConfig))
	if err != nil {
		return false
	}
	for _, e := range need {
		if !slices.ContainsFunc(have, func(h ConfigEntry) bool {
			return strings.EqualFold(h.Section, e.Section) && h.Subsection == e.Subsection && strings.EqualFold(h.Key, e.Key) && h.Value == e.Value
		}) {
			return false
		}
	}
	return true
}

// locks removes locks whose holders can't be alive. Of one that git left nobody knows
// whose it is: only one that is older than the machine's last start is a dead
// process's for certain, on a disk that no other machine writes to.
func (r *rebuild) locks() error {
	locks, err := r.s.Locks()
	if err != nil {
		return err
	}
	booted, ok := bootTime()
	if !ok || !localDisk(r.s.dir) {
		return nil
	}
	for _, lock := range locks {
		if lock.Since.Before(booted) {
			m := Mend{Kind: "lock", What: r.rel(lock.Path), Why: errors.New("its holder died before this machine was started"), How: "removed"}
			r.do(m, func() error { return errors.Join(os.Remove(lock.Path), durable.SyncDir(filepath.Dir(lock.Path))) })
		}
	}
	return nil
}

// localDisk says that no other machine can be at work on the file system.
func localDisk(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && slices.Contains(localFileSystems(), int64(st.Type))
}

// derived removes what git derived from packs and what is damaged: it makes it again.
func (r *rebuild) derived() error {
	for _, path := range r.s.db.DerivedProblems() {
		m := Mend{Kind: "derived", What: r.rel(path), Why: malformed("it does not match its own checksum"), How: "removed; git makes it again", Trivial: true}
		r.do(m, func() error { return r.aside(path) })
	}
	return nil
}

// caches removes caches that can't be believed; a repair that changed what is stored
// removes all of them, since they tell what is stored where.
func (r *rebuild) caches() error {
	changed := slices.ContainsFunc(r.report.Mends, func(m Mend) bool {
		return m.State == Mended && (m.Kind == "pack" || m.Kind == "object" || m.Kind == "index" || m.Kind == "ref")
	})
	for _, name := range []string{statCacheFile, string(History) + ".lines", string(Verdicts) + ".lines"} {
		path := r.s.cachePath(name)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		var why error
		if name == statCacheFile {
			c, err := statcache.Open(path)
			c.Close()
			why = err
		} else {
			_, why = readLineCache(path)
		}
		if why != nil {
			r.do(Mend{Kind: "cache", What: r.rel(path), Why: why, How: "removed; it is made again", Trivial: true}, func() error { return os.Remove(path) })
		} else if changed {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// clockSlack is how far clocks of files and kernel may be apart.
const clockSlack = time.Minute
