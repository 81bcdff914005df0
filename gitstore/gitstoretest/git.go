package gitstoretest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// quiet turns off what makes git run programs, write beside the point, or wait
// for the disk. Filters run only in commands that convert files.
var quiet = []string{
	"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.fsync=none",
	"-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "advice.detachedHead=false", "-c", "protocol.file.allow=always",
}

// Isolate makes home the test's HOME and hides the machine's Git configuration
// and every GIT_ variable, such as those that hooks inherit, until the test ends.
func Isolate(tb testing.TB, home string) {
	tb.Helper()
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "XDG_CONFIG") {
			// Setenv first: it is what brings the old value back.
			tb.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	tb.Setenv("HOME", home)
	tb.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	tb.Setenv("LC_ALL", "C")
	tb.Setenv("TZ", "UTC")
}

// Git runs git in dir and returns what it printed on both outputs, without the
// last newline. The test fails if git does. The project's configuration may be
// hostile: no hook and no file system monitor runs.
func Git(tb testing.TB, dir string, args ...string) string {
	tb.Helper()
	cmd := command(dir, append(quiet[:len(quiet):len(quiet)], args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// pipe runs git with that input and returns its standard output as it is.
func pipe(tb testing.TB, dir string, env []string, input string, args ...string) string {
	tb.Helper()
	cmd := command(dir, append(quiet[:len(quiet):len(quiet)], args...)...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// command is git with an identity, and otherwise in the test's environment.
func command(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_AUTHOR_NAME=Fixture", "GIT_AUTHOR_EMAIL=fixture@example.invalid",
		"GIT_COMMITTER_NAME=Fixture", "GIT_COMMITTER_EMAIL=fixture@example.invalid",
		"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
	return cmd
}
