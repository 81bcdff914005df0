package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/hooks"
	"github.com/evoseal/git-evoseal-rollback/hooks/install"
	"github.com/spf13/pflag"
)

type hooksInstallOptions struct{ dryRun, config bool }

func (o *hooksInstallOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	fs.BoolVar(&o.config, "config", false, "let Git's configuration name the hooks, and leave the hooks directory alone; only where every git is 2.54 or later, since older ones run nothing then")
}

func (o *hooksInstallOptions) run(ctx context.Context, c *call) error {
	repo, err := install.Open(".")
	if err != nil {
		return err
	}
	res, err := repo.Install(ctx, install.InstallRequest{Hooks: c.args, Config: o.config, DryRun: o.dryRun})
	if printing := c.tellHooks(res.Changes, o.dryRun); printing != nil {
		return printing
	}
	c.tellLines(install.Required(err))
	if err != nil || c.json {
		return err
	}
	return c.tellTestCommand(repo)
}

type hooksUninstallOptions struct{ dryRun bool }

func (o *hooksUninstallOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
}

func (o *hooksUninstallOptions) run(ctx context.Context, c *call) error {
	repo, err := install.Open(".")
	if err != nil {
		return err
	}
	res, err := repo.Uninstall(ctx, install.UninstallRequest{Hooks: c.args, DryRun: o.dryRun})
	if printing := c.tellHooks(res.Changes, o.dryRun); printing != nil {
		return printing
	}
	return err
}

// tellHooks says what was done with each hook.
func (c *call) tellHooks(changes []install.Change, dryRun bool) error {
	none := true
	for _, ch := range changes {
		if c.json {
			if err := c.out.object(struct {
				Schema int            `json:"schema"`
				Hook   string         `json:"hook"`
				Path   string         `json:"path"`
				Action install.Action `json:"action"`
				Kept   string         `json:"kept,omitempty"`
				DryRun bool           `json:"dry_run"`
			}{schema, ch.Hook, ch.Path, ch.Action, ch.Kept, dryRun}); err != nil {
				return err
			}
			continue
		}
		if ch.Action == install.Unchanged && ch.Kept == "" && c.cmd.name == "hooks uninstall" {
			continue
		}
		none = false
		note := ""
		switch ch.Action {
		case install.Chained:
			note = "; the hook that was there is kept and runs first"
		case install.Restored:
			note = "; the hook that was there before is back"
		}
		if dryRun {
			note += " (dry run: nothing was done)"
		}
		c.out.printf("%-13s %s%s\n", ch.Hook, ch.Action, note)
	}
	if none && !c.json && c.cmd.name == "hooks uninstall" {
		c.out.println("none of the hooks is ours")
	}
	return nil
}

// tellLines prints what to add by hand, which is the result of a refusal.
func (c *call) tellLines(lines []install.Lines) {
	if c.json {
		return
	}
	for _, l := range lines {
		c.out.printf("add to %s, %s:\n%s", c.shownPath(l.File), l.Where, indent(l.Text, "    "))
		if l.Executable {
			c.out.printf("and let it be executed: chmod +x %s\n", c.shownPath(l.File))
		}
	}
}

// tellTestCommand says what pushes are tried with.
func (c *call) tellTestCommand(repo *install.Repository) error {
	s, _, err := c.hookSettings()
	if err != nil {
		return err
	}
	if s.TestCommand == "" {
		c.nextStep("`git config evoseal.testCommand 'make test'` says what must pass; until then versions are recorded and nothing is tried")
	} else {
		c.out.printf("tried with: %s\n", printable(s.TestCommand))
	}
	return nil
}

func (c *call) hookSettings() (hooks.Settings, *gitstore.Config, error) {
	p, err := gitstore.FindProject(".")
	if err != nil {
		return hooks.Settings{}, nil, err
	}
	s, err := hooks.ReadSettings(p.Config)
	return s, p.Config, err
}

type hooksStatusOptions struct{}

func (o *hooksStatusOptions) addFlags(*pflag.FlagSet) {}

func (o *hooksStatusOptions) run(ctx context.Context, c *call) error {
	repo, err := install.Open(".")
	if err != nil {
		return err
	}
	all, err := repo.Status(ctx)
	if err != nil {
		return err
	}
	if c.json {
		for _, st := range all {
			if err := c.out.object(struct {
				Schema  int             `json:"schema"`
				Hook    string          `json:"hook"`
				Path    string          `json:"path"`
				State   install.State   `json:"state"`
				Runs    bool            `json:"runs"`
				Ignored bool            `json:"ignored"`
				Manager install.Manager `json:"manager,omitempty"`
			}{schema, st.Hook.Name, st.Path, st.State, st.State.Runs(), st.Ignored, st.Manager}); err != nil {
				return err
			}
		}
		return nil
	}
	c.out.printf("hooks in %s", c.shownPath(repo.Dir))
	if repo.HooksPath != "" {
		c.out.printf(", as core.hooksPath of the %s says", repo.Origin)
	}
	c.out.println("")
	for _, st := range all {
		c.out.printf("  %-13s %s\n", st.Hook.Name, c.paintHook(st))
	}
	return c.tellSettings()
}

func (c *call) paintHook(st install.HookStatus) string {
	text := string(st.State)
	if st.Manager != "" {
		text += " (" + string(st.Manager) + ")"
	}
	if st.Ignored {
		text += ", not executable, so that git passes over it"
	}
	switch {
	case st.State == install.Altered, st.State == install.Conflict, st.State == install.Orphaned:
		return c.out.paint(yellow, text)
	case st.State.Runs():
		return c.out.paint(green, text)
	}
	return text
}

// tellSettings says what is configured.
func (c *call) tellSettings() error {
	s, config, err := c.hookSettings()
	if err != nil {
		return err
	}
	row := func(key, value string) { c.out.printf("  %-22s %s\n", key, printable(value)) }
	c.out.println("settings")
	if s.TestCommand == "" {
		row("evoseal.testCommand", "not set: nothing is tried")
		return nil
	}
	row("evoseal.testCommand", s.TestCommand)
	row("evoseal.testIn", string(s.TestIn))
	row("evoseal.testRefs", strings.Join(s.TestRefs, " "))
	for _, key := range []string{"testReport", "metricsReport", "testShare", "target", "tokenFile"} {
		for _, value := range config.All("evoseal", key) {
			row("evoseal."+key, value)
		}
	}
	if s.TestTimeout > 0 {
		row("evoseal.testTimeout", s.TestTimeout.String())
	}
	if s.TestRetries > 0 {
		row("evoseal.testRetries", fmt.Sprint(s.TestRetries))
	}
	if s.DeployBranch != "" {
		row("evoseal.deployBranch", s.DeployBranch)
	}
	return nil
}
