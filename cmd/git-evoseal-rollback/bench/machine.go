package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine describes what the figures were measured on and with, without a name
// or a path of it.
func machine(ctx context.Context, binary string) string {
	var u unix.Utsname
	kernel := "an unknown kernel"
	if unix.Uname(&u) == nil {
		kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if model := lineOf("/proc/cpuinfo", "model name"); model != "" {
		parts = append(parts, model)
	}
	if kb, err := strconv.ParseFloat(strings.TrimSuffix(lineOf("/proc/meminfo", "MemTotal"), " kB"), 64); err == nil {
		parts = append(parts, size(kb*1024)+" of memory")
	}
	parts = append(parts, kernel, runtime.Version())
	for _, argv := range [][]string{{binary, "version"}, {"git", "--version"}, {"restic", "version"}, {"bup", "--version"}, {"rsync", "--version"}, {"cp", "--version"}, {"tar", "--version"}} {
		parts = append(parts, versionOf(ctx, argv))
	}
	return "Measured with " + strings.Join(parts, "; ") + "."
}

// versionOf is the first line of what a program says of itself.
func versionOf(ctx context.Context, argv []string) string {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	name := filepath.Base(argv[0])
	if err != nil {
		return "no " + name
	}
	first, _, _ := strings.Cut(string(out), "\n")
	first = strings.Join(strings.Fields(first), " ")
	if !strings.Contains(first, name) {
		first = name + " " + first
	}
	return first
}

// lineOf is the value of a line "key: value" of a file, or "".
func lineOf(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fileSystem is the type of what a directory lies on, as Linux names it.
func fileSystem(dir string) string {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	kind, longest := "unknown", -1
	for line := range strings.Lines(string(data)) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 {
			continue
		}
		point := fields[4]
		below := point == "/" || dir == point || strings.HasPrefix(dir, point+"/")
		if below && len(point) >= longest {
			kind, longest = strings.Fields(after)[0], len(point)
		}
	}
	return kind
}

// mediumOf says what a directory lies on, for people.
func mediumOf(dir string) string {
	kind := fileSystem(dir)
	if kind == "tmpfs" {
		return "memory (tmpfs)"
	}
	return "disk (" + kind + ")"
}

func (a *arena) inMemory() bool { return strings.HasPrefix(a.medium, "memory") }

// room is how many bytes a directory's medium has free; of one in memory not
// more than memory has.
func room(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	free := int64(s.Bavail) * int64(s.Bsize)
	if fileSystem(dir) == "tmpfs" {
		if kb, err := strconv.ParseInt(strings.TrimSuffix(lineOf("/proc/meminfo", "MemAvailable"), " kB"), 10, 64); err == nil {
			free = min(free, kb*1024)
		}
	}
	return free, nil
}
