package safety

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// marker is the recovery marker: one line of JSON in ".<base>.swap", durable
// before an exchange begins and removed when its result is put away. Inode
// numbers, which survive a restart as device numbers need not, tell whether the
// exchange happened.
type marker struct {
	Other string `json:"other"` // the name that the target is exchanged with
	Aside string `json:"aside"` // where the target waits if three renames are needed
	Fresh uint64 `json:"fresh"` // inode that is to become the target
	Old   uint64 `json:"old"`   // inode that is the target
	Keep  bool   `json:"keep"`  // whether the old tree becomes the previous one
}

const maxMarker = 4096

func (t *Target) markerName() string { return "." + t.base + ".swap" }

func (t *Target) writeMarker(m marker) (err error) {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := openAt(t.parent, t.markerName(), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(t.parent)
	}
	if err != nil {
		return errors.Join(err, t.dropMarker())
	}
	return nil
}

func (t *Target) dropMarker() error {
	err := unlinkAt(t.parent, t.markerName(), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncDir(t.parent))
}

// readMarker returns the marker of an exchange that was broken off, and
// whether there is a file by its name that the engine wrote. A torn one holds
// the zero marker: the exchange had not begun.
func (t *Target) readMarker() (m marker, found bool, err error) {
	e, err := lookAt(t.parent, t.markerName())
	if errors.Is(err, fs.ErrNotExist) {
		return marker{}, false, nil
	}
	if err != nil || e.mode&unix.S_IFMT != unix.S_IFREG || !t.trusts(e) {
		return marker{}, false, err
	}
	f, err := openAt(t.parent, t.markerName(), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return marker{}, false, err
	}
	defer f.Close()
	line, err := io.ReadAll(io.LimitReader(f, maxMarker))
	if err != nil {
		return marker{}, false, err
	}
	if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &m) != nil || !t.plausible(m) {
		return marker{}, true, nil
	}
	return m, true, nil
}

// plausible refuses a marker that names anything but the target's neighbours.
func (t *Target) plausible(m marker) bool {
	other := t.isNeighbour(m.Other, pendingKind) || m.Other == t.base+previousSuffix
	return other && t.isNeighbour(m.Aside, asideKind)
}

// isNeighbour reports whether name is one that neighbour makes.
func (t *Target) isNeighbour(name string, kinds ...string) bool {
	for _, kind := range kinds {
		if strings.HasPrefix(name, "."+t.base+kind) && keptName().MatchString(name) &&
			len(name) == len(t.base)+len(kind)+17 {
			return true
		}
	}
	return false
}

// trusts reports whether an entry was made by this user, or by the one who
// owns the parent directory and so could do anything here anyway. In a shared
// directory like /tmp others may plant names that look like ours.
func (t *Target) trusts(e entry) bool {
	if int(e.uid) == os.Geteuid() {
		return true
	}
	parent, err := lookAtHandle(t.parent)
	return err == nil && parent.uid == e.uid
}
