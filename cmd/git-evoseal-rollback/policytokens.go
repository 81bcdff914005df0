package main

import (
	"context"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
)

// warnOfTokens warns when a change of the policy begins to require tokens of which
// there are none, or keeps out nobody.
func (c *call) warnOfTokens(ctx context.Context, m *manager.Manager, changes []policy.Change) error {
	required := false
	for _, ch := range changes {
		required = required || strings.EqualFold(ch.Key, "rollback.requireAuth")
	}
	if !required {
		return nil
	}
	state, err := m.Policy(ctx)
	if err != nil || !state.Policy.RequireAuth {
		return err
	}
	tokens, err := m.Tokens(ctx)
	if err != nil {
		return err
	}
	usable := make(map[auth.Role]bool)
	for _, t := range tokens {
		if t.State(c.now()) == auth.Usable {
			usable[t.Role] = true
		}
	}
	if !usable[auth.Operator] && !usable[auth.Admin] {
		c.warn(manager.Finding{
			Message: "rollbacks take a token from now on, and there is none that can be used",
			Hint:    c.shown("token issue --role operator") + " makes one",
		})
	}
	if !usable[auth.Admin] {
		c.warn(manager.Finding{
			Message: "without an admin token, anybody may change this rule again and issue tokens",
			Hint:    c.shown("token issue --role admin") + " makes one, which such changes then take",
		})
	}
	return nil
}
