package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// runner is a command's options. A new one is made for each run.
type runner interface {
	addFlags(fs *pflag.FlagSet)
	// run does the work. What it prints as a result goes to c.out; it returns
	// what went wrong and neither prints that nor exits.
	run(ctx context.Context, c *call) error
}

// command is one row of the table that dispatch, help, manual page and
// completion are made from.
type command struct {
	name string
	// args is the usage line's rest; flags are left to the list of options.
	args string
	// short is half a line; long is paragraphs, indented lines in it are
	// typed as they stand; `words` are literal.
	short, long string
	examples    []example
	// least and most bound the positional arguments; a most of -1 is no bound.
	least, most int
	// paths says that "-- <path>…" may follow.
	paths bool
	// completes names what the positional arguments are: "version", "trigger", "key",
	// "command", or words.
	completes []string
	// then are the words that the second of them may be.
	then   []string
	hidden bool
	// trees says that the command goes through whole trees.
	trees bool
	// instant says that the command is done before anybody could interrupt it.
	instant bool
	new     func() runner
}

type example struct{ line, says string }

// usageError says that the command line can't be understood.
type usageError struct {
	msg string
	// hint is what to do; empty is to read the command's help.
	hint string
	cmd  *command
}

func (e *usageError) Error() string { return e.msg }

// execute runs one command line and returns the process's exit code.
func execute(ctx context.Context, p *process, args []string) int {
	c := &call{process: p, screen: &screen{w: p.stderr}}
	c.out = newOutput(p)
	err := c.dispatch(ctx, args)
	if flushed := c.out.flush(); err == nil && flushed != nil {
		err = fmt.Errorf("can't write the result: %w", flushed)
	}
	return c.finish(err)
}

// dispatch parses the command line and runs its command.
func (c *call) dispatch(ctx context.Context, args []string) error {
	// Even what can't be parsed is answered in the form that was asked for.
	c.json = slices.Contains(beforeDash(args), "--json")
	top := newFlagSet("git evoseal-rollback")
	top.SetInterspersed(false)
	c.addFlags(top)
	top.BoolVar(&c.versionFlag, "version", false, "print the program's version")
	if err := top.Parse(args); err != nil {
		return parseError(err, nil, top)
	}
	if c.versionFlag {
		return (&versionOptions{}).run(ctx, c)
	}
	if top.NArg() == 0 {
		return c.overview()
	}
	if c.help {
		return c.explain(commands(), strings.Join(plainWords(top.Args()), " "))
	}
	cmd, rest, err := find(commands(), top.Args())
	if err != nil {
		if below := group(commands(), top.Arg(0)); len(below) > 0 && asksForHelp(top.Args()[1:]) {
			return c.groupHelp(top.Arg(0), below)
		}
		return err
	}
	c.cmd = cmd
	r := c.cmd.new()
	fs := newFlagSet(c.cmd.name)
	r.addFlags(fs)
	c.addFlags(fs)
	if err := fs.Parse(rest); err != nil {
		return parseError(err, c.cmd, fs)
	}
	if c.help {
		return c.explainOne(c.cmd, commands())
	}
	if err := c.takeArgs(fs); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	if c.interruptible != nil && !c.cmd.instant {
		ctx = c.interruptible(ctx)
	}
	err = r.run(ctx, c)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("cancelled: %w", context.Canceled)
	}
	return err
}

// asksForHelp says that a group of commands is asked about, not told to do.
func asksForHelp(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{"-h", "--help", "help"}, args[0])
}

// plainWords are the arguments before the first flag.
func plainWords(args []string) []string {
	if at := slices.IndexFunc(args, func(s string) bool { return strings.HasPrefix(s, "-") }); at >= 0 {
		return args[:at]
	}
	return args
}

// find takes the command's name, of one or two words, off the arguments.
func find(table []*command, args []string) (*command, []string, error) {
	named := func(name string) *command {
		if at := slices.IndexFunc(table, func(cmd *command) bool { return cmd.name == name }); at >= 0 {
			return table[at]
		}
		return nil
	}
	if len(args) > 1 {
		if cmd := named(args[0] + " " + args[1]); cmd != nil {
			return cmd, args[2:], nil
		}
	}
	if cmd := named(args[0]); cmd != nil {
		return cmd, args[1:], nil
	}
	var below []string
	for _, cmd := range table {
		if word, ok := strings.CutPrefix(cmd.name, args[0]+" "); ok {
			below = append(below, word)
		}
	}
	if len(below) == 0 {
		return nil, nil, unknownCommand(args[0], table)
	}
	hint := "take one of: " + strings.Join(below, ", ") + "; each explains itself with -h"
	if len(args) == 1 || strings.HasPrefix(args[1], "-") {
		return nil, nil, &usageError{msg: args[0] + " needs to be told what to do", hint: hint}
	}
	if near := nearest(args[1], below); near != "" {
		hint = "did you mean `git evoseal-rollback " + args[0] + " " + near + "`?"
	}
	return nil, nil, &usageError{msg: fmt.Sprintf("there is no command %q", args[0]+" "+args[1]), hint: hint}
}

