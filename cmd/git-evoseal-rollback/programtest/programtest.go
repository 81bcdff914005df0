// Package programtest builds the program for tests that run it as its users do, and
// look at files, exit codes and words. They take it as it ships: the race detector
// would make each start and each byte cost ten times as much, and tells nothing there
// that the tests of the packages, and those that run scripts, aren't told.
package programtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds the program in dir and returns its path.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "git-evoseal-rollback")
	// The flags of make build, so that only linking is left to be done after it.
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}
