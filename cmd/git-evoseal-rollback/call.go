package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/hashicorp/go-hclog"
	"github.com/spf13/pflag"
)

// process is all that a run knows of the process it is in, so that tests can
// run a command without being one.
type process struct {
	stdin                io.Reader
	stdout, stderr       io.Writer
	stdoutTTY, stderrTTY bool
	// width is the terminal's, in columns; 0 when stdout is none.
	width func() int
	// errWidth is that of the terminal that stderr is; nil, or 0, for none.
	errWidth func() int
	// prepareTrees readies the process for commands that go through whole trees, and
	// says how many goroutines may; nil leaves all as it is.
	prepareTrees func() (workers int)
	// collectLater puts off the collection of garbage for what needs much memory for a
	// short time; nil leaves it as it is.
	collectLater func()
	// interruptible makes a context that ends when somebody asks the process to end; nil
	// leaves it as it is.
	interruptible func(context.Context) context.Context
	getenv        func(string) string
	// chdir serves -C, which moves the process as git's does: relative paths
	// and the safety rules about the working directory then all agree.
	chdir func(string) error
	getwd func() (string, error)
	now   func() time.Time
}

// globals are the flags that every command takes.
type globals struct {
	dirs       []string
	json       bool
	quiet      bool
	verbose    bool
	noProgress bool
	help       bool
}

// addFlags may be called for several sets, whose flags then share the values:
// the global flags are accepted before and after the command's name.
func (g *globals) addFlags(fs *pflag.FlagSet) {
	fs.VarP((*dirList)(&g.dirs), "directory", "C", "run as if started in `dir`; more than one add up, as git's do")
	fs.BoolVar(&g.json, "json", g.json, "print JSON: one object, or one a line for lists")
	fs.BoolVarP(&g.quiet, "quiet", "q", g.quiet, "print results only: no warnings, no progress")
	fs.BoolVarP(&g.verbose, "verbose", "v", g.verbose, "say on stderr what is done")
	fs.BoolVar(&g.noProgress, "no-progress", g.noProgress, "show no progress, even on a terminal")
	fs.BoolVarP(&g.help, "help", "h", g.help, "print help")
}

// dirList collects -C; unlike pflag's own lists it can be in two flag sets.
type dirList []string

func (d *dirList) String() string { return "" }

func (d *dirList) Set(s string) error {
	*d = append(*d, s)
	return nil
}

func (d *dirList) Type() string { return "dir" }

// call is one run of one command.
type call struct {
	*process
	globals
	cmd *command
	// args are the positional arguments before "--", paths those after it.
	args, paths []string
	out         *output
	log         hclog.Logger
	// screen is stderr, shared with the progress bar.
	screen *screen
	// versionFlag is --version before a command, where it names no version.
	versionFlag bool
}

// manager finds the project that the working directory lies in. The caller
// closes it.
func (c *call) manager(ctx context.Context) (*manager.Manager, error) {
	workers := 0
	if c.cmd != nil && c.cmd.trees && c.prepareTrees != nil {
		workers = c.prepareTrees()
	}
	m, err := manager.New(ctx, ".", manager.Options{
		Logger: c.log, Now: c.now, ToolVersion: buildVersion(), Workers: workers,
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = &hintedError{err, "go to a directory that exists, or name one with -C"}
	}
	return m, err
}

// store also opens the project's store.
func (c *call) store(ctx context.Context) (*manager.Manager, *gitstore.Store, error) {
	m, err := c.manager(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := m.Store(ctx)
	if err != nil {
		m.Close()
		return nil, nil, err
	}
	return m, s, nil
}

// version returns the only positional argument, or def.
func (c *call) version(def string) string {
	if len(c.args) > 0 {
		return c.args[0]
	}
	return def
}

// rooted makes commands that hints name right for where this one was typed: the
// engine, which writes some of the hints, knows nothing of -C.
func (c *call) rooted(hint string) string {
	const program = "`git evoseal-rollback "
	if len(c.dirs) == 0 {
		return hint
	}
	pieces := strings.Split(hint, program)
	for i, piece := range pieces[1:] {
		if !strings.HasPrefix(piece, "-C ") {
			pieces[i+1] = strings.TrimPrefix("`"+c.command(""), program) + piece
		}
	}
	return strings.Join(pieces, program)
}

// command is a command line of this program that can be pasted where this one
// was typed.
func (c *call) command(rest string) string {
	s := "git evoseal-rollback"
	for _, d := range c.dirs {
		s += " -C " + shellQuote(d)
	}
	return s + " " + rest
}
