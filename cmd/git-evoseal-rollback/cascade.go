package main

import (
	"context"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type cascadeOptions struct {
	attempts       int
	reason, target string
	force          bool
	token          tokenFlag
}

func (o *cascadeOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.attempts, "max-attempts", 0, "try at most `number` ancestors; else it is the policy's rollback.maxAttempts")
	fs.StringVar(&o.reason, "reason", "", "say why, for the history, in `text`")
	fs.StringVar(&o.target, "target", "", "fill the directory `dir`, not .evoseal/rollback_target")
	fs.BoolVar(&o.force, "force", false, "go on where a check or a limit would stop it")
	o.token.addFlags(fs)
}

func (o *cascadeOptions) run(ctx context.Context, c *call) error {
	if o.attempts < 0 {
		return &usageError{msg: "--max-attempts takes a number from 1", cmd: c.cmd}
	}
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	tell, done := c.progress("rolling back")
	res, err := m.CascadingRollback(ctx, manager.CascadeRequest{
		Failed: c.args[0], MaxAttempts: o.attempts, Reason: o.reason, Target: o.target,
		Force: o.force, Token: token, Progress: tell,
	})
	done()
	if res == nil {
		return err
	}
	if c.json {
		if printing := c.out.object(newChainJSON(res, c.errorObject(err))); printing != nil || err == nil {
			return printing
		}
		return &printedError{err}
	}
	if res.Resumed {
		c.out.printf("going on with chain %s, which was not finished\n", res.Chain)
	}
	c.tellConsidered(res)
	c.tellSteps(res.Steps)
	if err != nil {
		return err
	}
	if len(res.Steps) == 0 {
		// The step before the process died was the last one needed.
		c.out.printf("%s holds %s already; the chain is closed\n", quotePath(res.Rollback.Record.Target), res.Rollback.Record.Version)
		return nil
	}
	c.tellRollback(m, res.Rollback, o.target)
	return nil
}

type chainJSON struct {
	Schema     int                  `json:"schema"`
	Chain      string               `json:"chain"`
	Resumed    bool                 `json:"resumed"`
	Steps      []recordJSON         `json:"steps"`
	Considered []manager.Considered `json:"considered"`
	Rollback   *rollbackJSON        `json:"rollback"`
	Error      *errorJSON           `json:"error,omitempty"`
}

func newChainJSON(res *manager.ChainResult, failed *errorJSON) chainJSON {
	out := chainJSON{
		Schema: schema, Chain: res.Chain, Resumed: res.Resumed, Steps: newRecordsJSON(res.Steps),
		Considered: append([]manager.Considered{}, res.Considered...), Error: failed,
	}
	if res.Rollback != nil {
		rollback := newRollbackJSON(res.Rollback)
		out.Rollback = &rollback
	}
	return out
}

func newRecordsJSON(records []manager.Record) []recordJSON {
	out := make([]recordJSON, len(records))
	for i, r := range records {
		out[i] = newRecordJSON(r)
	}
	return out
}

// tellConsidered lists the versions that were thought of: which were passed over,
// and which one was taken. Those that were tried in vain are told as steps, and
// those behind the one that was taken weren't needed.
func (c *call) tellConsidered(res *manager.ChainResult) {
	taken := ""
	if res.Rollback != nil {
		taken = res.Rollback.Record.Version
	}
	told := 0
	for _, v := range res.Considered {
		word := "passes over"
		if v.Chosen {
			word = c.out.paint(bold, "takes")
		}
		if v.Chosen && v.Version != taken {
			continue
		}
		if told++; told <= fewPaths || v.Chosen {
			c.out.printf("%s %s: %s\n", word, v.Version, printable(v.Why))
		}
		if v.Chosen {
			break
		}
	}
	if n := told - fewPaths; n > 0 {
		c.out.printf("and passes over %d more\n", n)
	}
}

// tellSteps lists attempts that failed; the last one has more to say.
func (c *call) tellSteps(steps []manager.Record) {
	for _, r := range steps {
		if r.Outcome != manager.Completed {
			c.out.printf("step %d: %s %s: %s\n", r.Step, printable(r.Version), c.outcomeOf(r), firstLine(r.Error))
		}
	}
}
