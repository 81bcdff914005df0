package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

func zshCompletion() string {
	var b strings.Builder
	b.WriteString(`#compdef git-evoseal-rollback
#description record a project's tree and bring it back
# zsh completion, made by "git evoseal-rollback completion zsh". Put it into a
# directory of $fpath as _git-evoseal-rollback.

_git-evoseal-rollback () {
	local context state line curcontext="$curcontext"
	local -a commands
	commands=(
`)
	for _, first := range firstWords() {
		fmt.Fprintf(&b, "\t\t%s\n", zshQuote(first+":"+shortOf(first)))
	}
	b.WriteString("\t)\n\t_arguments -C \\\n")
	writeZshFlags(&b, "\t\t", new(globals).addFlags)
	b.WriteString("\t\t'1: :->command' '*:: :->args'\n\tcase $state in\n\tcommand)\n\t\t_describe command commands ;;\n\targs)\n\t\tcase $line[1] in\n")
	for _, first := range firstWords() {
		alone, longer := byFirstWord(first)
		fmt.Fprintf(&b, "\t\t%s)\n", first)
		if len(longer) > 0 {
			b.WriteString("\t\t\tcase $words[2] in\n")
			for _, cmd := range longer {
				fmt.Fprintf(&b, "\t\t\t%s)\n\t\t\t\tshift words; (( CURRENT-- ))\n", strings.TrimPrefix(cmd.name, first+" "))
				writeZshCommand(&b, cmd, "")
				b.WriteString("\t\t\t\treturn ;;\n")
			}
			b.WriteString("\t\t\tesac\n")
		}
		words, _ := secondWords(first)
		writeZshCommand(&b, alone, strings.Join(words, " "))
		b.WriteString("\t\t\t;;\n")
	}
	b.WriteString("\t\tesac ;;\n\tesac\n}\n\n_git-evoseal-rollback \"$@\"\n")
	return b.String()
}

// writeZshCommand completes a command's arguments; below are the words that may
// follow it. A nil command is nothing but those words.
func writeZshCommand(b *strings.Builder, cmd *command, below string) {
	b.WriteString("\t\t\t_arguments \\\n")
	positional := below
	if cmd != nil {
		writeZshFlags(b, "\t\t\t\t", cmd.new().addFlags)
		positional = strings.TrimSpace(strings.Join(cmd.completes, " ") + " " + below)
	}
	writeZshFlags(b, "\t\t\t\t", new(globals).addFlags)
	switch positional {
	case "version":
		if len(cmd.then) > 0 {
			fmt.Fprintf(b, "\t\t\t\t'1: :%s' '2: :(%s)'\n", zshVersions, strings.Join(cmd.then, " "))
			return
		}
		b.WriteString("\t\t\t\t'*: :" + zshVersions + "'\n")
	case "trigger":
		b.WriteString("\t\t\t\t'1: :{compadd -- $(_call_program triggers git-evoseal-rollback __complete triggers)}'\n")
	case "command":
		fmt.Fprintf(b, "\t\t\t\t'1: :(%s)'\n", strings.Join(firstWords(), " "))
	case "key":
		fmt.Fprintf(b, "\t\t\t\t'1: :(%s)'\n", keyWords())
	case "":
		b.WriteString("\t\t\t\t'*: :'\n")
	default:
		fmt.Fprintf(b, "\t\t\t\t'1: :(%s)'\n", positional)
	}
}

func writeZshFlags(b *strings.Builder, prefix string, add func(*pflag.FlagSet)) {
	fs := newFlagSet("")
	add(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		arg, usage := flagArg(f), strings.ReplaceAll(f.Usage, "`", "")
		text := strings.NewReplacer("[", "(", "]", ")", ":", ",").Replace(usage)
		spec := "--" + f.Name
		if f.NoOptDefVal == "" {
			spec += "=[" + text + "]:" + strings.ReplaceAll(arg, "|", " or ") + ":" + zshValues(f)
		} else {
			spec += "[" + text + "]"
		}
		fmt.Fprintf(b, "%s%s \\\n", prefix, zshQuote(spec))
	})
}

const zshVersions = "{compadd -- $(_call_program versions git-evoseal-rollback __complete)}"

// zshValues is the action that completes a flag's value.
func zshValues(f *pflag.Flag) string {
	switch values := flagValues(f); {
	case values != nil:
		return "(" + strings.Join(values, " ") + ")"
	case slices.Contains(versionFlags, f.Name):
		return zshVersions
	case flagArg(f) == "dir":
		return "_directories"
	}
	return ""
}

func zshQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
