package main

import (
	"fmt"
	"strings"
)

const bashHead = `# bash completion of git-evoseal-rollback, made by "git evoseal-rollback completion bash".
# git's own completion calls _git_evoseal_rollback for "git evoseal-rollback".

__git_evoseal_rollback_versions () {
	command git-evoseal-rollback "${__evoseal_dirs[@]}" __complete 2>/dev/null
}

__git_evoseal_rollback_triggers () {
	command git-evoseal-rollback "${__evoseal_dirs[@]}" __complete triggers 2>/dev/null
}

_git_evoseal_rollback () {
	local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
	local words="" command="" i=1 n=0 w
	local -a __evoseal_dirs=()
	# In "git -C dir evoseal-rollback …" the command's words begin behind the name.
	if [[ "${COMP_WORDS[0]##*/}" == git ]]; then
		while ((i < COMP_CWORD)) && [[ "${COMP_WORDS[i]}" != evoseal-rollback ]]; do
			[[ "${COMP_WORDS[i]}" == -C ]] && __evoseal_dirs+=(-C "${COMP_WORDS[i+1]}")
			((i++))
		done
		((i++))
	fi
	while ((i < COMP_CWORD)); do
		w="${COMP_WORDS[i]}"
		case "$w" in
		-C|--directory)
			__evoseal_dirs+=(-C "${COMP_WORDS[i+1]}"); ((i++)) ;;
		--)
			COMPREPLY=($(compgen -f -- "$cur")); return ;;
`

const bashTail = `	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -o bashdefault -o default -F _git_evoseal_rollback git-evoseal-rollback
`

func bashCompletion() string {
	var b strings.Builder
	b.WriteString(bashHead)
	fmt.Fprintf(&b, "\t\t%s)\n\t\t\t((i++)) ;;\n", strings.Join(withoutDirectory(valueFlags()), "|"))
	b.WriteString("\t\t-*) ;;\n\t\t*)\n\t\t\tif [[ -z \"$command\" ]]; then command=\"$w\"; else\n\t\t\t\tcase \"$command $w\" in\n\t\t\t\t")
	b.WriteString(strings.Join(longNames(), "|") + ") command=\"$command $w\" ;;\n\t\t\t\t*) ((n++)) ;;\n\t\t\t\tesac\n\t\t\tfi ;;\n\t\tesac\n\t\t((i++))\n\tdone\n")
	b.WriteString("\tcase \"$prev\" in\n\t-C|--directory|--target)\n\t\tCOMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n")
	b.WriteString("\t--" + strings.Join(versionFlags, "|--") + ")\n\t\tCOMPREPLY=($(compgen -W \"$(__git_evoseal_rollback_versions)\" -- \"$cur\")); return ;;\n")
	names, values := choiceFlags()
	for _, name := range names {
		fmt.Fprintf(&b, "\t--%s)\n\t\tCOMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", name, strings.Join(values[name], " "))
	}
	b.WriteString("\tesac\n")
	fmt.Fprintf(&b, "\tlocal global=%q\n", flagWords(new(globals).addFlags))
	b.WriteString("\tcase \"$command\" in\n")
	fmt.Fprintf(&b, "\t\"\")\n\t\twords=%q\n\t\t[[ \"$cur\" == -* ]] && words=\"$global\" ;;\n", strings.Join(firstWords(), " "))
	for _, first := range firstWords() {
		alone, longer := byFirstWord(first)
		below, _ := secondWords(first)
		if alone == nil {
			fmt.Fprintf(&b, "\t%s)\n\t\twords=%q ;;\n", first, strings.Join(below, " "))
		} else {
			longer = append(longer, alone)
		}
		for _, cmd := range longer {
			writeBashCommand(&b, cmd, below)
		}
	}
	b.WriteString(bashTail)
	return b.String()
}

// writeBashCommand completes one command; below are the words that may follow it.
func writeBashCommand(b *strings.Builder, cmd *command, below []string) {
	positional := strings.Join(cmd.completes, " ")
	switch positional {
	case "version":
		positional = "$(__git_evoseal_rollback_versions)"
	case "trigger":
		positional = "$(__git_evoseal_rollback_triggers)"
	case "key":
		positional = keyWords()
	case "command":
		positional = strings.Join(firstWords(), " ")
	}
	if !strings.Contains(cmd.name, " ") {
		positional = strings.TrimSpace(positional + " " + strings.Join(below, " "))
	}
	then := ""
	if len(cmd.then) > 0 {
		then = fmt.Sprintf(" elif ((n > 0)); then words=%q;", strings.Join(cmd.then, " "))
	}
	fmt.Fprintf(b, "\t%q)\n\t\tif [[ \"$cur\" == -* ]]; then words=\"%s $global\";%s else words=\"%s\"; fi ;;\n",
		cmd.name, flagWords(cmd.new().addFlags), then, positional)
}

// longNames are the names of two words, quoted.
func longNames() []string {
	var out []string
	for _, cmd := range visible() {
		if strings.Contains(cmd.name, " ") {
			out = append(out, fmt.Sprintf("%q", cmd.name))
		}
	}
	return out
}

func withoutDirectory(flags []string) []string {
	var out []string
	for _, f := range flags {
		if f != "-C" && f != "--directory" {
			out = append(out, f)
		}
	}
	return out
}
