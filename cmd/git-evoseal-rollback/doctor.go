package main

import (
	"context"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type doctorOptions struct {
	repair, dryRun, dropDamaged bool
	reason                      string
	token                       tokenFlag
}

func (o *doctorOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.repair, "repair", false, "read all that is stored, and mend what can be mended")
	fs.BoolVar(&o.dryRun, "dry-run", false, "with --repair: change nothing, and say what would be done")
	fs.BoolVar(&o.dropDamaged, "drop-damaged", false, "remove what repairs have put aside")
	fs.StringVar(&o.reason, "reason", "", "say why, for the history, in `text`")
	o.token.addFlags(fs)
}

func (o *doctorOptions) run(ctx context.Context, c *call) error {
	switch {
	case o.dryRun && !o.repair:
		return &usageError{msg: "--dry-run needs --repair: without it nothing is mended anyway", cmd: c.cmd}
	case o.dropDamaged && o.repair:
		return &usageError{msg: "--drop-damaged and --repair exclude each other", cmd: c.cmd}
	}
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	if o.dropDamaged {
		freed, err := m.DropDamaged(ctx, token)
		if err != nil {
			return err
		}
		if c.json {
			return c.out.object(struct {
				Schema       int   `json:"schema"`
				DroppedBytes int64 `json:"dropped_bytes"`
			}{schema, freed})
		}
		c.out.printf("removed %s that repairs had put aside\n", size(freed))
		return nil
	}
	d, err := o.look(ctx, c, m, manager.RepairRequest{DryRun: o.dryRun, Reason: o.reason, Token: token})
	if err != nil {
		return err
	}
	failed := c.diagnosis(d)
	if c.json {
		if printing := c.out.object(newDoctorJSON(d, c.errorObject(failed))); printing != nil || failed == nil {
			return printing
		}
		return &printedError{failed}
	}
	c.tellDiagnosis(d)
	return failed
}

func (o *doctorOptions) look(ctx context.Context, c *call, m *manager.Manager, req manager.RepairRequest) (*manager.Diagnosis, error) {
	if !o.repair {
		return m.Doctor(ctx)
	}
	tell, done := c.progress("reading")
	defer done()
	req.Progress = tell
	return m.Repair(ctx, req)
}

type doctorJSON struct {
	Schema     int               `json:"schema"`
	OK         bool              `json:"ok"`
	Findings   []manager.Ailment `json:"findings"`
	SweptBytes int64             `json:"swept_bytes"`
	AsideFiles int               `json:"aside_files"`
	AsideBytes int64             `json:"aside_bytes"`
	// RecordID is that of the record of a repair.
	RecordID string     `json:"record_id,omitempty"`
	Error    *errorJSON `json:"error,omitempty"`
}

func newDoctorJSON(d *manager.Diagnosis, failed *errorJSON) doctorJSON {
	return doctorJSON{
		Schema: schema, OK: failed == nil, Findings: append([]manager.Ailment{}, d.Findings...), SweptBytes: d.SweptBytes,
		AsideFiles: d.AsideFiles, AsideBytes: d.AsideBytes, RecordID: d.Record.ID, Error: failed,
	}
}

// diagnosis is an error when something was found that stands in the way of a
// rollback.
func (c *call) diagnosis(d *manager.Diagnosis) error {
	var first *manager.Ailment
	n := 0
	for i, f := range d.Findings {
		if f.Severity == manager.Fatal {
			if n++; first == nil {
				first = &d.Findings[i]
			}
		}
	}
	if first == nil {
		return nil
	}
	if c.json {
		return &hintedError{&damageError{first.Message}, first.Hint}
	}
	hint := "mend them in that order, and look again"
	if slices.ContainsFunc(d.Findings, func(a manager.Ailment) bool { return a.Repair == gitstore.Mendable }) {
		hint = c.shown("doctor --repair") + " mends what can be mended; " + c.shown("doctor --repair --dry-run") + " says how"
	}
	return &hintedError{&damageError{"found " + count(int64(n), "error") + ", listed above"}, hint}
}

func (c *call) tellDiagnosis(d *manager.Diagnosis) {
	for _, f := range d.Findings {
		color := yellow
		if f.Severity == manager.Fatal {
			color = red
		}
		c.out.printf("%s: %s\n", c.out.paint(color, string(f.Severity)), printable(f.Message))
		if len(f.Versions) > 0 {
			c.out.println("  versions: " + printable(strings.Join(f.Versions, " ")))
		}
		if f.Hint != "" {
			c.out.println("  hint: " + printable(c.rooted(f.Hint)))
		}
	}
	if d.SweptBytes > 0 {
		c.out.printf("removed %s that dead processes left\n", size(d.SweptBytes))
	}
	if d.AsideFiles > 0 {
		c.out.printf("repairs have put %s aside, %s: %s removes that\n", count(int64(d.AsideFiles), "file"), size(d.AsideBytes), c.shown("doctor --drop-damaged"))
	}
	if len(d.Findings) == 0 {
		c.out.println(c.out.paint(green, "all is well"))
	}
}
