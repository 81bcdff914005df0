package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/spf13/pflag"
)

type tokenIssueOptions struct {
	role, label, expires, file string
	token                      tokenFlag
}

func (o *tokenIssueOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.role, "role", "", "make it good for what `operator|emergency|admin` may do; needed")
	fs.StringVar(&o.label, "label", "", "say in `text` who or what it is for; the history shows it")
	fs.StringVar(&o.expires, "expires", "", "let it expire after `time`, as in 90d or 12h, or on a day, as in 2027-01-31; else never")
	fs.StringVar(&o.file, "out", "", "write it into the new file `file`, which only you can read, and don't show it")
	o.token.addFlags(fs)
}

func (o *tokenIssueOptions) run(ctx context.Context, c *call) error {
	role := auth.Role(o.role)
	if !slices.Contains([]auth.Role{auth.Operator, auth.Emergency, auth.Admin}, role) {
		return &usageError{msg: fmt.Sprintf("--role takes operator, emergency or admin, not %q", o.role), cmd: c.cmd}
	}
	lifetime, err := o.lifetime(c)
	if err != nil {
		return err
	}
	admin, err := o.token.read(c)
	if err != nil {
		return err
	}
	file, err := o.create(c)
	if err != nil {
		return err
	}
	defer file.discard()
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	secret, token, err := m.IssueToken(ctx, manager.IssueTokenRequest{Role: role, Label: o.label, Lifetime: lifetime, Token: admin})
	if err != nil {
		return err
	}
	shown := secret.Reveal()
	if file != nil {
		if err := file.keep(shown + "\n"); err != nil {
			return &hintedError{fmt.Errorf("token %s was issued, and could not be written: %w", token.ID, err),
				c.shown("token revoke "+token.ID) + " makes it useless; then issue another"}
		}
		shown = ""
	}
	return o.tell(c, shown, token)
}

// tell shows the token, here or nowhere: only its hash is stored.
func (o *tokenIssueOptions) tell(c *call, shown string, token auth.Token) error {
	if c.json {
		return c.out.object(struct {
			Schema int `json:"schema"`
			// Token is shown once; it is empty where it went into a file.
			Token string        `json:"token"`
			File  gitstore.Path `json:"file,omitempty"`
			tokenJSON
		}{schema, shown, gitstore.Path(o.file), newTokenJSON(token, c.now())})
	}
	if o.file != "" {
		c.out.printf("token %s (%s%s) is in %s, which only you can read\n", token.ID, token.Role, expiry(token), quotePath(o.file))
		return nil
	}
	c.out.println(shown)
	c.note(fmt.Sprintf("this is token %s (%s%s); it is shown only now: keep it in a file that only its user can read", token.ID, token.Role, expiry(token)))
	return nil
}

func (o *tokenIssueOptions) lifetime(c *call) (time.Duration, error) {
	if o.expires == "" {
		return 0, nil
	}
	bad := &usageError{
		msg: fmt.Sprintf("--expires can't be understood, or is past: %q", o.expires), cmd: c.cmd,
		hint: "say how long it is good for, as in 90d or 12h, or name a day, as in 2027-01-31",
	}
	d, err := parseSpan(o.expires)
	if err != nil {
		at, err := c.moment("expires", o.expires)
		if err != nil {
			return 0, bad
		}
		d = at.Sub(c.now())
	}
	if d <= 0 {
		return 0, bad
	}
	return d, nil
}

// secretFile is a new file for a token. It is there before the token is, so that
// none is issued that can't be kept.
type secretFile struct {
	f    *os.File
	kept bool
}

// create is nil without --out.
func (o *tokenIssueOptions) create(c *call) (*secretFile, error) {
	if o.file == "" {
		return nil, nil
	}
	f, err := os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, &hintedError{err, "name a new file: none is overwritten"}
	}
	if err != nil {
		return nil, err
	}
	return &secretFile{f: f}, nil
}

func (s *secretFile) keep(text string) error {
	_, err := s.f.WriteString(text)
	if err = errors.Join(err, s.f.Sync(), s.f.Close()); err == nil {
		s.kept = true
	}
	return err
}

// discard removes the file unless a token was kept in it.
func (s *secretFile) discard() {
	if s != nil && !s.kept {
		s.f.Close()
		os.Remove(s.f.Name())
	}
}
