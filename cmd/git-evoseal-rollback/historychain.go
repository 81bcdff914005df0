package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type historyArchiveOptions struct {
	reason string
	token  tokenFlag
}

func (o *historyArchiveOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.reason, "reason", "", "say why, in `text`")
	o.token.addFlags(fs)
}

func (o *historyArchiveOptions) run(ctx context.Context, c *call) error {
	m, token, err := o.token.manager(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	archived, err := m.ArchiveHistory(ctx, o.reason, token)
	if err != nil {
		return err
	}
	if c.json {
		return c.out.object(struct {
			Schema int         `json:"schema"`
			Ref    string      `json:"ref"`
			Head   gitstore.ID `json:"head"`
		}{schema, archived.Ref, archived.Head})
	}
	c.out.printf("the history begins anew; what was is kept as %s, at %s\n", archived.Ref, archived.Head)
	return nil
}

type historyVerifyOptions struct{ since string }

func (o *historyVerifyOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.since, "since-head", "", "also check that the chain contains `id`, a head that an earlier check printed")
}

type chainReportJSON struct {
	Schema   int           `json:"schema"`
	OK       bool          `json:"ok"`
	Head     gitstore.ID   `json:"head"`
	Commits  int           `json:"commits"`
	Records  int           `json:"records"`
	HasSince bool          `json:"has_since"`
	Archives []gitstore.ID `json:"archives"`
	Rewrites []rewriteJSON `json:"rewrites"`
	Error    *errorJSON    `json:"error,omitempty"`
}

type rewriteJSON struct {
	Commit  gitstore.ID   `json:"commit"`
	Objects []gitstore.ID `json:"objects"`
}

func (o *historyVerifyOptions) check(c *call) error {
	if _, err := gitstore.ParseID(o.since); err != nil && o.since != "" {
		return &usageError{
			msg: fmt.Sprintf("--since-head takes the whole id of a commit, not %q", o.since), cmd: c.cmd,
			hint: c.shown("history verify") + " prints the id to keep",
		}
	}
	return nil
}

func (o *historyVerifyOptions) run(ctx context.Context, c *call) error {
	if err := o.check(c); err != nil {
		return err
	}
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := m.VerifyHistory(ctx, o.since)
	if r == nil || err != nil && !errors.Is(err, manager.ErrRewritten) {
		return err
	}
	if c.json {
		out := chainReportJSON{
			Schema: schema, OK: err == nil, Head: r.Head, Commits: r.Commits, Records: r.Lines, HasSince: r.HasSince,
			Archives: append([]gitstore.ID{}, r.Archives...), Rewrites: []rewriteJSON{}, Error: c.errorObject(err),
		}
		for _, w := range r.Rewrites {
			out.Rewrites = append(out.Rewrites, rewriteJSON{w.Commit, w.Objects})
		}
		if printing := c.out.object(out); printing != nil || err == nil {
			return printing
		}
		return &printedError{err}
	}
	c.out.printf("%s in %s", count(int64(r.Lines), "record"), count(int64(r.Commits), "commit"))
	if n := len(r.Archives); n > 0 {
		c.out.printf(", %s among them", count(int64(n), "archive"))
	}
	c.out.println("")
	for _, w := range r.Rewrites {
		c.out.printf("commit %s did more than add: a record was changed or removed\n", w.Commit)
	}
	if err != nil {
		return err
	}
	if r.Head.IsZero() {
		return nil
	}
	c.out.printf("no record was changed or removed. Keep the head %s elsewhere: %s tells later whether all of this is still there\n",
		r.Head, c.shown("history verify --since-head "+r.Head.String()))
	return nil
}