func beforeDash(args []string) []string {
	if at := slices.Index(args, "--"); at >= 0 {
		return args[:at]
	}
	return args
}

func newFlagSet(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.SortFlags = false
	return fs
}

// namesThings are the flags whose value names something. A script whose variable
// is empty didn't mean the default.
var namesThings = []string{"target", "branch", "to", "baseline", "parent", "token-file", "from", "out", "metrics", "tests", "since-head", "version", "keep-tagged", "keep-within", "grace"}

func (c *call) emptyFlag(fs *pflag.FlagSet) error {
	var err error
	fs.Visit(func(f *pflag.Flag) {
		if slices.Contains(namesThings, f.Name) && (f.Value.String() == "" || f.Value.String() == "[]") {
			err = &usageError{msg: "--" + f.Name + " is empty", hint: "leave it out, or name something", cmd: c.cmd}
		}
	})
	return err
}

// takeArgs checks the number of positional arguments.
func (c *call) takeArgs(fs *pflag.FlagSet) error {
	if err := c.emptyFlag(fs); err != nil {
		return err
	}
	c.args = fs.Args()
	if at := fs.ArgsLenAtDash(); at >= 0 {
		c.args, c.paths = fs.Args()[:at], fs.Args()[at:]
	}
	if !c.cmd.paths && len(c.paths) > 0 {
		c.args, c.paths = append(slices.Clone(c.args), c.paths...), nil
	}
	n := len(c.args)
	switch {
	case n < c.cmd.least:
		return &usageError{msg: c.cmd.name + " needs " + c.cmd.args, cmd: c.cmd}
	case c.cmd.name == "guard" && n > 0 && len(c.paths) == 0:
		return &usageError{msg: "the command goes behind `--`", cmd: c.cmd, hint: "type: " + c.command("guard -- "+shellJoin(c.args))}
	case c.cmd.most >= 0 && n > c.cmd.most && c.cmd.paths:
		return &usageError{msg: fmt.Sprintf("unexpected argument %q", c.args[c.cmd.most]), cmd: c.cmd,
			hint: "put paths after `--`: " + c.command(c.cmd.name+" "+shellJoin(c.args[:c.cmd.most])+" -- "+shellJoin(c.args[c.cmd.most:]))}
	case c.cmd.most >= 0 && n > c.cmd.most:
		u := &usageError{msg: fmt.Sprintf("unexpected argument %q", c.args[c.cmd.most]), cmd: c.cmd}
		if words, _ := secondWords(c.cmd.name); n == 1 {
			if near := nearest(c.args[0], words); near != "" {
				u.hint = "did you mean `git evoseal-rollback " + c.cmd.name + " " + near + "`?"
			}
		}
		return u
	}
	return nil
}

// settle does what the global flags ask for.
func (c *call) settle() error {
	if c.quiet && c.verbose {
		return &usageError{msg: "-q and -v exclude each other", cmd: c.cmd}
	}
	for _, dir := range c.dirs {
		if dir == "" {
			continue
		}
		if err := c.chdir(dir); err != nil {
			return &usageError{msg: fmt.Sprintf("can't change to the directory %q: %v", dir, errors.Unwrap(err)), hint: "name a directory that exists with -C", cmd: c.cmd}
		}
	}
	c.log = c.newLog()
	return nil
}

// parseError adds the nearest flag to what pflag says.
func parseError(err error, cmd *command, fs *pflag.FlagSet) error {
	u := &usageError{msg: err.Error(), cmd: cmd}
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return u
	}
	if missing.GetSpecifiedShortnames() != "" {
		u.msg = fmt.Sprintf("there is no flag -%s", missing.GetSpecifiedName())
		return u
	}
	name := missing.GetSpecifiedName()
	u.msg = fmt.Sprintf("there is no flag --%s", name)
	var names []string
	fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest(name, names); near != "" {
		u.hint = "did you mean `--" + near + "`?"
	}
	return u
}

func unknownCommand(name string, table []*command) error {
	var names []string
	for _, cmd := range table {
		if !cmd.hidden {
			names = append(names, cmd.name)
		}
	}
	u := &usageError{msg: fmt.Sprintf("there is no command %q", name), hint: "`git evoseal-rollback -h` lists the commands"}
	if near := nearest(name, names); near != "" {
		u.hint = "did you mean `git evoseal-rollback " + near + "`?"
	}
	return u
}

// nearest returns the name that takes the fewest changes to get from word, ""
// when none is near.
func nearest(word string, names []string) string {
	best, at := "", max(2, len(word)/3)+1
	for _, name := range names {
		d := distance(word, name)
		if len(word) > 1 && strings.HasPrefix(name, word) {
			d = 0
		}
		if d < at {
			best, at = name, d
		}
	}
	return best
}

// distance is Levenshtein's, by bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
