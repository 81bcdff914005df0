package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

type triggerListOptions struct{}

func (o *triggerListOptions) addFlags(*pflag.FlagSet) {}

type triggerJSON struct {
	Schema int `json:"schema"`
	verdict.Trigger
	Enabled   bool  `json:"enabled"`
	TimeoutMS int64 `json:"timeout_ms"`
}

func (o *triggerListOptions) run(ctx context.Context, c *call) error {
	text, err := c.policyText(ctx)
	if err != nil {
		return err
	}
	p, err := policy.Parse(text)
	if err != nil {
		return err
	}
	if c.json {
		for _, t := range p.Triggers {
			if err := c.out.object(triggerJSON{schema, t, !t.Disabled, t.Timeout.Milliseconds()}); err != nil {
				return err
			}
		}
		return nil
	}
	c.out.table(func(w io.Writer) {
		fmt.Fprintln(w, "NAME\tTYPE\tSTATE\tRULE")
		for _, t := range p.Triggers {
			state := "on"
			switch {
			case t.Disabled:
				state = "off"
			case t.DryRun:
				state = "dry run"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(t.Name), t.Kind, state, printable(describeTrigger(t, p.Threshold)))
		}
	})
	return nil
}

// describeTrigger says in a phrase when a trigger fails a version.
func describeTrigger(t verdict.Trigger, threshold float64) string {
	var rule string
	switch t.Kind {
	case verdict.KindTests:
		rule = fmt.Sprintf("at least %s fails", count(int64(max(1, t.MinFailures)), "test"))
		if t.MinFailures > 1 {
			rule = strings.TrimSuffix(rule, "s")
		}
		if t.Retries > 0 {
			rule += fmt.Sprintf("; passing after up to %d retries is passing", t.Retries)
		}
	case verdict.KindMetrics:
		var bounds []string
		if t.Threshold != nil {
			threshold = *t.Threshold
		}
		if t.Threshold != nil || t.Absolute == nil {
			bounds = append(bounds, fmt.Sprintf("%g %%", threshold*100))
		}
		if t.Absolute != nil {
			bounds = append(bounds, fmt.Sprintf("%g", *t.Absolute))
		}
		rule = "a metric is worse by more than " + strings.Join(bounds, " and ")
	case verdict.KindCommand:
		rule = "exit code 1 of: " + t.Command
	case verdict.KindCustom:
		rule = "the embedding program says so"
	}
	if len(t.Match) > 0 {
		rule += "; only " + strings.Join(t.Match, ", ")
	}
	if t.MustHaveData {
		rule += "; must have data"
	}
	return rule
}

type triggerSetOptions struct {
	reason string
	token  tokenFlag
}

func (o *triggerSetOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	o.token.addFlags(fs)
}

func (o *triggerSetOptions) run(ctx context.Context, c *call) error {
	return c.changePolicy(ctx, &o.token, o.reason, func(text []byte) ([]byte, error) {
		name := c.args[0]
		text, err := c.ensureType(text, name, c.args[1:])
		if err != nil {
			return nil, err
		}
		for _, pair := range c.args[1:] {
			key, value, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, &usageError{msg: fmt.Sprintf("%q is no key=value", pair), cmd: c.cmd}
			}
			if text, err = policy.Set(text, "trigger."+name+"."+key, value); err != nil {
				return nil, err
			}
		}
		return text, nil
	})
}

// ensureType writes a new trigger's type before its other keys, for without one
// it isn't valid.
func (c *call) ensureType(text []byte, name string, pairs []string) ([]byte, error) {
	p, err := policy.Parse(text)
	if err != nil {
		return nil, err
	}
	for _, t := range p.Triggers {
		if t.Name == name {
			return text, nil
		}
	}
	t := verdict.Trigger{Name: name}
	for _, pair := range pairs {
		switch key, value, _ := strings.Cut(pair, "="); strings.ToLower(key) {
		case "type":
			t.Kind = verdict.Kind(value)
		case "command":
			t.Command = value
		}
	}
	if t.Kind == "" {
		return nil, &usageError{
			msg: fmt.Sprintf("there is no trigger %q yet, and a new one needs a type", name), cmd: c.cmd,
			hint: "add type=tests, type=metrics, type=command or type=custom",
		}
	}
	return policy.SetTrigger(text, t)
}

type triggerRemoveOptions struct {
	reason string
	token  tokenFlag
}

func (o *triggerRemoveOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	o.token.addFlags(fs)
}

func (o *triggerRemoveOptions) run(ctx context.Context, c *call) error {
	return c.changePolicy(ctx, &o.token, o.reason, func(text []byte) ([]byte, error) {
		p, err := policy.Parse(text)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(p.Triggers, func(t verdict.Trigger) bool { return t.Name == c.args[0] }) {
			return nil, &usageError{msg: fmt.Sprintf("there is no trigger %q", c.args[0]), hint: c.shown("trigger list") + " shows which there are", cmd: c.cmd}
		}
		return policy.RemoveSection(text, "trigger", c.args[0])
	})
}
