package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/hooks"
	"github.com/evoseal/git-evoseal-rollback/hooks/installer"
	"github.com/spf13/pflag"
)

type hooksInstallOptions struct{ dryRun bool }

func (o *hooksInstallOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
}

func (o *hooksInstallOptions) run(_ context.Context, c *call) error {
	repo, err := installer.Open(".")
	if err != nil {
		return err
	}
	changes, err := repo.Install(c.args, installer.Options{DryRun: o.dryRun})
	if printing := c.tellHooks(changes, o.dryRun); printing != nil {
		return printing
	}
	var managed *installer.ManagedError
	if errors.As(err, &managed) {
		c.tellAdditions(managed)
	}
	if err != nil || c.json {
		return err
	}
	return c.tellTestCommand(repo)
}

type hooksUninstallOptions struct{ dryRun bool }

func (o *hooksUninstallOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
}

func (o *hooksUninstallOptions) run(_ context.Context, c *call) error {
	repo, err := installer.Open(".")
	if err != nil {
		return err
	}
	changes, err := repo.Uninstall(c.args, installer.Options{DryRun: o.dryRun})
	if printing := c.tellHooks(changes, o.dryRun); printing != nil {
		return printing
	}
	return err
}

// tellHooks says what was done with each hook.
func (c *call) tellHooks(changes []installer.Change, dryRun bool) error {
	none := true
	for _, ch := range changes {
		if c.json {
			if err := c.out.object(struct {
				Schema int              `json:"schema"`
				Hook   string           `json:"hook"`
				Path   string           `json:"path"`
				Action installer.Action `json:"action"`
				Kept   string           `json:"kept,omitempty"`
				DryRun bool             `json:"dry_run"`
			}{schema, ch.Hook, ch.Path, ch.Action, ch.Kept, dryRun}); err != nil {
				return err
			}
			continue
		}
		if ch.Action == installer.Unchanged && ch.Kept == "" && c.cmd.name == "hooks uninstall" {
			continue
		}
		none = false
		note := ""
		switch ch.Action {
		case installer.Chained:
			note = "; the hook that was there is kept and runs first"
		case installer.Restored:
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

// tellAdditions prints what to add by hand, which is the result of a refusal.
func (c *call) tellAdditions(e *installer.ManagedError) {
	if c.json {
		return
	}
	for _, a := range e.Adds {
		c.out.printf("add to %s:\n%s", c.shownPath(a.File), indent(a.Lines, "    "))
		if _, err := os.Stat(a.File); err != nil && e.Manager == installer.HooksPath {
			c.out.printf("and let it be executed: chmod +x %s\n", c.shownPath(a.File))
		}
	}
}

// tellTestCommand says what pushes are tried with.
func (c *call) tellTestCommand(repo *installer.Repository) error {
	s, err := c.hookSettings()
	if err != nil {
		return err
	}
	if s.TestCommand == "" {
		c.out.println("next: `git config evoseal.testCommand 'make test'` says what must pass; until then versions are recorded and nothing is tried")
	} else {
		c.out.printf("tried with: %s\n", printable(s.TestCommand))
	}
	return nil
}

func (c *call) hookSettings() (hooks.Settings, error) {
	m, err := c.manager(context.Background())
	if err != nil {
		return hooks.Settings{}, err
	}
	defer m.Close()
	return hooks.ReadSettings(m.Project().Config)
}

type hooksStatusOptions struct{}

func (o *hooksStatusOptions) addFlags(*pflag.FlagSet) {}

func (o *hooksStatusOptions) run(_ context.Context, c *call) error {
	repo, err := installer.Open(".")
	if err != nil {
		return err
	}
	all, err := repo.Status()
	if err != nil {
		return err
	}
	if c.json {
		for _, st := range all {
			if err := c.out.object(struct {
				Schema  int               `json:"schema"`
				Hook    string            `json:"hook"`
				Path    string            `json:"path"`
				State   installer.State   `json:"state"`
				Runs    bool              `json:"runs"`
				Ignored bool              `json:"ignored"`
				Manager installer.Manager `json:"manager,omitempty"`
			}{schema, st.Hook, st.Path, st.State, st.State.Runs() && !st.Ignored, st.Ignored, repo.Manager}); err != nil {
				return err
			}
		}
		return nil
	}
	c.out.printf("hooks in %s", c.shownPath(repo.Dir))
	if repo.Manager != "" {
		c.out.printf(", kept by %s", repo.Manager)
	}
	c.out.println("")
	for _, st := range all {
		c.out.printf("  %-13s %s\n", st.Hook, c.paintHook(st))
	}
	return c.tellSettings()
}

func (c *call) paintHook(st installer.HookStatus) string {
	text := string(st.State)
	if st.Ignored && st.State != installer.None {
		text += ", not executable, so that git passes over it"
	}
	switch {
	case st.State == installer.Displaced || st.State == installer.Altered:
		return c.out.paint(yellow, text)
	case st.State.Runs() && !st.Ignored:
		return c.out.paint(green, text)
	}
	return text
}

// tellSettings says what is configured.
func (c *call) tellSettings() error {
	s, err := c.hookSettings()
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
