package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
)

// perFile are the rows about ten times as many files: many holds them and few a
// tenth of them.
func perFile(many, few *arena, manyFiles, fewFiles int) []*row {
	pair := func(id, work, how string, of func(*arena) contestant) *row {
		ours, base := of(many), of(few)
		ours.name, ours.units = count(manyFiles)+" files", float64(manyFiles)
		base.name, base.units = count(fewFiles)+" files", float64(fewFiles)
		base.bars = []bar{{wallTime, 1.15}, {peakMemory, 1.15}}
		return &row{id: "million/" + id, work: work + ", each file of " + count(manyFiles), how: how, ours: ours, peers: []contestant{base}}
	}
	rows := []*row{
		pair("first", "first checkpoint", "Time and memory are divided by the number of files. The files have 500 bytes and lie 100 a directory.", func(a *arena) contestant {
			return contestant{prepare: a.remove(a.project + "/.evoseal"), work: a.nextCheckpoint}
		}),
		pair("unchanged", "unchanged checkpoint", "As above.", func(a *arena) contestant {
			return contestant{work: a.nextCheckpoint}
		}),
		pair("rollback", "rollback into a fresh target", "As above; the project is as recorded. The result is compared with it, byte by byte. The least program is that of `source/rollback`.", func(a *arena) contestant {
			return contestant{prepare: a.freshTarget(), work: a.rollbackNewest, check: same(a.project, a.target()), clean: a.freshTarget()}
		}),
	}
	last := rows[len(rows)-1]
	for _, of := range []struct {
		*arena
		files int
	}{{many, manyFiles}, {few, fewFiles}} {
		least := of.least()
		least.name, least.units = "the least program, "+count(of.files)+" files", float64(of.files)
		last.peers = append(last.peers, least)
	}
	for _, r := range rows[1:] {
		r.setup = steps(many.ensureCheckpoint, few.ensureCheckpoint)
	}
	return rows
}

// histories are the rows about many checkpoints of a small tree: long has them,
// short has ten.
func histories(long, short *arena, longCount, shortCount int) []*row {
	pair := func(id, work, how string, of func(*arena) contestant) *row {
		ours, base := of(long), of(short)
		ours.name, base.name = count(longCount)+" checkpoints", count(shortCount)+" checkpoints"
		base.bars = []bar{{wallTime, 1.5}}
		return &row{id: "history/" + id, work: work + ", " + ours.name, how: how, ours: ours, peers: []contestant{base}, quick: true}
	}
	reading := func(args ...string) func(*arena) contestant {
		return func(a *arena) contestant { return contestant{work: fixed(a.engine(args...))} }
	}
	list := pair("list", "list", "All of them, to nowhere: a line each, so a thousand times as many. The least program prints as many lines of the same width, of the tags' names as they lie in the store and of made-up numbers: it finds, checks and judges nothing, and knows its columns' widths.", reading("list"))
	list.peers = append(list.peers,
		contestant{name: "git for-each-ref, the same checkpoints", work: fixed(long.listTags())},
		contestant{name: "the least program, " + count(longCount) + " checkpoints", work: fixed(leastCommand(long.project, "list", long.store()))},
		contestant{name: "the least program, " + count(shortCount) + " checkpoints", work: fixed(leastCommand(short.project, "list", short.store()))})
	far := pair("rollback-far", "rollback to the third oldest", "Into a fresh target. What lies between has changed every file of the project many times over, so all come from the store; where there are ten checkpoints, a tenth does.", func(a *arena) contestant {
		return contestant{prepare: a.freshTarget(), work: fixed(a.engine("rollback", historyName(2)))}
	})
	far.barless()
	return []*row{
		list,
		pair("list-newest", "list -n 20", "The newest 20, or all 10.", reading("list", "-n", "20")),
		pair("show", "show the third oldest", "By its name.", reading("show", historyName(2))),
		pair("record", "record one more, 1 % changed", "Every hundredth file gets another line before each round.", func(a *arena) contestant {
			return contestant{prepare: a.change(0), work: a.nextCheckpoint}
		}),
		pair("rollback", "rollback to the eighth newest", "Into a fresh target: equally far from the project in both.", func(a *arena) contestant {
			return contestant{prepare: a.freshTarget(), work: func() []command {
				return []command{a.engine("rollback", historyName(max(0, a.recordedSoFar-8)))}
			}}
		}),
		far,
	}
}

func (a *arena) store() string { return filepath.Join(a.project, ".evoseal", ".git") }

// listTags is git's list of the store's tags, with what ours tells of each.
func (a *arena) listTags() command {
	return command{a.project, []string{"git", "--git-dir=" + a.store(), "for-each-ref", "--format=%(refname:short) %(*objectname:short) %(creatordate) %(contents:subject)", "refs/tags"}}
}

// shortened says in the rows about n checkpoints how many there are, after
// patience ended before all were made.
func (a *arena) shortened(rows []*row, n int) step {
	return func(context.Context) error {
		if a.recordedSoFar == n {
			return nil
		}
		a.report.note("the long history has %s checkpoints, not %s: making them took more than %s", count(a.recordedSoFar), count(n), a.patience)
		for _, r := range rows {
			r.work = strings.Replace(r.work, count(n), count(a.recordedSoFar), 1)
			r.ours.name = count(a.recordedSoFar) + " checkpoints"
		}
		return nil
	}
}

func historyName(i int) string { return fmt.Sprintf("h%05d", i) }

// history fills the project and records it n times, each time with another 1 %
// changed, or fewer times where that takes too long. It uses the library: 10,000
// starts of the program would take longer and leave the same.
func (a *arena) history(files, n int) step {
	return func(ctx context.Context) (err error) {
		if err := a.sourceFiles(files)(ctx); err != nil {
			return err
		}
		back, err := a.atHome()
		if err != nil {
			return err
		}
		defer back()
		m, err := manager.New(ctx, a.project, manager.Options{Identity: gitstore.Identity{Name: "b", Email: "b@example.invalid"}})
		if err != nil {
			return err
		}
		defer func() {
			if closed := m.Close(); err == nil {
				err = closed
			}
		}()
		for begin := time.Now(); a.recordedSoFar < n && time.Since(begin) < a.patience; a.recordedSoFar++ {
			i := a.recordedSoFar
			if err := a.change(i * 37)(ctx); err != nil {
				return err
			}
			if _, err := m.Checkpoint(ctx, manager.CheckpointRequest{Version: historyName(i)}); err != nil {
				return fmt.Errorf("checkpoint %d of the history: %w", i, err)
			}
		}
		return nil
	}
}
