package main

import (
	"context"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type doctorOptions struct{}

func (o *doctorOptions) addFlags(*pflag.FlagSet) {}

func (o *doctorOptions) run(ctx context.Context, c *call) error {
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	d, err := m.Doctor(ctx)
	if err != nil {
		return err
	}
	failed := c.diagnosis(d)
	if c.json {
		printing := c.out.object(struct {
			Schema     int               `json:"schema"`
			OK         bool              `json:"ok"`
			Findings   []manager.Finding `json:"findings"`
			SweptBytes int64             `json:"swept_bytes"`
			Error      *errorJSON        `json:"error,omitempty"`
		}{schema, failed == nil, append([]manager.Finding{}, d.Findings...), d.SweptBytes, c.errorObject(failed)})
		if printing != nil || failed == nil {
			return printing
		}
		return &printedError{failed}
	}
	c.tellDiagnosis(d)
	return failed
}

// diagnosis is an error when something was found that stands in the way of a
// rollback.
func (c *call) diagnosis(d *manager.Diagnosis) error {
	var first *manager.Finding
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
	return &hintedError{&damageError{"found " + count(int64(n), "error") + ", listed above"}, "mend them in that order, and look again"}
}

func (c *call) tellDiagnosis(d *manager.Diagnosis) {
	for _, f := range d.Findings {
		color := yellow
		if f.Severity == manager.Fatal {
			color = red
		}
		c.out.printf("%s: %s\n", c.out.paint(color, string(f.Severity)), printable(f.Message))
		if f.Hint != "" {
			c.out.println("  hint: " + printable(c.rooted(f.Hint)))
		}
	}
	if d.SweptBytes > 0 {
		c.out.printf("removed %s that dead processes left\n", size(d.SweptBytes))
	}
	if len(d.Findings) == 0 {
		c.out.println(c.out.paint(green, "all is well"))
	}
}
