package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/spf13/pflag"
)

func expiry(t auth.Token) string {
	if t.Expires.IsZero() {
		return ", never expires"
	}
	return ", expires " + clock(t.Expires)
}

// tokenJSON is what may be shown of a token.
type tokenJSON struct {
	ID       string     `json:"id"`
	Role     auth.Role  `json:"role"`
	Label    string     `json:"label"`
	State    string     `json:"state"`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires"`
	Revoked  *time.Time `json:"revoked"`
	IssuedBy string     `json:"issued_by"`
}

func newTokenJSON(t auth.Token, now time.Time) tokenJSON {
	return tokenJSON{
		ID: t.ID, Role: t.Role, Label: t.Label, State: string(t.State(now)), Created: t.Created.UTC(),
		Expires: momentJSON(t.Expires), Revoked: momentJSON(t.Revoked), IssuedBy: t.IssuedBy,
	}
}

// momentJSON is null for no time.
func momentJSON(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

type tokenListOptions struct{}

func (o *tokenListOptions) addFlags(*pflag.FlagSet) {}

func (o *tokenListOptions) run(ctx context.Context, c *call) error {
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	tokens, err := m.Tokens(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	if c.json {
		for _, t := range tokens {
			err := c.out.object(struct {
				Schema int `json:"schema"`
				tokenJSON
			}{schema, newTokenJSON(t, c.now())})
			if err != nil {
				return err
			}
		}
		return nil
	}
	if len(tokens) == 0 {
		fmt.Fprintf(c.screen, "no tokens yet: %s makes one\n", c.shown("token issue --role operator"))
		return nil
	}
	c.out.table(func(w io.Writer) {
		fmt.Fprintln(w, "ID\tROLE\tSTATE\tISSUED\tBY\tEXPIRES\tLABEL")
		for _, t := range tokens {
			expires := "never"
			if !t.Expires.IsZero() {
				expires = clock(t.Expires)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Role, t.State(c.now()), clock(t.Created), printable(t.IssuedBy), expires, printable(t.Label))
		}
	})
	return nil
}

type tokenRevokeOptions struct {
	reason string
	token  tokenFlag
}

func (o *tokenRevokeOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	o.token.addFlags(fs)
}

func (o *tokenRevokeOptions) run(ctx context.Context, c *call) error {
	m, admin, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	token, err := m.RevokeToken(ctx, c.args[0], o.reason, admin)
	if err != nil {
		return err
	}
	if c.json {
		return c.out.object(struct {
			Schema int `json:"schema"`
			tokenJSON
		}{schema, newTokenJSON(token, c.now())})
	}
	c.out.printf("token %s (%s, %q) is revoked\n", token.ID, token.Role, token.Label)
	return nil
}
