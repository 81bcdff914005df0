package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/safety"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// testProcess is a process whose streams are kept and that has no environment.
func testProcess(env map[string]string) (p *process, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &process{
		stdout: stdout, stderr: stderr, getenv: func(k string) string { return env[k] },
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
		{"-h rollback", exitDone, "usage: git evoseal-rollback [-C", ""},
		{"version", exitDone, "git-evoseal-rollback version ", ""},
		{"version -q --no-progress", exitDone, "git-evoseal-rollback version ", ""},
		{"--json version", exitDone, `{"schema":1,"version":`, ""},
		{"version --json", exitDone, `{"schema":1,"version":`, ""},
		{"version extra", exitUsage, "", "error: unexpected argument \"extra\"\nhint: `git evoseal-rollback version -h` explains\n"},
		{"version -- extra", exitUsage, "", "error: unexpected argument"},
		{"verison", exitUsage, "", "error: there is no command \"verison\"\nhint: did you mean `git evoseal-rollback version`?\n"},
		{"stat", exitUsage, "", "error: there is no command \"stat\"\nhint: did you mean `git evoseal-rollback status`?\n"},
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

// TestEveryCommandExplainsItself holds what help and manual promise: each has
// text, options are explained, examples run the command that they explain.
func TestEveryCommandExplainsItself(t *testing.T) {
	seen := map[string]bool{}
	for _, cmd := range visible() {
		if seen[cmd.name] {
			t.Errorf("%s is in the table twice", cmd.name)
		}
		seen[cmd.name] = true
		if cmd.short == "" || cmd.long == "" || len(cmd.examples) == 0 {
			t.Errorf("%s is not explained", cmd.name)
		}
		for _, e := range cmd.examples {
			if !strings.Contains(e.line, "git evoseal-rollback "+cmd.name) {
				t.Errorf("%s: example %q", cmd.name, e.line)
			}
		}
		var help bytes.Buffer
		if err := writeHelp(&help, cmd); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(help.String()) {
			if len([]rune(line)) > helpWidth+1 && !strings.Contains(line, "git evoseal-rollback") {
				t.Errorf("%s: line of help is too long: %q", cmd.name, line)
			}
		}
		fs := newFlagSet("")
		cmd.new().addFlags(fs)
		own := fs.FlagUsages()
		// The global flags must fit beside the command's own: pflag panics else.
		new(globals).addFlags(fs)
		fs.VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || !strings.Contains(help.String(), "--"+f.Name) {
				t.Errorf("%s: --%s is not explained\n%s", cmd.name, f.Name, own)
			}
		})
	}
}

func TestManualPageIsCommitted(t *testing.T) {
	committed, err := os.ReadFile(filepath.Join("..", "..", "docs", "git-evoseal-rollback.1"))
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != manPage() {
		t.Error("docs/git-evoseal-rollback.1 is not what the program's help says: run make man")
	}
}

func TestManualPageRenders(t *testing.T) {
	page := manPage()
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"} {
		if !strings.Contains(page, `.SH "`+section+"\"\n") {
			t.Errorf("no section %s", section)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("no groff to render it with")
	}
	cmd := exec.Command(groff, "-ww", "-man", "-Tutf8", "-P-cbou")
	cmd.Stdin = strings.NewReader(page)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("groff: %v\n%s", err, stderr.String())
	}
	if !strings.Contains(string(out), "--allow-partial") {
		t.Error("a flag's name is not what one types")
	}
}

// TestBashCompletion asks a real bash.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	script := filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(script, []byte(bashCompletion()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(bash, "-n", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, test := range []struct{ words, want, not string }{
		{"git-evoseal-rollback ro", "rollback", "undo"},
		{"git evoseal-rollback ro", "rollback", "undo"},
		{"git -C /tmp evoseal-rollback -C x ro", "rollback", "undo"},
		{"git-evoseal-rollback --js", "--json", "--target"},
		{"git-evoseal-rollback rollback --ta", "--target", "--json"},
		{"git-evoseal-rollback --json rollback --js", "--json", "--target"},
		{"git-evoseal-rollback -C dir show v", "v1", "version"},
		{"git-evoseal-rollback rollback --reason show la", "latest", "list"},
		{"git-evoseal-rollback diff v1 v", "v2", "version"},
		{"git-evoseal-rollback checkpoint --parent v", "v2", "verify"},
		{"git-evoseal-rollback completion ", "fish", "v1"},
	} {
		// A function stands for the program: what it lists is tested elsewhere.
		line := fmt.Sprintf(`. %s; complete -p git-evoseal-rollback >/dev/null || exit 1
			__git_evoseal_rollback_versions () { printf '%%s\n' latest v1 v2; }
			COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _git_evoseal_rollback; printf '%%s\n' "${COMPREPLY[@]}"`, script, quoteLast(test.words))
		out, err := exec.Command(bash, "--norc", "-c", line).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", test.words, err, out)
		}
		got := strings.Fields(string(out))
		if !contains(got, test.want) || contains(got, test.not) {
			t.Errorf("%q completes to %q, want %q in it and %q not", test.words, got, test.want, test.not)
		}
	}
}

// quoteLast makes an empty last word visible to bash.
func quoteLast(words string) string {
	if strings.HasSuffix(words, " ") {
		return words + "''"
	}
	return words
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// TestCompletionKnowsEverything makes sure that no command or flag is left out of
// a script.
func TestCompletionKnowsEverything(t *testing.T) {
	for shell, script := range map[string]string{"bash": bashCompletion(), "zsh": zshCompletion(), "fish": fishCompletion()} {
		for _, cmd := range visible() {
			if !strings.Contains(script, cmd.name) {
				t.Errorf("%s: no command %s", shell, cmd.name)
			}
			fs := newFlagSet("")
			cmd.new().addFlags(fs)
			fs.VisitAll(func(f *pflag.Flag) {
				if !strings.Contains(script, "--"+f.Name) && !strings.Contains(script, "-l "+f.Name) {
					t.Errorf("%s: no flag --%s of %s", shell, f.Name, cmd.name)
				}
			})
		}
	}
	// The shells that are here check their scripts.
	for shell, script := range map[string]string{"zsh": zshCompletion(), "fish": fishCompletion()} {
		if path, err := exec.LookPath(shell); err == nil {
			cmd := exec.Command(path, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", shell, err, out)
			}
		}
	}
}

// TestErrorsBecomeExitCodes is the table that exit.go promises, wrapped errors
// included.
func TestErrorsBecomeExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		kind string
	}{
		{errors.New("boom"), 1, "failed"},
		{gitstore.ErrNoStore, 10, "no_store"},
		{&gitstore.NotFoundError{Rev: "v1"}, 10, "not_found"},
		{gitstore.ErrNoPath, 10, "no_path"},
		{&gitstore.BusyError{}, 11, "busy"},
		{&safety.UnsafeError{Op: "target", Path: "/", Rule: safety.RuleSystem}, 13, "unsafe"},
		{safety.ErrChanged, 13, "changed"},
		{gitstore.ErrCorrupt, 14, "corrupt"},
		{gitstore.ErrMissingObject, 14, "corrupt"},
		{&manager.BlockedError{}, 15, "limit"},
		{&os.PathError{Op: "write", Path: "x", Err: unix.ENOSPC}, 15, "space"},
		{&gitstore.PartialError{}, 16, "partial"},
		{&usageError{msg: "x"}, 129, "usage"},
		{&gitstore.NameError{Name: "x"}, 129, "bad_name"},
		{gitstore.ErrBadPath, 129, "bad_path"},
		{context.Canceled, 130, "cancelled"},
		{&gitstore.ExistsError{Version: "v"}, 1, "exists"},
		{gitstore.ErrBranchExists, 1, "branch_exists"},
		{gitstore.ErrNoRepository, 1, "no_repository"},
		{safety.ErrNoPrevious, 1, "no_previous"},
		{manager.ErrNotVerified, 1, "not_verified"},
		{&os.PathError{Op: "open", Path: "x", Err: unix.EACCES}, 1, "permission"},
	} {
		p, _, _ := testProcess(nil)
		c := &call{process: p}
		for _, err := range []error{test.err, fmt.Errorf("while testing: %w", test.err), errors.Join(test.err, errors.New("and more"))} {
			v := c.judge(err)
			if v.code != test.code || v.kind != test.kind || v.hint == "" {
				t.Errorf("%v: %d %s %q, want %d %s and a hint", err, v.code, v.kind, v.hint, test.code, test.kind)
			}
		}
	}
	documented := map[int]bool{}
	for _, e := range exitCodes() {
		documented[e.code] = true
	}
	for _, code := range []int{0, 1, 10, 11, 12, 13, 14, 15, 16, 129, 130} {
		if !documented[code] {
			t.Errorf("exit code %d is not documented", code)
		}
	}
}

