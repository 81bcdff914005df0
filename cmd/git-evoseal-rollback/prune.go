package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/retention"
	"github.com/spf13/pflag"
)

type pruneOptions struct {
	dryRun bool
	// values are what was typed for the policy's keys, as the policy would have it.
	values map[string]*string
	tagged []string
	reason string
	token  tokenFlag
}

// ruleFlags are the policy's keys that can be overridden, with their flags.
func ruleFlags() []struct{ flag, key, help string } {
	return []struct{ flag, key, help string }{
		{"keep-last", "keepLast", "keep the newest `number`"},
		{"keep-hourly", "keepHourly", "keep the newest of each of the last `number` hours that have any"},
		{"keep-daily", "keepDaily", "the same for `number` days"},
		{"keep-weekly", "keepWeekly", "the same for `number` weeks"},
		{"keep-monthly", "keepMonthly", "the same for `number` months"},
		{"keep-yearly", "keepYearly", "the same for `number` years"},
		{"keep-within", "keepWithin", "keep all that is no older than `duration`, as in 30d, counted from the newest"},
		{"keep-good", "keepGood", "keep the newest `number` that were verified good"},
		{"grace", "grace", "let what was pruned be brought back for `duration`, as in 14d"},
	}
}

func (o *pruneOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVarP(&o.dryRun, "dry-run", "n", false, "only say what would go, what would stay, and why")
	o.values = make(map[string]*string)
	for _, f := range ruleFlags() {
		o.values[f.key] = fs.String(f.flag, "", f.help)
	}
	fs.StringArrayVar(&o.tagged, "keep-tagged", nil, "keep versions that somebody named and whose names match `pattern`; may be given again")
	fs.StringVar(&o.reason, "reason", "", "say why, for the history, in `text`")
	o.token.addFlags(fs)
}

func (o *pruneOptions) run(ctx context.Context, c *call) error {
	req, err := o.request(c)
	if err != nil {
		return err
	}
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	req.Token = token
	if o.dryRun {
		plan, err := m.PlanPrune(ctx, req)
		if errors.Is(err, gitstore.ErrNoStore) {
			return c.nothingYet()
		}
		if err != nil {
			return err
		}
		return c.tellPrunePlan(plan)
	}
	res, err := m.Prune(ctx, req)
	if errors.Is(err, gitstore.ErrNoStore) {
		return c.nothingYet()
	}
	if res == nil || res.Plan == nil {
		return err
	}
	return errors.Join(c.tellPruned(res), err)
}

// request reads the flags as the policy reads its keys.
func (o *pruneOptions) request(c *call) (manager.PruneRequest, error) {
	req := manager.PruneRequest{Reason: o.reason}
	p, err := policy.Parse(nil)
	if err != nil {
		return req, err
	}
	var text []byte
	set := make(map[string]bool)
	for _, f := range ruleFlags() {
		value := *o.values[f.key]
		if value == "" {
			continue
		}
		set[f.key] = true
		if text, err = policy.Set(text, "retention."+f.key, value); err == nil {
			p, err = policy.Parse(text)
		}
		if err != nil {
			return req, o.refused(c, f.flag, value, err)
		}
	}
	if set["grace"] {
		req.Grace = &p.Grace
	}
	from, tagged := p.RetentionRules(), o.tagged
	req.Adjust = func(r *retention.Rules) { override(r, from, set, tagged) }
	return req, nil
}

// refused says what is wrong with a flag's value, in the policy's words.
func (o *pruneOptions) refused(c *call, flag, value string, err error) error {
	var parse *policy.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	return &usageError{msg: fmt.Sprintf("--%s %s: %s", flag, value, parse.Reason), hint: parse.Hint, cmd: c.cmd}
}

// override puts what was typed in the place of what the policy says.
func override(r *retention.Rules, typed retention.Rules, set map[string]bool, tagged []string) {
	for key, at := range map[string]struct{ to, from *int }{
		"keepLast":    {&r.Last, &typed.Last},
		"keepHourly":  {&r.Hourly, &typed.Hourly},
		"keepDaily":   {&r.Daily, &typed.Daily},
		"keepWeekly":  {&r.Weekly, &typed.Weekly},
		"keepMonthly": {&r.Monthly, &typed.Monthly},
		"keepYearly":  {&r.Yearly, &typed.Yearly},
		"keepGood":    {&r.Good, &typed.Good},
	} {
		if set[key] {
			*at.to = *at.from
		}
	}
	if set["keepWithin"] {
		r.Within = typed.Within
	}
	if len(tagged) > 0 {
		r.Tagged = tagged
	}
}

type pruneListOptions struct{}

func (o *pruneListOptions) addFlags(*pflag.FlagSet) {}

func (o *pruneListOptions) run(ctx context.Context, c *call) error {
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	list, err := m.Waiting(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	return c.tellWaiting(list)
}

type pruneRestoreOptions struct {
	reason string
	token  tokenFlag
}

func (o *pruneRestoreOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the history, in `text`")
	o.token.addFlags(fs)
}

func (o *pruneRestoreOptions) run(ctx context.Context, c *call) error {
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	back, err := m.RestorePruned(ctx, manager.RestorePrunedRequest{Versions: c.args, Reason: o.reason, Token: token})
	if errors.Is(err, gitstore.ErrNotFound) {
		err = &hintedError{err, c.shown("prune list") + " shows what can be brought back"}
	}
	if errors.Is(err, gitstore.ErrExists) {
		err = &hintedError{err, "the name was given to another checkpoint since; the pruned one can be rolled back to by its commit: " + c.shown("prune list") + " shows it"}
	}
	if err != nil {
		return err
	}
	for _, cp := range back {
		if c.json {
			if err := c.out.object(newCheckpointJSON(cp)); err != nil {
				return err
			}
			continue
		}
		c.out.printf("%s is back\n", c.out.paint(bold, cp.Version))
	}
	return nil
}
