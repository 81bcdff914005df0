package main

import (
	"context"
	"errors"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/spf13/pflag"
)

type initOptions struct{}

func (o *initOptions) addFlags(*pflag.FlagSet) {}

func (o *initOptions) run(ctx context.Context, c *call) error {
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Store(ctx)
	created := errors.Is(err, gitstore.ErrNoStore)
	if err != nil && !created {
		return err
	}
	s, err := m.Init(ctx)
	if err != nil {
		return err
	}
	root := m.Project().Root
	if c.json {
		return c.out.object(struct {
			Schema  int           `json:"schema"`
			Project gitstore.Path `json:"project"`
			Store   gitstore.Path `json:"store"`
			Created bool          `json:"created"`
		}{schema, gitstore.Path(root), gitstore.Path(s.Dir()), created})
	}
	if created {
		c.out.printf("made the store %s for the project %s\n", quotePath(s.Dir()), quotePath(root))
	} else {
		c.out.printf("the store %s was there already\n", quotePath(s.Dir()))
	}
	return nil
}
