package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/spf13/pflag"
)

type policyGetOptions struct{ text bool }

func (o *policyGetOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.text, "text", false, "print the policy as it was written")
}

type valueJSON struct {
	Schema  int      `json:"schema"`
	Key     string   `json:"key"`
	Value   string   `json:"value"`
	Values  []string `json:"values"`
	Set     bool     `json:"set"`
	Default string   `json:"default"`
	Help    string   `json:"help"`
}

func newValueJSON(v policy.Value) valueJSON {
	return valueJSON{schema, v.Name, strings.Join(v.Values, ","), v.Values, v.Set, v.Key.Default, v.Key.Help}
}

func (o *policyGetOptions) run(ctx context.Context, c *call) error {
	text, err := c.policyText(ctx)
	if err != nil {
		return err
	}
	if o.text {
		c.out.Write(text)
		return nil
	}
	all, err := policy.Values(text)
	if err != nil {
		return err
	}
	if len(c.args) > 0 {
		return c.tellValue(all, c.args[0])
	}
	if c.json {
		for _, v := range all {
			if err := c.out.object(newValueJSON(v)); err != nil {
				return err
			}
		}
		return nil
	}
	c.out.table(func(w io.Writer) {
		for _, v := range all {
			origin := ""
			if !v.Set {
				origin = "(default)"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, printable(strings.Join(v.Values, ", ")), origin)
		}
	})
	return nil
}

// policyText is the text in force, also of a policy that can't be understood.
func (c *call) policyText(ctx context.Context) ([]byte, error) {
	m, s, err := c.store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer m.Close()
	raw, err := s.Policy()
	if err != nil {
		return nil, err
	}
	return raw.File(gitstore.PolicyFile), nil
}

// tellValue shows one key, with what there is to know of it.
func (c *call) tellValue(all []policy.Value, name string) error {
	full, key, err := policy.Find(name)
	if err != nil {
		return err
	}
	value := policy.Value{Name: full, Values: []string{key.Default}, Key: key}
	for _, v := range all {
		if strings.EqualFold(v.Name, full) {
			value = v
		}
	}
	if c.json {
		return c.out.object(newValueJSON(value))
	}
	for _, v := range value.Values {
		c.out.println(printable(v))
	}
	return nil
}

type policySetOptions struct {
	reason     string
	unset, add bool
	token      tokenFlag
}

func (o *policySetOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	fs.BoolVar(&o.unset, "unset", false, "give the key its default again")
	fs.BoolVar(&o.add, "add", false, "add a value to a key that may have several")
	o.token.addFlags(fs)
}

func (o *policySetOptions) run(ctx context.Context, c *call) error {
	if want := 2; o.unset && len(c.args) != 1 || !o.unset && len(c.args) != want {
		return &usageError{msg: "policy set takes a key and a value, or a key and --unset", cmd: c.cmd}
	}
	return c.changePolicy(ctx, &o.token, o.reason, func(text []byte) ([]byte, error) {
		switch {
		case o.unset:
			return policy.Unset(text, c.args[0])
		case o.add:
			return policy.Add(text, c.args[0], c.args[1])
		}
		return policy.Set(text, c.args[0], c.args[1])
	})
}

// changePolicy stores what edit makes of the policy, and tells what changed.
func (c *call) changePolicy(ctx context.Context, flag *tokenFlag, reason string, edit func([]byte) ([]byte, error)) error {
	token, err := flag.read(c)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	changed, err := m.SetPolicy(ctx, manager.SetPolicyRequest{Edit: edit, Reason: reason, Token: token})
	if err != nil {
		return err
	}
	return c.tellChanges(changed)
}

type ruleChangeJSON struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

func (c *call) tellChanges(changed *manager.PolicyChanged) error {
	if c.json {
		list := make([]ruleChangeJSON, len(changed.Changes))
		for i, ch := range changed.Changes {
			list[i] = ruleChangeJSON{ch.Key, ch.Old, ch.New}
		}
		return c.out.object(struct {
			Schema  int              `json:"schema"`
			Commit  gitstore.ID      `json:"commit"`
			Changes []ruleChangeJSON `json:"changes"`
		}{schema, changed.Commit, list})
	}
	if len(changed.Changes) == 0 {
		c.out.println("nothing changed")
		return nil
	}
	for _, ch := range changed.Changes {
		c.out.println(printable(ch.String()))
	}
	c.out.printf("in force as %s\n", short(changed.Commit))
	return nil
}

