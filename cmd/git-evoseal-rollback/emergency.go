package main

import (
	"context"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type emergencyOptions struct {
	reason, to, target string
	token              tokenFlag
	drill              bool
}

func (o *emergencyOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, in `text`; needed")
	fs.StringVar(&o.to, "to", "", "bring back `version`, whatever is held of it")
	fs.StringVar(&o.target, "target", "", "fill the directory `dir`, not .evoseal/rollback_target")
	o.token.addFlags(fs)
}

func (o *emergencyOptions) run(ctx context.Context, c *call) error {
	if o.reason == "" {
		return &usageError{msg: "an emergency needs --reason", hint: "say in a few words what is wrong", cmd: c.cmd}
	}
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	tell, done := c.progress("rolling back")
	req := manager.EmergencyRequest{Reason: o.reason, To: o.to, Token: token, Target: o.target, Progress: tell}
	declare := m.EmergencyRollback
	if o.drill {
		declare = m.EmergencyDrill
	}
	res, err := declare(ctx, req)
	done()
	if res == nil {
		return err
	}
	if c.json {
		if printing := c.out.object(newEmergencyJSON(res, o.drill, c.errorObject(err))); printing != nil || err == nil {
			return printing
		}
		return &printedError{err}
	}
	o.tell(c, m, res, err)
	return err
}

type emergencyJSON struct {
	Schema     int                  `json:"schema"`
	Incident   string               `json:"incident"`
	Drill      bool                 `json:"drill"`
	Considered []manager.Considered `json:"considered"`
	Steps      []recordJSON         `json:"steps"`
	Rollback   *rollbackJSON        `json:"rollback"`
	Error      *errorJSON           `json:"error,omitempty"`
}

func newEmergencyJSON(res *manager.EmergencyResult, drill bool, failed *errorJSON) emergencyJSON {
	out := emergencyJSON{
		Schema: schema, Incident: res.Incident, Drill: drill, Error: failed,
		Considered: append([]manager.Considered{}, res.Considered...), Steps: newRecordsJSON(res.Steps),
	}
	if res.Rollback != nil {
		rollback := newRollbackJSON(res.Rollback)
		out.Rollback = &rollback
	}
	return out
}

func (o *emergencyOptions) tell(c *call, m *manager.Manager, res *manager.EmergencyResult, err error) {
	title := "EMERGENCY " + res.Incident
	if o.drill {
		title = "emergency drill"
	}
	c.out.println(c.out.paint(red, title))
	c.tellSteps(res.Steps)
	for _, v := range res.Considered[:min(fewPaths, len(res.Considered))] {
		word := "not"
		if v.Chosen {
			word = c.out.paint(bold, "takes")
		}
		c.out.printf("%s %s: %s\n", word, v.Version, printable(v.Why))
	}
	if n := len(res.Considered) - fewPaths; n > 0 {
		c.out.printf("and %d more\n", n)
	}
	if err != nil {
		return
	}
	if o.drill {
		rec := res.Rollback.Record
		c.out.printf("%s could be brought back: %s, %s written out in %s and thrown away; the target is as it was\n",
			c.out.paint(bold, rec.Version), count(rec.Files, "file"), size(rec.Bytes), millis(rec.DurationMS))
		return
	}
	c.tellRollback(m, res.Rollback, o.target)
	c.out.printf("the incident is open; %s ends it, with --note and what was found\n", c.shown("emergency close"))
}

type emergencyCloseOptions struct {
	note  string
	token tokenFlag
}

func (o *emergencyCloseOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.note, "note", "", "say what was found, in `text`; needed")
	o.token.addFlags(fs)
}

func (o *emergencyCloseOptions) run(ctx context.Context, c *call) error {
	if o.note == "" {
		return &usageError{msg: "an incident is closed with --note", hint: "say in a few words what was found", cmd: c.cmd}
	}
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	incident, err := m.CloseIncident(ctx, c.version(""), o.note, token)
	if err != nil {
		return err
	}
	if c.json {
		return c.out.object(struct {
			Schema   int       `json:"schema"`
			Incident string    `json:"incident"`
			Declared time.Time `json:"declared"`
			Closed   time.Time `json:"closed"`
			Version  string    `json:"version"`
			Note     string    `json:"note"`
		}{schema, incident.ID, incident.Declared.UTC(), incident.Closed.UTC(), incident.Version, incident.Note})
	}
	c.out.printf("%s is closed after %s\n", incident.ID, took(incident.Closed.Sub(incident.Declared)))
	return nil
}
