package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// helpWidth is the width of help texts, in columns.
const helpWidth = 80

// overview is the help of the program as a whole. Asked for by saying nothing,
// it is an error, as it is with git.
func (c *call) overview() error {
	if !c.help && (c.cmd == nil || c.cmd.name != "help") {
		return &usageError{msg: "no command was given"}
	}
	o := c.out
	o.printf("usage: git evoseal-rollback [-C <dir>] [--json] [-q|-v] [--no-progress] <command> [<args>]\n\n")
	o.WriteString(wrap(strings.ReplaceAll(purpose, "`", ""), "") + "\n")
	o.println("commands:")
	c.listCommands(commands())
	o.printf("\noptions, before or after the command:\n%s\n", flagHelp(new(globals).addFlags)+"      --version             before a command or alone: print the program's version\n")
	o.println("git evoseal-rollback <command> -h explains a command, `git help evoseal-rollback` all of them.")
	return nil
}

// purpose says in a paragraph what the program is for.
const purpose = "Records a project's tree as checkpoints and brings any of them back, byte for byte, into a directory of its own. The live project is never touched."

// writeHelp is the help of one command.
func writeHelp(w io.Writer, cmd *command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n\n", cmd.synopsis())
	for i, paragraph := range strings.Split(cmd.long, "\n\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(wrap(paragraph, ""))
	}
	if flags := flagHelp(cmd.new().addFlags); flags != "" {
		b.WriteString("\noptions:\n" + flags)
	}
	b.WriteString("\noptions of every command:\n" + flagHelp(new(globals).addFlags))
	if len(cmd.examples) > 0 {
		b.WriteString("\nexamples:\n")
		for _, e := range cmd.examples {
			b.WriteString("  # " + e.says + "\n  " + e.line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (cmd *command) synopsis() string {
	s := "git evoseal-rollback " + cmd.name
	if flagHelp(cmd.new().addFlags) != "" {
		s += " [<options>]"
	}
	if cmd.args != "" {
		s += " " + cmd.args
	}
	return s
}

// flagNames is "-m, --message <text>" and what it is for.
func flagNames(f *pflag.Flag) (names, usage string) {
	names, usage = "--"+f.Name, f.Usage
	if f.Shorthand != "" {
		names = "-" + f.Shorthand + ", " + names
	}
	if arg := flagArg(f); arg != "" {
		names += " <" + arg + ">"
		usage = strings.ReplaceAll(usage, "`"+arg+"`", "<"+arg+">")
	}
	return names, usage
}

// flagArg names what a flag takes, "" for one that takes nothing.
func flagArg(f *pflag.Flag) string {
	if f.NoOptDefVal != "" {
		return ""
	}
	arg, _ := pflag.UnquoteUsage(f)
	return arg
}

// flagHelp lists flags in two columns.
func flagHelp(add func(*pflag.FlagSet)) string {
	const left = 28
	var b strings.Builder
	fs := newFlagSet("")
	add(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		names, usage := flagNames(f)
		if f.Shorthand == "" {
			names = "    " + names
		}
		prefix := strings.Repeat(" ", left)
		text := wrap(usage, prefix)
		if head := "  " + names; len(head)+2 > left {
			b.WriteString(head + "\n" + text)
		} else {
			b.WriteString(head + text[len(head):])
		}
	})
	return b.String()
}

// wrap breaks a paragraph into lines.
func wrap(paragraph, prefix string) string {
	var b strings.Builder
	line := prefix
	for _, word := range strings.Fields(paragraph) {
		if line != prefix && len([]rune(line))+1+len([]rune(word)) > helpWidth {
			b.WriteString(line + "\n")
			line = prefix
		}
		if line != prefix {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
