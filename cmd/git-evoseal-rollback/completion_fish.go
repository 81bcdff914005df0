package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion, made by \"git evoseal-rollback completion fish\".\n")
	const program = "complete -c git-evoseal-rollback "
	b.WriteString(program + "-f\n")
	writeFishFlags(&b, program, new(globals).addFlags)
	for _, cmd := range visible() {
		fmt.Fprintf(&b, "%s-n __fish_use_subcommand -a %s -d %s\n", program, cmd.name, fishQuote(cmd.short))
		when := program + "-n '__fish_seen_subcommand_from " + cmd.name + "' "
		writeFishFlags(&b, when, cmd.new().addFlags)
		switch positional := strings.Join(cmd.completes, " "); positional {
		case "":
		case "version":
			b.WriteString(when + "-a '(git-evoseal-rollback __complete 2>/dev/null)'\n")
		default:
			b.WriteString(when + "-a " + fishQuote(positional) + "\n")
		}
	}
	return b.String()
}

func writeFishFlags(b *strings.Builder, prefix string, add func(*pflag.FlagSet)) {
	fs := newFlagSet("")
	add(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		arg, usage := flagArg(f), strings.ReplaceAll(f.Usage, "`", "")
		line := prefix + "-l " + f.Name
		if f.Shorthand != "" {
			line += " -s " + f.Shorthand
		}
		switch {
		case arg == "dir":
			line += " -x -a '(__fish_complete_directories)'"
		case f.NoOptDefVal == "":
			line += " -x"
		}
		b.WriteString(line + " -d " + fishQuote(usage) + "\n")
	})
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
