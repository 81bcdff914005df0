package main

import (
	"context"
	"fmt"
	"io"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

type showOptions struct{ all bool }

func (o *showOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.all, "all", false, "list every path that the summary counts")
}

func (o *showOptions) run(ctx context.Context, c *call) error {
	m, s, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	cp, err := s.Resolve(ctx, c.args[0])
	if err != nil {
		return err
	}
	meta, err := s.Meta(cp)
	if err != nil {
		return err
	}
	standing, report, err := said(s, cp)
	if err != nil {
		return err
	}
	if c.json {
		return c.out.object(struct {
			checkpointJSON
			Tag      gitstore.ID                `json:"tag"`
			Meta     gitstore.Meta              `json:"meta"`
			Skipped  []gitstore.Skipped         `json:"skipped"`
			Standing verdict.Standing           `json:"standing"`
			Metrics  map[string]verdict.Samples `json:"metrics"`
		}{newCheckpointJSON(cp), cp.Tag, meta, append([]gitstore.Skipped{}, meta.Skipped...), standing, report})
	}
	c.showFields(cp, c.standingRows(cp, standing, report))
	c.out.printf("\n%s\n", indent(printable(cp.Message), "    "))
	c.showMeta(meta, o.all)
	return nil
}

// showFields shows a checkpoint as a table, with what else there is to say.
func (c *call) showFields(cp gitstore.Checkpoint, more [][2]string) {
	c.out.println(c.out.paint(yellow, "checkpoint "+cp.Version))
	c.out.table(func(w io.Writer) {
		row := func(name, value string) {
			if value != "" {
				fmt.Fprintf(w, "%s:\t%s\n", name, printable(value))
			}
		}
		row("Commit", cp.Commit.String())
		row("Tree", cp.Tree.String())
		row("Tag", cp.Tag.String())
		if cp.Parent.IsZero() {
			row("Parent", "none")
		} else {
			row("Parent", cp.Parent.String())
		}
		row("Time", clock(cp.Time)+" ("+c.age(cp.Time)+")")
		row("Author", cp.Author.Name+" <"+cp.Author.Email+">")
		row("Files", count(cp.Files, "file")+", "+exactSize(cp.Bytes))
		row("Reason", cp.Reason)
		row("Source-Commit", cp.SourceCommit)
		row("Source-Branch", cp.SourceBranch)
		row("Source-Dirty", cp.SourceDirty)
		row("Tool-Version", cp.ToolVersion)
		if cp.Partial {
			row("Partial", "yes: some paths could not be read")
		}
		for _, r := range more {
			row(r[0], r[1])
		}
	})
}

// exactSize is a size for people with its bytes, where those are not all.
func exactSize(n int64) string {
	if n < 1024 {
		return count(n, "byte")
	}
	return fmt.Sprintf("%s (%d bytes)", size(n), n)
}

// fewPaths is how many paths of a kind are listed without --all.
const fewPaths = 10

func (c *call) showMeta(m gitstore.Meta, all bool) {
	most := fewPaths
	if all {
		most = int(^uint(0) >> 1)
	}
	c.out.printf("Recorded on %s. Permissions: files %04o, executables %04o, directories %04o.\n",
		printable(m.Platform), m.Base.File, m.Base.Exec, m.Base.Dir)
	special, unread := splitSkipped(m.Skipped)
	section(c, "other permissions", most, m.Modes, func(x gitstore.Mode) string {
		return fmt.Sprintf("%04o %s", x.Perm, quotePath(string(x.Path)))
	})
	section(c, "empty directories", most, m.EmptyDirs, func(p gitstore.Path) string { return quotePath(string(p)) + "/" })
	section(c, "nested repositories, recorded as plain files", most, m.Nested, func(n gitstore.NestedRepository) string {
		kind := ""
		if n.Submodule {
			kind = " (submodule)"
		}
		if n.Head == "" {
			return quotePath(string(n.Path)) + kind + " without a commit"
		}
		return quotePath(string(n.Path)) + kind + " at " + printable(n.Head)
	})
	reason := func(x gitstore.Skipped) string { return quotePath(string(x.Path)) + ": " + printable(x.Reason) }
	section(c, "skipped special files", most, special, reason)
	section(c, "could not be read and are missing", most, unread, reason)
}

// section lists at most so many things under a title that counts them.
func section[T any](c *call, title string, most int, list []T, line func(T) string) {
	if len(list) == 0 {
		return
	}
	c.out.printf("\n%s: %d\n", title, len(list))
	for _, x := range list[:min(most, len(list))] {
		c.out.println("  " + line(x))
	}
	if n := len(list) - most; n > 0 {
		c.out.printf("  and %d more (--all lists them)\n", n)
	}
}
