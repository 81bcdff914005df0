package refs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// LogEntry is one line of a ref's log.
type LogEntry struct {
	Old, New ID
	Reason   string
}

func (db *DB) logPath(name string) string {
	return filepath.Join(db.dir, "logs", filepath.FromSlash(name))
}

// Reflog returns the ref's log, newest first; nothing when it has none. Lines
// that a crash left torn are stepped over.
func (db *DB) Reflog(name string) ([]LogEntry, error) {
	data, err := durable.ReadFile(db.logPath(name))
	if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []LogEntry
	for line := range bytes.Lines(data) {
		head, reason, _ := bytes.Cut(bytes.TrimRight(line, "\n"), []byte("\t"))
		fields := bytes.Fields(head)
		if len(fields) < 2 {
			continue
		}
		from, ok := parseID(fields[0])
		to, ok2 := parseID(fields[1])
		if ok && ok2 {
			all = append(all, LogEntry{from, to, string(reason)})
		}
	}
	slices.Reverse(all)
	return all, nil
}

// Logged lists the refs that have a log and whose names begin with prefix, also
// those that are gone: git removes a log together with its ref.
func (db *DB) Logged(prefix string) ([]string, error) {
	var names []string
	top := filepath.Join(db.dir, "logs")
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(top, path)
		if name := filepath.ToSlash(rel); err == nil && e.Type().IsRegular() && strings.HasPrefix(name, prefix) && CheckName(name) == nil {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// HasLog says whether a ref has a log, as one has that was lost.
func (db *DB) HasLog(name string) bool {
	fi, err := os.Lstat(db.logPath(name))
	return err == nil && fi.Mode().IsRegular()
}

// Raw is what the ref's own file holds, for people to read; empty when there is
// no such file.
func (db *DB) Raw(name string) string {
	data, err := durable.ReadFile(db.path(name))
	if err != nil {
		return ""
	}
	const most = 100
	text := string(data[:min(most, len(data))])
	if _, ok := parseID(bytes.TrimSpace(data)); ok {
		return strings.TrimSpace(text)
	}
	return fmt.Sprintf("%q", text)
}

// BrokenNames lists the refs that an error of List names.
func BrokenNames(err error) []string {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var names []string
		for _, e := range list.Unwrap() {
			names = append(names, BrokenNames(e)...)
		}
		return names
	}
	var broken *BrokenError
	if errors.As(err, &broken) {
		return []string{broken.Name}
	}
	return nil
}
