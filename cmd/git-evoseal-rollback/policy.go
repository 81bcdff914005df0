package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
		if section := inSection(all, c.args[0]); len(section) > 0 {
			return c.tellValues(section)
		}
		return c.tellValue(all, c.args[0])
	}
	return c.tellValues(all)
}

// inSection are the values of a section, such as retention or sink.ci.
func inSection(all []policy.Value, section string) []policy.Value {
	return slices.DeleteFunc(slices.Clone(all), func(v policy.Value) bool {
		at := strings.LastIndexByte(v.Name, '.')
		name := v.Name[:max(at, 0)]
		// A subsection has regard for case.
		head, sub, _ := strings.Cut(name, ".")
		wanted, wantedSub, _ := strings.Cut(section, ".")
		return !strings.EqualFold(head, wanted) || wantedSub != "" && sub != wantedSub
	})
}

func (c *call) tellValues(all []policy.Value) error {
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
	if err := c.warnOfTokens(ctx, m, changed.Changes); err != nil {
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

type policyLogOptions struct{ limit int }

func (o *policyLogOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVarP(&o.limit, "limit", "n", 0, "show only the newest `number`; 0 is all of them")
}

func (o *policyLogOptions) run(ctx context.Context, c *call) error {
	if err := c.checkLimit(o.limit); err != nil {
		return err
	}
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
		if v.Actor == "" {
			v.Actor = v.Author.Name
		}
		if c.json {
			if err := c.policyVersionJSON(v); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			c.out.println("")
		}
		c.tellPolicyVersion(v)
	}
	return nil
}

func (c *call) policyVersionJSON(v gitstore.PolicyVersion) error {
	return c.out.object(struct {
		Schema  int         `json:"schema"`
		Commit  gitstore.ID `json:"commit"`
		Time    time.Time   `json:"time"`
		Actor   string      `json:"actor"`
		Role    string      `json:"role"`
		Summary string      `json:"summary"`
		Body    string      `json:"body"`
	}{schema, v.Commit, v.Time.UTC(), v.Actor, v.Role, v.Summary, v.Body})
}

func (c *call) tellPolicyVersion(v gitstore.PolicyVersion) {
	role := ""
	if v.Role != "" {
		role = ", " + v.Role
	}
	c.out.printf("%s %s (%s) by %s%s\n", c.out.paint(yellow, short(v.Commit)), clock(v.Time), c.age(v.Time), printable(v.Actor), role)
	c.out.printf("    %s\n", firstLine(v.Summary))
	if v.Body != "" {
		c.out.WriteString(indent(printable(v.Body), "    "))
	}
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
