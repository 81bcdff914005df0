package main

import (
	"context"
	"errors"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/hooks"
	"github.com/spf13/pflag"
)

type hooksRunOptions struct{}

func (o *hooksRunOptions) addFlags(*pflag.FlagSet) {}

func (o *hooksRunOptions) run(ctx context.Context, c *call) error {
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	err = hooks.Run(ctx, hooks.Call{
		Hook: c.args[0], Stdin: c.stdin, Stdout: c.stdout, Stderr: c.stderr, Getenv: c.getenv, Manager: m,
	})
	switch {
	case errors.Is(err, hooks.ErrStopped):
		return &commandError{exitFailed}
	case errors.Is(err, hooks.ErrUnknown):
		return &usageError{msg: err.Error(), hint: "git calls this, with one of: " + strings.Join(hooks.Names(), ", "), cmd: c.cmd}
	}
	return err
}
