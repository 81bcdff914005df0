package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion, made by \"git evoseal-rollback completion fish\".\n")
	const program = "complete -c git-evoseal-rollback "
	b.WriteString(program + "-f\n")
	writeFishFlags(&b, program, new(globals).addFlags)
	for _, first := range firstWords() {
		fmt.Fprintf(&b, "%s-n __fish_use_subcommand -a %s -d %s\n", program, first, fishQuote(shortOf(first)))
		alone, longer := byFirstWord(first)
		seen := "__fish_seen_subcommand_from " + first
		words, shorts := secondWords(first)
		for i, word := range words {
			fmt.Fprintf(&b, "%s-n '%s; and not __fish_seen_subcommand_from %s' -a %s -d %s\n", program, seen, strings.Join(words, " "), word, fishQuote(shorts[i]))
		}
		for _, cmd := range longer {
			writeFishCommand(&b, program+"-n '"+seen+"; and __fish_seen_subcommand_from "+strings.TrimPrefix(cmd.name, first+" ")+"' ", cmd)
		}
		if alone != nil {
			when := program + "-n '" + seen + "' "
			if len(words) > 0 {
				when = program + "-n '" + seen + "; and not __fish_seen_subcommand_from " + strings.Join(words, " ") + "' "
			}
			writeFishCommand(&b, when, alone)
		}
	}
	return b.String()
}

func writeFishCommand(b *strings.Builder, when string, cmd *command) {
	writeFishFlags(b, when, cmd.new().addFlags)
	if len(cmd.then) > 0 {
		second := strings.TrimSuffix(when, "' ") + "; and test (count (commandline -opc)) -ge 3' "
		b.WriteString(second + "-a " + fishQuote(strings.Join(cmd.then, " ")) + "\n")
	}
	switch positional := strings.Join(cmd.completes, " "); positional {
	case "":
	case "version":
		b.WriteString(when + "-a '(git-evoseal-rollback __complete 2>/dev/null)'\n")
	case "trigger":
		b.WriteString(when + "-a '(git-evoseal-rollback __complete triggers 2>/dev/null)'\n")
	case "command":
		b.WriteString(when + "-a " + fishQuote(strings.Join(firstWords(), " ")) + "\n")
	case "key":
		b.WriteString(when + "-a " + fishQuote(keyWords()) + "\n")
	default:
		b.WriteString(when + "-a " + fishQuote(positional) + "\n")
	}
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
		case slices.Contains(versionFlags, f.Name):
			line += " -x -a '(git-evoseal-rollback __complete 2>/dev/null)'"
		case flagValues(f) != nil:
			line += " -x -a " + fishQuote(strings.Join(flagValues(f), " "))
		case f.NoOptDefVal == "":
			line += " -x"
		}
		b.WriteString(line + " -d " + fishQuote(usage) + "\n")
	})
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
