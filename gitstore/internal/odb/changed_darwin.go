package odb

import (
	"io/fs"
	"syscall"
	"time"
)

// changed is when a file, its name or its links were last changed: copying a
// directory with its times doesn't make a file old by it.
func changed(fi fs.FileInfo) time.Time {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctimespec.Unix())
	}
	return fi.ModTime()
}
