package install

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// lines is what a person has to add so that the manager runs our hook.
func (r *Repository) lines(m Manager, h Hook) []Lines {
	switch m {
	case Husky:
		return []Lines{hookLines(h, filepath.Join(r.huskyTop(), h.Name), r.HooksPath != "" && filepath.Base(r.Dir) != "_")}
	case HooksPath:
		return []Lines{hookLines(h, filepath.Join(r.Dir, h.Name), true)}
	case Lefthook:
		return r.lefthookLines(h)
	case SimpleGitHooks:
		return []Lines{jsonLines(h, r.simpleGitHooksConfig(), `"simple-git-hooks"`, runLine(h))}
	case OldHusky:
		command := "git evoseal-rollback hooks run " + h.Name + " $HUSKY_GIT_PARAMS"
		if h.Stdin {
			command = `printf '%s\n' "$HUSKY_GIT_STDIN" | ` + command
		}
		return []Lines{jsonLines(h, r.packageJSON(), `"husky", "hooks"`, command)}
	case Overcommit:
		return []Lines{overcommitLines(h, r.overcommitConfig())}
	}
	return nil
}

var shellLine = pattern(`^#!.*\b(?:sh|bash|dash|ksh|zsh)\b`)

// hookLines is for a hook that a person keeps as a file. executable says that Git
// itself runs the file, and not a manager.
func hookLines(h Hook, file string, executable bool) Lines {
	l := Lines{File: file, Executable: executable, mark: runMark(h)}
	data, err := readFile(file)
	switch {
	case err != nil || len(bytes.TrimSpace(data)) == 0:
		l.Where = "as the whole of a new, executable file"
		l.Text = "#!/bin/sh\nexec " + runLine(h) + "\n"
		return l
	case bytes.HasPrefix(data, []byte("#!")) && !shellLine().Match(data):
		l.Where = "as a command that this script runs with its own arguments and the whole of its input"
		l.Text = runLine(h) + "\n"
		return l
	case bytes.Contains(data, []byte("husky.sh")):
		l.Where = "after the line that reads husky.sh"
	case bytes.HasPrefix(data, []byte("#!")):
		l.Where = "after the first line"
	default:
		l.Where = "before the first line"
	}
	after := " || true"
	if h.Stops {
		after = " || exit $?"
	}
	l.Text = runLine(h) + after + "\n"
	if h.Stdin {
		// Whatever follows in the file may want the input too.
		l.Text = "if evoseal_input=$(cat) && [ -n \"$evoseal_input\" ]; then\n" +
			"\tprintf '%s\\n' \"$evoseal_input\" | " + runLine(h) + after + "\n" +
			"\texec <<EOF\n$evoseal_input\nEOF\nfi\n"
	}
	return l
}

// lefthookLines uses a script: before a push lefthook passes over commands without
// files to look at, and so over pushes of tags, of old commits and of branches that
// aren't checked out. Scripts always run.
func (r *Repository) lefthookLines(h Hook) []Lines {
	const script = "evoseal.sh"
	config := r.lefthookConfig()
	if config == "" {
		config = filepath.Join(r.Root, "lefthook.yml")
	}
	c := Lines{File: config, Where: "at the end", mark: script}
	if ext := filepath.Ext(config); ext != ".yml" && ext != ".yaml" {
		c.Where = fmt.Sprintf("in its own syntax, in its part %q; as YAML it would be this", h.Name)
	}
	if hasKey(config, h.Name) {
		c.Where = fmt.Sprintf("in its part %q, without the first line, and without the second where there are scripts already", h.Name)
	}
	c.Text = h.Name + ":\n  scripts:\n    \"" + script + "\":\n      runner: sh\n"
	if h.Stdin {
		c.Text += "      use_stdin: true\n"
	}
	return []Lines{c, {
		File:  filepath.Join(r.Root, ".lefthook", h.Name, script),
		Where: "as the whole of a new file", Text: "exec " + runLine(h) + "\n", mark: runMark(h),
	}}
}

func jsonLines(h Hook, file, in, command string) Lines {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(command)
	return Lines{
		File: file, mark: runMark(h),
		Where: fmt.Sprintf("in %s; where it has a command for %s already, before that, with && between the two", in, h.Name),
		Text:  fmt.Sprintf("\"%s\": \"%s\"\n", h.Name, quoted),
	}
}

func overcommitLines(h Hook, file string) Lines {
	var kind strings.Builder
	for part := range strings.SplitSeq(h.Name, "-") {
		kind.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return Lines{
		File: file, mark: "EvosealRollback", Where: fmt.Sprintf("in its part %q", kind.String()),
		Text: kind.String() + ":\n  EvosealRollback:\n    enabled: true\n    command: ['git', 'evoseal-rollback', 'hooks', 'run', '" + h.Name + "']\n",
	}
}