type policyEditOptions struct {
	reason string
	token  tokenFlag
}

func (o *policyEditOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	o.token.addFlags(fs)
}

// run has the user edit a copy. A copy that isn't valid is kept for another try.
func (o *policyEditOptions) run(ctx context.Context, c *call) error {
	before, err := c.policyText(ctx)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "policy-*.gitconfig")
	if err != nil {
		return err
	}
	_, err = f.Write(before)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := c.editor(ctx, f.Name()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	after, err := os.ReadFile(f.Name())
	if err != nil {
		return err
	}
	err = c.changePolicy(ctx, &o.token, o.reason, func(now []byte) ([]byte, error) {
		if string(now) != string(before) {
			return nil, &hintedError{errors.New("somebody else changed the policy meanwhile"), "what you wrote is kept in " + f.Name() + "; edit again"}
		}
		return after, nil
	})
	if errors.Is(err, policy.ErrInvalid) {
		return &hintedError{err, "nothing was stored; what you wrote is kept in " + f.Name()}
	}
	if err == nil {
		err = os.Remove(f.Name())
	}
	return err
}

// editor runs the editor that git would.
func (c *call) editor(ctx context.Context, path string) error {
	command := "vi"
	for _, name := range []string{"GIT_EDITOR", "VISUAL", "EDITOR"} {
		if v := c.getenv(name); v != "" {
			command = v
			break
		}
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command+` "$@"`, command, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.stdin, c.stdout, c.stderr
	if err := cmd.Run(); err != nil {
		return &hintedError{fmt.Errorf("the editor %q failed: %w", command, err), "name one in EDITOR; nothing was changed"}
	}
	return nil
}

type policyLogOptions struct{ limit int }

func (o *policyLogOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVarP(&o.limit, "limit", "n", 0, "show only the newest `number`")
}

func (o *policyLogOptions) run(ctx context.Context, c *call) error {
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	log, err := m.PolicyLog(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	if o.limit > 0 {
		log = log[:min(o.limit, len(log))]
	}
	for i, v := range log {
		actor := v.Actor
		if actor == "" {
			actor = v.Author.Name
		}
		if c.json {
			err := c.out.object(struct {
				Schema  int         `json:"schema"`
				Commit  gitstore.ID `json:"commit"`
				Time    time.Time   `json:"time"`
				Actor   string      `json:"actor"`
				Role    string      `json:"role"`
				Summary string      `json:"summary"`
				Body    string      `json:"body"`
			}{schema, v.Commit, v.Time.UTC(), actor, v.Role, v.Summary, v.Body})
			if err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			c.out.println("")
		}
		role := ""
		if v.Role != "" {
			role = ", " + v.Role
		}
		c.out.printf("%s %s (%s) by %s%s\n", c.out.paint(yellow, short(v.Commit)), clock(v.Time), c.age(v.Time), printable(actor), role)
		c.out.printf("    %s\n", firstLine(v.Summary))
		if v.Body != "" {
			c.out.WriteString(indent(printable(v.Body), "    "))
		}
	}
	return nil
}

type policyImportOptions struct {
	reason string
	token  tokenFlag
}

func (o *policyImportOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	o.token.addFlags(fs)
}

func (o *policyImportOptions) run(ctx context.Context, c *call) error {
	f, err := c.input(c.args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return err
	}
	var warnings []string
	err = c.changePolicy(ctx, &o.token, o.reason, func(text []byte) ([]byte, error) {
		out, _, warned, err := policy.ImportEVOSEAL(data, text)
		warnings = warned
		return out, err
	})
	if !c.quiet {
		for _, w := range warnings {
			fmt.Fprintf(c.screen, "warning: %s\n", printable(w))
		}
	}
	return err
}
