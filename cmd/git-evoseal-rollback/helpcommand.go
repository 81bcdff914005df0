package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// helpOptions explain the program, a command, or a group of them.
type helpOptions struct{}

func (o *helpOptions) addFlags(*pflag.FlagSet) {}

func (o *helpOptions) run(_ context.Context, c *call) error {
	if len(c.args) == 0 {
		return c.overview()
	}
	return c.explain(commands(), strings.Join(c.args, " "))
}

// explain writes the help of the commands that a name stands for.
func (c *call) explain(table []*command, name string) error {
	if at := slices.IndexFunc(table, func(cmd *command) bool { return cmd.name == name }); at >= 0 {
		return c.explainOne(table[at], table)
	}
	if below := group(table, name); len(below) > 0 {
		return c.groupHelp(name, below)
	}
	first, rest, _ := strings.Cut(name, " ")
	if _, _, err := find(table, append([]string{first}, strings.Fields(rest)...)); err != nil {
		return err
	}
	return &usageError{msg: fmt.Sprintf("there is no command %q", name), hint: c.shown("help") + " lists the commands"}
}

// explainOne explains one command, and names those that begin with its name.
func (c *call) explainOne(cmd *command, table []*command) error {
	if err := writeHelp(c.out, cmd); err != nil {
		return err
	}
	if below := group(table, cmd.name); len(below) > 0 {
		c.out.println("\nsee also:")
		c.listCommands(below)
	}
	return nil
}

// groupHelp lists the commands that begin with a word which is none itself.
func (c *call) groupHelp(name string, below []*command) error {
	var words []string
	for _, cmd := range below {
		words = append(words, strings.TrimPrefix(cmd.name, name+" "))
	}
	c.out.printf("usage: git evoseal-rollback %s %s [<args>]\n\ncommands:\n", name, strings.Join(words, "|"))
	c.listCommands(below)
	c.out.printf("\ngit evoseal-rollback %s <command> -h explains a command.\n", name)
	return nil
}

func (c *call) listCommands(list []*command) {
	for _, cmd := range list {
		if !cmd.hidden {
			c.out.printf("  %-15s %s\n", cmd.name, cmd.short)
		}
	}
}

// group are the commands whose names begin with a word and go on.
func group(table []*command, first string) []*command {
	var out []*command
	for _, cmd := range table {
		if !cmd.hidden && strings.HasPrefix(cmd.name, first+" ") {
			out = append(out, cmd)
		}
	}
	return out
}
