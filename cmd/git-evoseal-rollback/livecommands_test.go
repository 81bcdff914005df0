package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// liveCommand is a command line with all that belongs to it, and what it may change.
type liveCommand struct {
	name    string
	args    []string
	dir     string
	stdin   string
	env     []string
	allowed liveAllowance
}

func (c liveCommand) String() string {
	return fmt.Sprintf("in %s: %s git-evoseal-rollback %q", c.dir, strings.Join(c.env, " "), c.args)
}

// liveCommandNames are all commands, those that a sequence can't do without more
// than once, so that they come more often.
func liveCommandNames() []string {
	often := map[string]int{"checkpoint": 12, "rollback": 20, "undo": 8, "guard": 8, "auto": 6, "cascade": 4, "hooks run": 4, "emergency": 4, "diff": 4}
	var names []string
	for _, cmd := range commands() {
		if !cmd.hidden {
			names = append(names, slices.Repeat([]string{cmd.name}, max(1, often[cmd.name]))...)
		}
	}
	return names
}

// command makes up a command line from the table that the program itself is made
// from, so that no command and no flag is forgotten.
func (p *liveProject) command(name string) liveCommand {
	p.made++
	row := commands()[slices.IndexFunc(commands(), func(c *command) bool { return c.name == name })]
	c := liveCommand{name: name, dir: p.pick(p.dirs), args: strings.Fields(name), stdin: p.input(name)}
	c.allowed.first = !exists(filepath.Join(p.root, ".evoseal"))
	// Without Git and without a store every directory is a project of its own.
	if !exists(c.dir) || c.allowed.first && p.kind == "plain" {
		c.dir = p.root
	}
	if strings.HasPrefix(name, "hooks ") && name != "hooks run" {
		c.allowed.hooks, c.allowed.config = true, true
	}
	p.flags(row, &c)
	c.args = append(c.args, p.positional(row)...)
	switch {
	case name == "guard":
		p.guarded(&c)
	case row.paths && p.IntN(4) == 0:
		c.args = append(c.args, "--", p.pick([]string{"a", "dir0", ".", "nothing-there", "../..", ".git"}))
	}
	for _, global := range []string{"--json", "-q", "-v", "--no-progress"} {
		if p.IntN(6) == 0 {
			c.args = slices.Insert(c.args, 0, global)
		}
	}
	if p.IntN(5) == 0 {
		c.args, c.dir = slices.Insert(c.args, 0, "-C", c.dir), p.elsewhere
	}
	if p.IntN(8) == 0 && p.common != "" {
		c.env = []string{"GIT_DIR=" + p.common, "GIT_INDEX_FILE=" + filepath.Join(p.common, "index"), "GIT_WORK_TREE=" + p.root}
	}
	return c
}

// flags gives the command some of its flags.
func (p *liveProject) flags(row *command, c *liveCommand) {
	fs := newFlagSet(row.name)
	row.new().addFlags(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		kind, usage := pflag.UnquoteUsage(f)
		if !p.wants(f.Name, strings.HasSuffix(usage, "; needed")) {
			return
		}
		if f.Value.Type() == "bool" {
			c.args = append(c.args, "--"+f.Name)
			return
		}
		value := p.flagValue(f.Name, kind)
		if f.Name == "branch" {
			c.allowed.branch = value
		}
		c.args = append(c.args, "--"+f.Name+"="+value)
		if f.Name == "target" && !strings.HasPrefix(value, p.elsewhere) {
			// Whoever names a directory and says --adopt gets what they ask for.
			c.args = slices.DeleteFunc(c.args, func(arg string) bool { return arg == "--adopt" })
		}
	})
}

// wants says whether a flag is given: one that a command can't do without mostly is.
func (p *liveProject) wants(name string, needed bool) bool {
	switch {
	case needed:
		return p.IntN(8) > 0
	case name == "token-file" && len(p.tokens()) > 0:
		return p.IntN(4) > 0
	case name == "token-file" || name == "verify" || name == "dry-run":
		return p.IntN(16) == 0
	}
	return p.IntN(6) == 0
}

// odd is true now and then: it is when something that makes no sense is asked for.
func (p *liveProject) odd() bool { return p.IntN(8) == 0 }

// flagValue is of the kind that the flag's help names.
func (p *liveProject) flagValue(name, kind string) string {
	switch {
	case name == "target":
		return p.target()
	case name == "token-file":
		if tokens := p.tokens(); len(tokens) > 0 && !p.odd() {
			return p.pick(tokens)
		}
		return filepath.Join(p.elsewhere, "foreign", "file")
	case name == "out":
		return filepath.Join(p.elsewhere, fmt.Sprintf("token%d", p.made))
	case strings.Contains(kind, "|"):
		if p.odd() {
			return "nonsense"
		}
		return p.pick(strings.Split(kind, "|"))
	}
	switch kind {
	case "version":
		return p.version()
	case "file":
		return p.report()
	case "number":
		return p.pick([]string{"0", "1", "2", "-1"})
	case "time", "duration":
		return p.pick([]string{"1s", "10s", "7d", "2026-01-31", "never"})
	case "name":
		return p.pick([]string{"back", "back/to", "work", "main", "-x", "../y"})
	}
	if p.odd() {
		return p.pick([]string{"", "two\nlines", "-"})
	}
	return "some words"
}

