package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/report"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

// input opens what a flag names; - is standard input.
func (c *call) input(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(c.stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &hintedError{err, "name a file that can be read, or - for standard input"}
	}
	return f, nil
}

// readMetrics reads a file of metrics, in any of the forms that there are; an empty
// path is none. What is broken isn't recorded.
func (c *call) readMetrics(ctx context.Context, path string) (map[string]verdict.Samples, error) {
	if path == "" {
		return nil, nil
	}
	src, err := report.ParseSource(path)
	if err != nil {
		return nil, &usageError{msg: fmt.Sprintf("--metrics: %v", err), cmd: c.cmd}
	}
	rep, err := report.Read(ctx, ".", nil, []report.Source{src}, time.Time{}, c.stdin, report.Limits{})
	if err != nil {
		return nil, err
	}
	if len(rep.Problems) > 0 {
		return nil, &usageError{
			msg: strings.Join(rep.Problems, "; "), cmd: c.cmd,
			hint: `metrics are one JSON object: {"accuracy": 0.93, "latency_ms": [12.1, 11.8, 12.4]}; docs/reports.md has the other forms`,
		}
	}
	return rep.Metrics, nil
}

// tokenFlag is where a command finds a token. Never an argument: those are seen
// by every user of the machine.
type tokenFlag struct{ file string }

func (t *tokenFlag) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&t.file, "token-file", "", "read the token from `file`, - for standard input; else it is $EVOSEAL_TOKEN")
}

// manager finds the project for a command that may need a token. The caller closes
// it.
func (t *tokenFlag) manager(ctx context.Context, c *call) (*manager.Manager, auth.Secret, error) {
	token, err := t.read(c)
	if err != nil {
		return nil, token, err
	}
	m, err := c.manager(ctx)
	return m, token, err
}

// read returns the token, none when there is none.
func (t *tokenFlag) read(c *call) (auth.Secret, error) {
	if t.file == "" {
		if env := c.getenv("EVOSEAL_TOKEN"); env != "" {
			return auth.Present(env), nil
		}
		return auth.Secret{}, nil
	}
	f, err := c.input(t.file)
	if err != nil {
		return auth.Secret{}, err
	}
	defer f.Close()
	return auth.ReadSecret(f)
}
