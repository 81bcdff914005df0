package refs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// announceLog writes into the lock's journal how long the ref's log is before anything is
// added to it. The ref may get a value that its log ends with already, as a repair gives
// it one: what was added can't be told from the line itself.
func (h *Held) announceLog() {
	if h.lock.journal == nil {
		return
	}
	var size int64
	if fi, err := os.Lstat(h.db.logPath(h.name)); err == nil {
		size = fi.Size()
	}
	fmt.Fprintln(h.lock.journal.f, size)
}

// takeBack removes from a ref's log what a dead process added of a value that the ref
// never got: else the log tells of a ref that was lost. It is called before the dead one's
// lock is removed, so that nobody else changes the log. Where a power cut took what the
// journal says, the log stays: it may be the last to know of a ref.
func (db *DB) takeBack(lock string, journal []byte) {
	name := strings.TrimSuffix(lock, ".lock")
	lines := bytes.Split(journal, []byte("\n"))
	if len(lines) < 3 || CheckName(name) != nil {
		return
	}
	size, err := strconv.ParseInt(string(lines[1]), 10, 64)
	path := db.logPath(name)
	fi, statErr := os.Lstat(path)
	if err != nil || size < 0 || statErr != nil || fi.Size() <= size {
		return
	}
	if err := cutLog(path, size); err != nil {
		db.opts.Log.Warn("what a dead process wrote into a log can't be taken back", "log", path, "error", err)
	}
}

// cutLog makes a log end there, durably, before the lock may go.
func cutLog(path string, end int64) error {
	if end == 0 {
		if err := os.Remove(path); err != nil {
			return err
		}
		return durable.SyncDir(filepath.Dir(path))
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(end); err != nil {
		return err
	}
	return f.Sync()
}

// lockedValue is what a ref will be once its lock is renamed; null when the lock isn't
// there, or says nothing yet.
func lockedValue(lock string) ID {
	data, err := durable.ReadFile(lock)
	if err != nil {
		return ID{}
	}
	id, _ := parseID(bytes.TrimSpace(data))
	return id
}
