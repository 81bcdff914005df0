package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/hashicorp/go-hclog"
	"github.com/spf13/pflag"
)

type completionOptions struct{}

func (o *completionOptions) addFlags(*pflag.FlagSet) {}

func (o *completionOptions) run(_ context.Context, c *call) error {
	scripts := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	script, ok := scripts[c.args[0]]
	if !ok {
		return &usageError{msg: fmt.Sprintf("there is no completion for %q", c.args[0]), hint: "take bash, zsh or fish", cmd: c.cmd}
	}
	c.out.WriteString(script())
	return nil
}

// completeOptions prints what the scripts complete from: versions, or triggers.
// Whatever goes wrong, there is nothing to complete then, and nothing to say.
type completeOptions struct{}

func (o *completeOptions) addFlags(*pflag.FlagSet) {}

func (o *completeOptions) run(ctx context.Context, c *call) error {
	c.log.SetLevel(hclog.Off)
	m, s, err := c.store(ctx)
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		return nil
	}
	defer m.Close()
	if c.version("versions") == "triggers" {
		triggers, _ := m.Triggers(ctx)
		for _, t := range triggers {
			c.out.println(t.Name)
		}
		return nil
	}
	all, err := s.Checkpoints(ctx)
	if err != nil || len(all) == 0 {
		return nil
	}
	c.out.println(gitstore.Latest)
	for _, cp := range all {
		c.out.println(cp.Version)
	}
	return nil
}

// flagValues are the values that a flag takes; nil where they aren't a few words.
func flagValues(f *pflag.Flag) []string {
	arg := flagArg(f)
	switch {
	case f.Name == "action":
		return actions()
	case strings.Contains(arg, "|"):
		return strings.Split(arg, "|")
	}
	return nil
}

// versionFlags take a version.
var versionFlags = []string{"parent", "version", "baseline", "to"}

// choiceFlags are the flags, of any command, whose values are a few words.
func choiceFlags() (names []string, values map[string][]string) {
	values = make(map[string][]string)
	for _, cmd := range visible() {
		fs := newFlagSet("")
		cmd.new().addFlags(fs)
		fs.VisitAll(func(f *pflag.Flag) {
			if list := flagValues(f); list != nil && values[f.Name] == nil {
				names, values[f.Name] = append(names, f.Name), list
			}
		})
	}
	return names, values
}

// flagWords are a command's flags, as words to complete.
func flagWords(add func(*pflag.FlagSet)) string {
	fs := newFlagSet("")
	add(fs)
	var words []string
	fs.VisitAll(func(f *pflag.Flag) { words = append(words, "--"+f.Name) })
	return strings.Join(words, " ")
}

// valueFlags are the flags, of any command, that take the next word.
func valueFlags() []string {
	seen := map[string]bool{}
	var out []string
	collect := func(f *pflag.Flag) {
		for _, name := range []string{"-" + f.Shorthand, "--" + f.Name} {
			if name != "-" && f.NoOptDefVal == "" && !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	for _, cmd := range commands() {
		fs := newFlagSet("")
		cmd.new().addFlags(fs)
		new(globals).addFlags(fs)
		fs.VisitAll(collect)
	}
	return out
}

func visible() []*command {
	var out []*command
	for _, cmd := range commands() {
		if !cmd.hidden {
			out = append(out, cmd)
		}
	}
	return out
}

// firstWords are the words that a command line may begin with.
func firstWords() []string {
	var out []string
	for _, cmd := range visible() {
		if word, _, _ := strings.Cut(cmd.name, " "); !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

// secondWords are those that may follow a first word, with what each does.
func secondWords(first string) (words, shorts []string) {
	for _, cmd := range visible() {
		if word, ok := strings.CutPrefix(cmd.name, first+" "); ok {
			words, shorts = append(words, word), append(shorts, cmd.short)
		}
	}
	return words, shorts
}

// shortOf says what a first word is for.
func shortOf(first string) string {
	for _, cmd := range visible() {
		if cmd.name == first {
			return cmd.short
		}
	}
	words, _ := secondWords(first)
	return strings.Join(words, ", ")
}

// byFirstWord are the commands that begin with a word, the one that is nothing but
// the word first; nil where there is no such one.
func byFirstWord(first string) (alone *command, longer []*command) {
	for _, cmd := range visible() {
		switch {
		case cmd.name == first:
			alone = cmd
		case strings.HasPrefix(cmd.name, first+" "):
			longer = append(longer, cmd)
		}
	}
	return alone, longer
}

// keyWords are the policy's keys that stand for themselves.
func keyWords() string {
	var words []string
	for _, k := range policy.Keys() {
		if !strings.Contains(k.Name, "<") {
			words = append(words, k.Name)
		}
	}
	return strings.Join(words, " ")
}
