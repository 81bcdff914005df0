package manager

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"golang.org/x/sys/unix"
)

// ErrUntrusted says that a store belongs to another user, so that what its policy
// asks to be run, written or posted isn't. See [UntrustedError].
var ErrUntrusted = errors.New("the store belongs to another user")

// UntrustedError names the store and the project for which
// `git config --global --add safe.directory <project>` would say that its owner is
// trusted.
type UntrustedError struct {
	Store, Project string
	Owner          int
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("the store %s belongs to another user (%d), whose commands and sinks aren't used; git's setting safe.directory can allow it", e.Store, e.Owner)
}

// Is matches [ErrUntrusted].
func (e *UntrustedError) Is(target error) bool { return target == ErrUntrusted }

// trusts says whether the store's policy may have commands run and sinks used in
// the name of this user. As with git and a repository's hooks, it may where the
// store is this user's own, or where safe.directory, which only the user's and the
// system's configuration can set, names the project. Someone who became root by
// sudo still is who they were.
func (m *Manager) trusts(s *gitstore.Store) error {
	var st unix.Stat_t
	if err := unix.Stat(s.Dir(), &st); err != nil {
		return err
	}
	me := os.Geteuid()
	if int(st.Uid) == me {
		return nil
	}
	if before, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil && me == 0 && before == int(st.Uid) {
		return nil
	}
	safe := false
	for _, dir := range gitstore.UserConfig().All("safe", "directory") {
		switch above, below := strings.CutSuffix(dir, "/*"); {
		case dir == "":
			safe = false
		case dir == "*", filepath.Clean(dir) == m.project.Root, below && strings.HasPrefix(m.project.Root, above+"/"):
			safe = true
		}
	}
	if safe {
		return nil
	}
	return &UntrustedError{Store: s.Dir(), Project: m.project.Root, Owner: int(st.Uid)}
}
