package safety

import (
	"os"

	"golang.org/x/sys/unix"
)

// exchangeNames exchanges two entries of a directory in one step.
func exchangeNames(dir *os.File, a, b string) error {
	return withFD(dir, func(fd int) error { return unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE) })
}

// renameFree renames an entry to a name that must not exist.
func renameFree(dir *os.File, from, to string) error {
	return withFD(dir, func(fd int) error { return unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE) })
}
