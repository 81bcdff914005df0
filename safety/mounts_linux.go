package safety

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one line of /proc/self/mountinfo: which directory (root) of which
// file system (device) is seen at which point.
type mount struct{ device, root, point string }

// readMounts returns what is mounted. Without /proc there is nothing to tell,
// and the rules that compare devices and inodes still hold.
func readMounts() []mount {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	var mounts []mount
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw"
		if fields := strings.Fields(lines.Text()); len(fields) > 4 {
			mounts = append(mounts, mount{fields[2], unescapeMount(fields[3]), unescapeMount(fields[4])})
		}
	}
	return mounts
}

// unescapeMount undoes the octal escapes of white space and backslashes.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// otherNames returns the other paths under which bind mounts show the existing
// directory path, whose identity is id.
func otherNames(mounts []mount, path string, id fileID) []string {
	var at mount
	for _, m := range mounts { // of equal points the last is on top
		if within(m.point, path) && len(m.point) >= len(at.point) {
			at = m
		}
	}
	if at.point == "" {
		return nil
	}
	inside := filepath.Join(at.root, strings.TrimPrefix(path, at.point))
	var names []string
	for _, m := range mounts {
		if m.device != at.device || !within(m.root, inside) {
			continue
		}
		name := filepath.Join(m.point, strings.TrimPrefix(inside, m.root))
		if name == path {
			continue
		}
		// Another mount may hide this one, so look before believing it.
		var st unix.Stat_t
		if unix.Stat(name, &st) == nil && entryOf(&st).id == id {
			names = append(names, name)
		}
	}
	return names
}

// isMountPoint reports whether the open directory dir is where a file system,
// or a part of one, is mounted below parent.
func isMountPoint(parent, dir *os.File) (bool, error) {
	above, err := lookAtHandle(parent)
	if err != nil {
		return false, err
	}
	here, err := lookAtHandle(dir)
	if err != nil {
		return false, err
	}
	if above.id.dev != here.id.dev {
		return true, nil
	}
	var st unix.Statx_t
	err = withFD(dir, func(fd int) error { return unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE, &st) })
	if err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
	}
	name, err := os.Readlink(procPath(dir))
	if err != nil {
		return false, nil // without statx and /proc the device is all there is to compare
	}
	for _, m := range readMounts() {
		if m.point == name {
			return true, nil
		}
	}
	return false, nil
}

// procPath returns a path that leads to an open file, whatever it is called now.
func procPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }
