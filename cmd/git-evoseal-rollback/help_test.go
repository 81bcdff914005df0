package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

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
	for _, test := range completions() {
		// A function stands for the program: what it lists is tested elsewhere.
		line := fmt.Sprintf(`. %s; complete -p git-evoseal-rollback >/dev/null || exit 1
			__git_evoseal_rollback_versions () { printf '%%s\n' latest v1 v2; }
			__git_evoseal_rollback_triggers () { printf '%%s\n' tests lint; }
			COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _git_evoseal_rollback; printf '%%s\n' "${COMPREPLY[@]}"`, script, quoteLast(test.words))
		out, err := exec.Command(bash, "--norc", "-c", line).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", test.words, err, out)
		}
		got := strings.Fields(string(out))
		if !slices.Contains(got, test.want) || slices.Contains(got, test.not) {
			t.Errorf("%q completes to %q, want %q in it and %q not", test.words, got, test.want, test.not)
		}
	}
}

type completed struct{ words, want, not string }

// completions are words typed, and what they complete to and don't.
func completions() []completed {
	return []completed{
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
		{"git-evoseal-rollback policy ", "edit", "v1"},
		{"git-evoseal-rollback policy set rollback.th", "rollback.threshold", "edit"},
		{"git-evoseal-rollback verdict show ", "v1", "replay"},
		{"git-evoseal-rollback emergency ", "drill", "v1"},
		{"git-evoseal-rollback emergency close --no", "--note", "--to"},
		{"git-evoseal-rollback history --outcome ", "denied", "v1"},
		{"git-evoseal-rollback history --action em", "emergency-close", "rollback"},
		{"git-evoseal-rollback mark ", "v1", "good"},
		{"git-evoseal-rollback mark v1 ", "good", "v1"},
		{"git-evoseal-rollback mark --reason x v1 b", "bad", "good"},
		{"git-evoseal-rollback trigger set ", "lint", "v1"},
		{"git-evoseal-rollback trigger remove li", "lint", "tests"},
		{"git-evoseal-rollback token issue --role ", "emergency", "v1"},
		{"git-evoseal-rollback policy get ", "rollback.threshold", "v1"},
		{"git-evoseal-rollback policy set ", "rollback.requireAuth", "v1"},
		{"git-evoseal-rollback auto --baseline ", "v2", "stat"},
		{"git-evoseal-rollback help ro", "rollback", "v1"},
		{"git-evoseal-rollback history --ou", "--outcome", "--since-head"},
	}
}

// quoteLast makes an empty last word visible to bash.
func quoteLast(words string) string {
	if strings.HasSuffix(words, " ") {
		return words + "''"
	}
	return words
}

// TestCompletionKnowsEverything makes sure that no command or flag is left out of
// a script.
func TestCompletionKnowsEverything(t *testing.T) {
	for shell, script := range map[string]string{"bash": bashCompletion(), "zsh": zshCompletion(), "fish": fishCompletion()} {
		for _, cmd := range visible() {
			for word := range strings.FieldsSeq(cmd.name) {
				if !strings.Contains(script, word) {
					t.Errorf("%s: no command %s", shell, cmd.name)
				}
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