// target is where a rollback is asked to write: places that are fine, and places in
// and around the project that must be refused.
func (p *liveProject) target() string {
	if p.IntN(2) == 0 {
		return filepath.Join(p.elsewhere, p.pick([]string{"t1", "t2", "foreign"}))
	}
	return p.pick([]string{
		filepath.Join(p.root, ".evoseal", "other"), p.root, p.base, p.home(), filepath.Join(p.root, "dir0"), filepath.Join(p.root, "new"),
		filepath.Join(p.root, ".git"), filepath.Join(p.root, ".evoseal"), filepath.Join(p.root, ".evoseal", ".git"),
		filepath.Join(p.root, "up"), filepath.Join(p.root, "outside"), ".", "..",
	})
}

func (p *liveProject) version() string {
	if p.odd() {
		return p.pick([]string{"no-such", "../x", "-x", "", "v1~1"})
	}
	made, err := filepath.Glob(filepath.Join(p.root, ".evoseal", ".git", "refs", "tags", "*"))
	p.must(err)
	return filepath.Base(p.pick(append(made, "latest", "latest", "latest~1")))
}

func (p *liveProject) tokens() []string {
	found, err := filepath.Glob(filepath.Join(p.elsewhere, "token*"))
	p.must(err)
	return found
}

// report writes a file that judges by, or damage in its place.
func (p *liveProject) report() string {
	path := filepath.Join(p.elsewhere, "report")
	p.put(path, p.pick([]string{
		`{"latency": 10, "score": [1, 2, 3]}`, `{"latency": 30}`, `<testsuite tests="1"><testcase name="a"><failure/></testcase></testsuite>`,
		`{"Action":"fail","Package":"x","Test":"T"}` + "\n", "TAP version 13\n1..1\nok 1\n", "[rollback]\n\tthreshold = 8%\n", "\x00\xff", "",
	}), 0o644)
	return p.pick([]string{path, path, path, path + "-none", p.root})
}

// positional makes up the arguments that are no flags.
func (p *liveProject) positional(row *command) []string {
	switch row.name {
	case "checkpoint", "guard":
		return p.oneOf(nil, nil, nil, []string{fmt.Sprintf("v%d", p.made)}, []string{fmt.Sprintf("v%d", p.made)}, []string{"v1"}, []string{"a/b"})
	case "policy set":
		return p.oneOf([]string{"threshold", "8%"}, []string{"maxAttempts", "100"}, []string{"target.gitFile", "false"}, []string{"rollback.keepPrevious", "false"}, []string{"x"})
	case "policy import":
		return []string{p.report()}
	case "trigger set":
		return p.oneOf([]string{"smoke", "type=command", "command=test -f a"}, []string{"tests", "minFailures=2"}, []string{"nonsense"})
	case "hooks run":
		return p.oneOf([]string{"post-commit"}, []string{"pre-commit"}, []string{"pre-push", "origin", "url"}, []string{"post-rewrite", "amend"}, []string{"post-merge", "0"},
			[]string{"pre-receive"}, []string{"post-receive"}, []string{"update"})
	}
	most := row.most
	if most < 0 {
		most = row.least + p.IntN(3)
	}
	var args []string
	for i := range most {
		if i >= row.least && p.IntN(2) == 0 {
			break
		}
		args = append(args, p.argument(row, i))
	}
	return args
}

func (p *liveProject) argument(row *command, i int) string {
	words := row.completes
	if i == 1 && len(row.then) > 0 {
		words = row.then
	}
	if len(words) == 0 {
		return p.pick([]string{"1", "x", "1f3a"})
	}
	switch words[0] {
	case "version":
		return p.version()
	case "hook":
		return p.pick([]string{"pre-push", "post-commit", "pre-commit"})
	case "key":
		return p.pick([]string{"threshold", "cascade", "nonsense"})
	case "trigger":
		return p.pick([]string{"smoke", "tests"})
	case "command":
		return p.pick(liveCommandNames())
	}
	return p.pick(words)
}

func (p *liveProject) oneOf(from ...[]string) []string { return from[p.IntN(len(from))] }

// guarded adds the command that guard runs: it changes nothing, or one file.
func (p *liveProject) guarded(c *liveCommand) {
	dir := c.dir
	file := filepath.Join(dir, "guarded")
	run := p.oneOf([]string{"true"}, []string{"false"}, []string{"sh", "-c", "exit 3"}, []string{"no-such-program"},
		[]string{"sh", "-c", "echo $$ >guarded"}, []string{"sh", "-c", "echo x >guarded; exit 1"}, []string{"rm", "-f", "guarded"})
	if slices.Contains(run, "guarded") || strings.Contains(run[len(run)-1], "guarded") {
		c.allowed.file = file
	}
	c.args = append(append(c.args, "--"), run...)
}

// input is what git would give a hook, or nothing much.
func (p *liveProject) input(name string) string {
	if name != "hooks run" || p.common == "" {
		return p.pick([]string{"", "{\"latency\": 3}\n", "\x00"})
	}
	head, _ := p.run(p.root, "git", "rev-parse", "HEAD")
	id, none := strings.TrimSpace(string(head)), strings.Repeat("0", 40)
	return p.pick([]string{
		fmt.Sprintf("refs/heads/main %s refs/heads/main %s\n", id, none),
		fmt.Sprintf("%s %s refs/heads/main\n", none, id),
		fmt.Sprintf("%s %s\n", none, id), "nonsense\n", "",
	})
}

// hooksText is what lies in the hooks directory, and git's configuration, without
// times.
func (p *liveProject) hooksText() string {
	var b strings.Builder
	paths, err := filepath.Glob(filepath.Join(p.common, "hooks", "*"))
	p.must(err)
	for _, path := range append(paths, filepath.Join(p.common, "config")) {
		data, err := os.ReadFile(path)
		p.must(err)
		fi, err := os.Stat(path)
		p.must(err)
		fmt.Fprintf(&b, "%s %v %q\n", path, fi.Mode(), data)
	}
	return b.String()
}