// TestCancelledCommand runs a command whose context is over.
func TestCancelledCommand(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("a", []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, _, stderr := testProcess(nil)
	if code := execute(ctx, p, []string{"checkpoint", "v1"}); code != exitCancelled {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if !strings.HasPrefix(stderr.String(), "error: cancelled\nhint: ") {
		t.Errorf("stderr: %q", stderr)
	}
	p, stdout, _ := testProcess(nil)
	if code := execute(t.Context(), p, []string{"list"}); code != 0 || stdout.Len() > 0 {
		t.Errorf("after it: %d %q", code, stdout)
	}
}

// TestFullDisk makes writing the result fail: nobody must take that for success.
func TestFullDisk(t *testing.T) {
	p, _, stderr := testProcess(nil)
	p.stdout = failingWriter{}
	if code := execute(t.Context(), p, []string{"version"}); code != exitLimit {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, unix.ENOSPC }

var _ io.Writer = failingWriter{}

// TestColour is on for terminals only, and only while nobody objects.
func TestColour(t *testing.T) {
	for _, test := range []struct {
		tty  bool
		env  map[string]string
		want bool
	}{
		{true, nil, true},
		{false, nil, false},
		{true, map[string]string{"NO_COLOR": "1"}, false},
		{true, map[string]string{"NO_COLOR": ""}, true},
		{true, map[string]string{"TERM": "dumb"}, false},
	} {
		p, _, _ := testProcess(test.env)
		p.stdoutTTY = test.tty
		if got := newOutput(p).color; got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestLogLevel is what -v, -q and EVOSEAL_LOG say, the last above all.
func TestLogLevel(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		flags, env string
		info, warn bool
	}{
		{"", "", false, true}, {"-v", "", true, true}, {"-q", "", false, false},
		{"-q", "debug", true, true}, {"-v", "off", false, false}, {"", "nonsense", false, true},
	} {
		p, _, stderr := testProcess(map[string]string{"EVOSEAL_LOG": test.env})
		c := &call{process: p, screen: &screen{w: stderr}, cmd: commands()[0]}
		c.quiet, c.verbose = test.flags == "-q", test.flags == "-v"
		if err := c.settle(); err != nil {
			t.Fatal(err)
		}
		c.log.Info("some info")
		c.log.Warn("some warning")
		if strings.Contains(stderr.String(), "some info") != test.info || strings.Contains(stderr.String(), "some warning") != test.warn {
			t.Errorf("%+v: %q", test, stderr)
		}
	}
}

// TestProgress is for terminals, and leaves a clean line behind.
func TestProgress(t *testing.T) {
	p, _, stderr := testProcess(nil)
	c := &call{process: p, screen: &screen{w: stderr}}
	if tell, done := c.progress("work"); tell != nil {
		t.Error("progress without a terminal")
	} else {
		done()
	}
	p.stderrTTY = true
	for _, off := range []*bool{&c.quiet, &c.noProgress, &c.json} {
		*off = true
		if tell, _ := c.progress("work"); tell != nil {
			t.Error("progress although it was not wanted")
		}
		*off = false
	}
	tell, done := c.progress("work")
	tell(gitstore.Progress{Files: 1})
	if stderr.Len() > 0 {
		t.Errorf("a bar for what is done at once: %q", stderr)
	}
	time.Sleep(patience)
	tell(gitstore.Progress{Files: 1234, Bytes: 1 << 20})
	tell(gitstore.Progress{Files: 2345, TotalFiles: 5000, Bytes: 2 << 20, TotalBytes: 8 << 20})
	tell(gitstore.Progress{Files: 5000, TotalFiles: 5000, Bytes: 8 << 20, TotalBytes: 8 << 20})
	if !strings.Contains(stderr.String(), "work: 2,345 of 5,000 files, 2.0 MiB of 8.0 MiB") {
		t.Errorf("progress: %q", stderr)
	}
	done()
	if !strings.HasSuffix(strings.TrimRight(stderr.String(), " "), "\r") {
		t.Errorf("the bar was not wiped away: %q", stderr.String()[max(0, stderr.Len()-200):])
	}
	if c.screen.bar != nil {
		t.Error("the bar is still there")
	}
}

func TestJSONKeepsItsForm(t *testing.T) {
	data, err := encodeJSON(newRecordJSON(manager.Record{Schema: 1, Version: "v1"}))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields("schema id time action version from_version actor role reason outcome error target target_requested safety_validated verified trigger verdict chain files bytes duration_ms") {
		if _, ok := object[key]; !ok {
			t.Errorf("a record has no %s", key)
		}
	}
}
