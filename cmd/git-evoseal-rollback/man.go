package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// manOptions prints docs/git-evoseal-rollback.1, which `make man` commits.
type manOptions struct{}

func (o *manOptions) addFlags(*pflag.FlagSet) {}

func (o *manOptions) run(_ context.Context, c *call) error {
	c.out.WriteString(manPage())
	return nil
}

// roff collects a manual page in the language of man(7).
type roff struct{ strings.Builder }

// escapeRoff makes text stand for itself.
func escapeRoff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", `\&.\|.\|.`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

func (r *roff) macro(name string, args ...string) {
	r.WriteString("." + name)
	for _, a := range args {
		r.WriteString(` "` + strings.ReplaceAll(escapeRoff(a), `"`, `\(dq`) + `"`)
	}
	r.WriteByte('\n')
}

func (r *roff) line(s string) { r.WriteString(s + "\n") }

// text writes paragraphs; words between backquotes become bold.
func (r *roff) text(s string) {
	for i, paragraph := range strings.Split(s, "\n\n") {
		if i > 0 {
			r.line(".PP")
		}
		r.line(inline(paragraph))
	}
}

func inline(s string) string {
	var b strings.Builder
	for i, piece := range strings.Split(s, "`") {
		if i%2 == 1 {
			b.WriteString(`\fB` + escapeRoff(piece) + `\fR`)
		} else {
			b.WriteString(escapeRoff(piece))
		}
	}
	return b.String()
}

func (r *roff) item(names, text string) {
	r.line(".TP")
	r.line(`\fB` + escapeRoff(names) + `\fR`)
	r.line(inline(text))
}

func (r *roff) flags(fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) {
		names, usage := flagNames(f)
		r.item(names, strings.ToUpper(usage[:1])+usage[1:]+".")
	})
}

func manPage() string {
	r := &roff{}
	r.line(`.\" Made by "make man" from the program's own help: change that instead.`)
	r.macro("TH", "GIT-EVOSEAL-ROLLBACK", "1", "", "git-evoseal-rollback", "Git Manual")
	r.macro("SH", "NAME")
	r.line(`git\-evoseal\-rollback \- record a project's tree and bring it back`)
	r.macro("SH", "SYNOPSIS")
	r.line(`.nf`)
	r.line(`\fBgit evoseal\-rollback\fR [\fB\-C\fR \fIdir\fR] [\fB\-\-json\fR] [\fB\-q\fR|\fB\-v\fR] [\fB\-\-no\-progress\fR] \fIcommand\fR [\fIargs\fR]`)
	r.line(`.fi`)
	r.macro("SH", "DESCRIPTION")
	r.text(description)
	r.macro("SH", "OPTIONS")
	r.line("These may stand before or after the command.")
	fs := newFlagSet("")
	new(globals).addFlags(fs)
	r.flags(fs)
	r.macro("SH", "COMMANDS")
	for _, cmd := range commands() {
		if !cmd.hidden {
			r.command(cmd)
		}
	}
	r.macro("SH", "EXIT STATUS")
	for _, e := range exitCodes() {
		r.item(fmt.Sprint(e.code), e.meaning)
	}
	r.section("FILES", files())
	r.section("ENVIRONMENT", environment())
	r.section("CONFIGURATION", configuration())
	r.examples()
	r.macro("SH", "SEE ALSO")
	r.line(`\fBgit\fR(1), \fBgit\-notes\fR(1), \fBgit\-worktree\fR(1), \fBgit\-fsck\fR(1)`)
	return r.String()
}

func (r *roff) command(cmd *command) {
	r.macro("SS", cmd.name)
	r.line(".nf")
	r.line(`\fB` + escapeRoff(strings.TrimSuffix(cmd.synopsis(), cmd.args)) + `\fR` + escapeRoff(cmd.args))
	r.line(".fi")
	r.line(".PP")
	r.text(cmd.long)
	fs := newFlagSet("")
	cmd.new().addFlags(fs)
	r.flags(fs)
}

func (r *roff) section(title string, items [][2]string) {
	r.macro("SH", title)
	for _, item := range items {
		r.item(item[0], item[1])
	}
}

func (r *roff) examples() {
	r.macro("SH", "EXAMPLES")
	for _, cmd := range commands() {
		if cmd.hidden {
			continue
		}
		r.macro("SS", cmd.name)
		for _, e := range cmd.examples {
			r.line(".TP")
			r.line(escapeRoff(strings.ToUpper(e.says[:1]) + e.says[1:] + ":"))
			r.line(".nf")
			r.line(`\fB` + escapeRoff(e.line) + `\fR`)
			r.line(".fi")
		}
	}
}

const description = purpose + `

A checkpoint is a commit in a Git repository of its own, the store, which any git can read. It holds every tracked and untracked file as it is on disk, and what a Git tree can't hold, such as permissions and empty directories, in a note beside it.

A rollback fills a directory, by default .evoseal/rollback_target, which is a linked work tree of the store: ` + "`git -C .evoseal/rollback_target status`" + ` tells what is changed in it. It refuses targets that are dangerous, and keeps what the target held before for ` + "`undo`" + `.

Results go to stdout; warnings, progress and log go to stderr. An error is one line that begins with "error:", and one with "hint:" that says what to do next. With --json each result is one object, or, for lists, one a line, with a ` + "`schema`" + ` number; an error is {"schema":1,"error":{"code":…,"kind":…,"message":…,"hint":…}} on stdout. A path that isn't UTF-8 is {"base64":…} there.

The project is found from the working directory upwards: the nearest Git work tree, or directory with a store. GIT_DIR and its like are not looked at, so that it can be called from hooks.`

func files() [][2]string {
	return [][2]string{
		{".evoseal/.git", "The store, a Git repository. Tags name the checkpoints; refs/notes/evoseal/history holds the history."},
		{".evoseal/rollback_target", "What was brought back last."},
		{".evoseal/rollback_target.previous", "What the target held before, for `undo`."},
	}
}

func environment() [][2]string {
	return [][2]string{
		{"EVOSEAL_LOG", "How much is logged on stderr: `trace`, `debug`, `info`, `warn` (the default), `error` or `off`. It outranks -v and -q."},
		{"EVOSEAL_TOKEN", "The token that is shown where one is needed and --token-file isn't given."},
		{"GIT_EDITOR, VISUAL, EDITOR", "The editor of `policy edit`: the first of them that is set, else vi."},
		{"NO_COLOR", "When it is set and not empty, nothing is coloured. Nothing is either when stdout is no terminal, or TERM is `dumb`."},
		{"HOME, XDG_CONFIG_HOME", "Where Git's configuration and the global ignore rules are read."},
	}
}

func configuration() [][2]string {
	return [][2]string{
		{"evoseal.target", "The directory that a rollback fills when --target isn't given. One that is unsafe gives way to the default, with a warning."},
		{"evoseal.store", "Where the store is. End it in /.git when it lies in the project: git clean steps over that."},
		{"evoseal.allowProject", "A directory that may be recorded although it is / or a home directory. It may be given more than once."},
	}
}
