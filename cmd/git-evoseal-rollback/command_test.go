package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testProcess is a process whose streams are kept and that has no environment.
func testProcess(env map[string]string) (p *process, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &process{
		stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, getenv: func(k string) string { return env[k] },
		chdir: func(dir string) error { return &os.PathError{Op: "chdir", Path: dir, Err: unix.ENOENT} },
		getwd: os.Getwd, now: time.Now, width: func() int { return 0 },
	}, stdout, stderr
}

func TestCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"", exitUsage, "", "error: no command was given\nhint: "},
		{"-h", exitDone, "usage: git evoseal-rollback [-C <dir>]", ""},
		{"--help --json", exitDone, "usage: git evoseal-rollback [-C <dir>]", ""},
		{"rollback -h", exitDone, "usage: git evoseal-rollback rollback [<options>] <version> [-- <path>…]\n", ""},
		{"rollback v1 --target x -h", exitDone, "usage: ", ""},
		{"-h rollback", exitDone, "usage: git evoseal-rollback rollback", ""},
		{"version", exitDone, "git-evoseal-rollback version ", ""},
		{"version -q --no-progress", exitDone, "git-evoseal-rollback version ", ""},
		{"--json version", exitDone, `{"schema":1,"version":`, ""},
		{"version --json", exitDone, `{"schema":1,"version":`, ""},
		{"version extra", exitUsage, "", "error: unexpected argument \"extra\"\nhint: `git evoseal-rollback version -h` explains\n"},
		{"version -- extra", exitUsage, "", "error: unexpected argument"},
		{"verison", exitUsage, "", "error: there is no command \"verison\"\nhint: did you mean `git evoseal-rollback version`?\n"},
		{"stat", exitUsage, "", "error: there is no command \"stat\"\nhint: did you mean `git evoseal-rollback stats`?\n"},
		{"rollback v1 --target=", exitUsage, "", "error: --target is empty\nhint: leave it out, or name something\n"},
		{"policy", exitUsage, "", "error: policy needs to be told what to do\nhint: take one of: get, set, edit, log, import; "},
		{"policy gte", exitUsage, "", "error: there is no command \"policy gte\"\nhint: did you mean `git evoseal-rollback policy get`?\n"},
		{"history verfy", exitUsage, "", "error: unexpected argument \"verfy\"\nhint: did you mean `git evoseal-rollback history verify`?\n"},
		{"token issue --role king", exitUsage, "", "error: --role takes operator, emergency or admin, not \"king\"\n"},
		{"policy get threshold", exitDone, "0.05\n", ""},
		{"zzzzzz", exitUsage, "", "error: there is no command \"zzzzzz\"\nhint: `git evoseal-rollback -h` lists the commands\n"},
		{"--jsn version", exitUsage, "", "error: there is no flag --jsn\nhint: did you mean `--json`?\n"},
		{"version --jsn", exitUsage, "", "error: there is no flag --jsn\nhint: did you mean `--json`?\n"},
		{"list -n", exitUsage, "", "error: flag needs an argument"},
		{"list -n x", exitUsage, "", "error: invalid argument"},
		{"-C gone version", exitUsage, "", "error: can't change to the directory \"gone\": no such file"},
		{"version --json -q -v", exitUsage, `{"schema":1,"error":{"code":129,"kind":"usage","message":"-q and -v exclude each other"`, ""},
		{"completion tcsh", exitUsage, "", "error: there is no completion for \"tcsh\"\nhint: take bash, zsh or fish\n"},
		{"show v1", exitNotFound, "", "error: "},
		{"show v1 --json", exitNotFound, `{"schema":1,"error":{"code":10,"kind":"no_store",`, ""},
		{"list", exitDone, "", "no checkpoints yet: "},
		{"__complete", exitDone, "", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			p, stdout, stderr := testProcess(nil)
			code := execute(t.Context(), p, strings.Fields(test.args))
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, stream := range []struct{ name, got, want string }{{"stdout", stdout.String(), test.stdout}, {"stderr", stderr.String(), test.stderr}} {
				if !strings.HasPrefix(stream.got, stream.want) || stream.want == "" && stream.got != "" {
					t.Errorf("%s: %q, want it to begin with %q", stream.name, stream.got, stream.want)
				}
			}
		})
	}
}
