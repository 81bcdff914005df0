package safety

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const passwdFile = "/etc/passwd"

// homeDirs returns $HOME, the homes of the users in the passwd file, and
// extra, without duplicates. Entries that stand for "no home" are left out:
// relative ones, "/", and those of system accounts below a system directory,
// which the system rule covers already.
func homeDirs(passwd string, extra []string) []string {
	candidates := append([]string{os.Getenv("HOME")}, extra...)
	candidates = append(candidates, passwdHomes(passwd)...)
	var homes []string
	for _, dir := range candidates {
		dir = filepath.Clean(dir)
		if !filepath.IsAbs(dir) || dir == "/" || within("/nonexistent", dir) || systemDirOf(dir) != "" {
			continue
		}
		if !slices.Contains(homes, dir) {
			homes = append(homes, dir)
		}
	}
	return homes
}

// passwdHomes returns the sixth field of each line of a passwd file. Where
// users live in a directory service, $HOME and the direct children of /home
// remain.
func passwdHomes(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var homes []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Split(lines.Text(), ":"); len(fields) > 5 {
			homes = append(homes, fields[5])
		}
	}
	return homes
}
