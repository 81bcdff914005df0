package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/spf13/pflag"
)

type policyEditOptions struct {
	reason, from string
	token        tokenFlag
}

func (o *policyEditOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, for the policy's log, in `text`")
	fs.StringVar(&o.from, "from", "", "begin with the text of `file`, such as one that was refused")
	o.token.addFlags(fs)
}

// run has the user edit a copy, or the file that --from names. A text that isn't
// taken is kept for another try.
func (o *policyEditOptions) run(ctx context.Context, c *call) error {
	before, err := c.policyText(ctx)
	if err != nil {
		return err
	}
	path, discard := o.from, func() error { return nil }
	if path == "" {
		if path, err = writeCopy(before); err != nil {
			return err
		}
		discard = func() error { return os.Remove(path) }
	} else if _, err := os.Stat(path); err != nil {
		return &hintedError{err, "name a file that can be read"}
	}
	if err := c.editor(ctx, path); err != nil {
		return errors.Join(err, discard())
	}
	after, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	again := c.shown("policy edit --from "+shellQuote(path)) + " opens what you wrote again"
	err = c.changePolicy(ctx, &o.token, o.reason, func(now []byte) ([]byte, error) {
		if string(now) != string(before) {
			return nil, &hintedError{errors.New("somebody else changed the policy meanwhile"), again}
		}
		return after, nil
	})
	if err == nil || o.from == "" && string(after) == string(before) {
		return errors.Join(err, discard())
	}
	var hinted *hintedError
	switch {
	case errors.Is(err, policy.ErrInvalid):
		return &hintedError{err, "nothing was stored; " + again}
	case !errors.As(err, &hinted):
		c.say("what you wrote is kept: %s", again)
	}
	return err
}

// writeCopy writes a text into a new file that others can't read.
func writeCopy(text []byte) (path string, err error) {
	f, err := os.CreateTemp("", "policy-*.gitconfig")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// editor runs the editor that git would.
func (c *call) editor(ctx context.Context, path string) error {
	command := "vi"
	for _, name := range []string{"GIT_EDITOR", "VISUAL", "EDITOR"} {
		if v := c.getenv(name); v != "" {
			command = v
			break
		}
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command+` "$@"`, command, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.stdin, c.stdout, c.stderr
	if err := cmd.Run(); err != nil {
		return &hintedError{fmt.Errorf("the editor %q failed: %w", command, err), "name one in EDITOR; nothing was changed"}
	}
	return nil
}
