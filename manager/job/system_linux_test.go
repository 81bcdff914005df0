package job_test

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// foreground says where a program with a terminal is; nothing without one.
func foreground() string {
	front, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	switch {
	case err != nil:
		return ""
	case front == unix.Getpgrp():
		return " foreground"
	}
	return " background"
}

// adopts says that this process is the parent of orphans.
func adopts() bool {
	var flag int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&flag)), 0, 0, 0)
	return err != nil || flag != 0
}
