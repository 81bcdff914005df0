package gitindex

import "errors"

var (
	// ErrCorrupt says that the data is not an index, or a damaged one.
	ErrCorrupt = errors.New("malformed index")
	// ErrUnsupported says that the index is of a version or has a required
	// extension that is not understood here.
	ErrUnsupported = errors.New("unsupported index")
	// ErrEntry says that entries can't be written as an index.
	ErrEntry = errors.New("not a valid index entry")
)

// Entry is one entry of an index. Numbers that are wider in stat data are kept
// modulo 2^32, as git does.
type Entry struct {
	CTimeSec, CTimeNsec uint32
	MTimeSec, MTimeNsec uint32
	Dev, Ino            uint32
	// Mode is that of a Git tree entry: 0100644, 0100755, 0120000, 0160000, or
	// 040000 for a directory of a sparse index.
	Mode     uint32
	UID, GID uint32
	Size     uint32
	ID       [20]byte
	// Name is the path below the work tree's top, bytes as is, with slashes. Its
	// safety is for the caller to check.
	Name string
	// Stage is 0, or 1 to 3 for the versions of a conflict.
	Stage       uint8
	AssumeValid bool
	// SkipWorktree and IntentToAdd make Encode write version 3.
	SkipWorktree, IntentToAdd bool
}

// Pointers is what Encode takes, of entries that lie one after another.
func Pointers(entries []Entry) []*Entry {
	out := make([]*Entry, len(entries))
	for i := range entries {
		out[i] = &entries[i]
	}
	return out
}

const (
	modeKind    = 0o170000
	modeRegular = 0o100000
	modeSymlink = 0o120000
	modeGitlink = 0o160000
	modeDir     = 0o040000
)

const (
	headerSize   = 12
	statSize     = 40
	checksumSize = 20

	flagAssumeValid = 0x8000
	flagExtended    = 0x4000
	flagStage       = 0x3000
	flagName        = 0x0FFF

	extendedSkipWorktree = 0x4000
	extendedIntentToAdd  = 0x2000
)

// before is the order of an index: by name, then by stage.
func (e *Entry) before(o *Entry) bool {
	return e.Name < o.Name || e.Name == o.Name && e.Stage < o.Stage
}
