package main

import (
	"context"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/spf13/pflag"
)

type policySetOptions struct {
	reason     string
	unset, add bool
	token      tokenFlag
}

func (o *policySetOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	fs.BoolVar(&o.unset, "unset", false, "give keys their defaults again, or take out a section such as sink.ci")
	fs.BoolVar(&o.add, "add", false, "add a value to a key that may have several")
	o.token.addFlags(fs)
}

func (o *policySetOptions) run(ctx context.Context, c *call) error {
	switch {
	case o.unset && o.add:
		return &usageError{msg: "--unset and --add exclude each other", cmd: c.cmd}
	case !o.unset && len(c.args)%2 != 0:
		return &usageError{msg: "policy set takes keys and values in turn, or keys and --unset", cmd: c.cmd}
	}
	return c.changePolicy(ctx, &o.token, o.reason, func(text []byte) ([]byte, error) {
		switch {
		case o.unset:
			return each(text, c.args, unset)
		case o.add:
			pairs := slices.Collect(slices.Chunk(c.args, 2))
			return each(text, pairs, func(text []byte, pair []string) ([]byte, error) { return policy.Add(text, pair[0], pair[1]) })
		}
		// All at once: a sink, for one, is valid only with its type and its place.
		var values []policy.Assignment
		for pair := range slices.Chunk(c.args, 2) {
			values = append(values, policy.Assignment{Key: pair[0], Value: pair[1]})
		}
		return policy.SetAll(text, values)
	})
}

// each makes one change after the other.
func each[T any](text []byte, list []T, change func([]byte, T) ([]byte, error)) ([]byte, error) {
	for _, x := range list {
		var err error
		if text, err = change(text, x); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// unset takes out a key or, where the name is one, all of a trigger, a metric or a
// sink.
func unset(text []byte, name string) ([]byte, error) {
	section, rest, _ := strings.Cut(name, ".")
	if slices.Contains([]string{"trigger", "metric", "sink"}, strings.ToLower(section)) && rest != "" {
		if _, _, err := policy.Find(name); err != nil {
			return policy.RemoveSection(text, section, rest)
		}
	}
	return policy.Unset(text, name)
}
