package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// restoring are the rows about bringing a tree back.
func (a *arena) restoring(id, tree string) []*row {
	return []*row{a.rollback(id, tree), a.rollbackEmpty(id, tree), a.rollbackAgain(id, tree), a.neighbour(id, tree)}
}

// worktree is git bringing a commit back from packs, into a directory that isn't
// there, and comparing it with what we brought back.
func (a *arena) worktree(rev string, bars ...bar) contestant {
	return contestant{
		name:    "git worktree add, packed, 2 workers",
		prepare: a.remove(a.path("worktree")), work: fixed(a.gitCheckout(rev)),
		check: same(a.target(), a.path("worktree")), clean: steps(a.remove(a.path("worktree")), a.do(a.git("worktree", "prune"))),
		bars: bars,
	}
}

// packed leaves git's loose objects where they are on disk, for removeOne's reason: a
// pack's are read first.
func (a *arena) packed() step {
	if a.inMemory() {
		return a.do(a.git("repack", "-adq"))
	}
	return a.do(a.git("repack", "-aq"))
}

func (a *arena) rollback(id, tree string) *row {
	recorders := []string{"restic", "bup", "tar"}
	if !a.slowRun() {
		recorders = nil
	}
	r := &row{
		id: id + "/rollback", work: "rollback into a fresh target, project mostly unchanged, " + tree,
		how: "Both slots are gone; 1 % of the project has changed since the checkpoint. cp and rsync copy the project as it is now. " +
			"git's, restic's and bup's results are compared with ours, byte by byte. The least program opens, reads, hashes and closes each file " +
			"of the project, and makes, writes, stats and closes it elsewhere, on as many processors: no store, no index, no check, no exchange.",
		setup:    steps(a.recorded("before", recorders...), a.packed(), a.change(0)),
		teardown: a.freshTarget(),
		limits:   []limit{{peakMemory, 250_000_000}},
		ours:     contestant{name: "rollback", prepare: a.freshTarget(), work: fixed(a.engine("rollback", "before"))},
		peers: []contestant{
			a.worktree("before", bar{wallTime, 0.5}),
			{
				name: "cp -a", prepare: a.emptied(a.path("cp")), work: a.onEntries("cp", "-a", "-t", a.path("cp")),
				check: same(a.project, a.path("cp")), clean: a.remove(a.path("cp")), bars: []bar{{wallTime, 0.7}},
			},
			{
				name: "rsync -a", tool: "rsync", slow: true, prepare: a.emptied(a.path("rsync")),
				work:  fixed(command{a.project, []string{"rsync", "-a", "--exclude=/.git", "--exclude=/.evoseal", "./", a.path("rsync")}}),
				check: same(a.project, a.path("rsync")), clean: a.remove(a.path("rsync")),
			},
			a.brought("tar -x", "tar", command{a.path("out"), []string{"tar", "-xf", a.path("tar")}}),
			a.brought("restic restore", "restic", a.restic("restore", "latest", "--target", a.path("out"))),
			a.brought("bup restore", "bup", command{a.path("out"), []string{"bup", "restore", "-q", "-C", a.path("out"), "/main/latest/."}}),
		},
	}
	if id == "source" {
		r.peers = append(r.peers, a.least())
	}
	r.peers = append(r.peers, a.waitingWorktree()...)
	return r
}

// least is what no program that hashes what it brings back does without.
func (a *arena) least() contestant {
	return contestant{
		name: "the least program", prepare: a.emptied(a.path("least")), work: fixed(leastCommand(a.project, "copy", ".", a.path("least"))),
		check: same(a.project, a.path("least")), clean: a.remove(a.path("least")),
	}
}

// leastCommand is this program as the least one of a kind.
func leastCommand(dir string, args ...string) command {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return command{dir, append([]string{self, leastName}, args...)}
}

// waitingWorktree is, on a disk, git bringing a commit back and then waiting, as
// ours does, until all of it is there.
func (a *arena) waitingWorktree() []contestant {
	if a.inMemory() {
		return nil
	}
	c := a.worktree("before")
	c.name += ", then sync -f"
	c.work = fixed(a.gitCheckout("before"), command{a.project, []string{"sync", "-f", a.path("worktree")}})
	return []contestant{c}
}

// brought is a contestant that fills a directory from its own store.
func (a *arena) brought(name, tool string, c command) contestant {
	return contestant{
		name: name, tool: tool, slow: true,
		prepare: a.emptied(a.path("out")), work: fixed(c),
		check: same(a.target(), a.path("out")), clean: a.remove(a.path("out")),
	}
}

func (a *arena) rollbackEmpty(id, tree string) *row {
	r := &row{
		id: id + "/rollback-empty", work: "rollback into a fresh target, nothing to copy from, " + tree,
		how:      "Both slots are gone and all of the project's files were moved away, so that every byte comes from the store.",
		setup:    steps(a.recorded("before", "restic"), a.packed(), a.moveAway),
		teardown: steps(a.moveBack, a.freshTarget()),
		limits:   []limit{{peakMemory, 250_000_000}},
		ours:     contestant{name: "rollback", prepare: a.freshTarget(), work: fixed(a.engine("rollback", "before"))},
		peers: []contestant{
			a.worktree("before", bar{wallTime, 1.1}),
			a.brought("restic restore", "restic", a.restic("restore", "latest", "--target", a.path("out"))),
		},
	}
	r.peers = append(r.peers, a.waitingWorktree()...)
	return r
}

func (a *arena) rollbackAgain(id, tree string) *row {
	return &row{
		id: id + "/rollback-again", work: "rollback beside one target, nothing in the project to copy from, " + tree,
		how: "All of the project's files were moved away, and the target holds another version, 1 % apart, that was just brought back: " +
			"there is no older tree to bring up to date.",
		setup:    steps(a.recorded("other"), a.change(50), a.recorded("before"), a.packed(), a.moveAway),
		teardown: steps(a.moveBack, a.freshTarget()),
		ours:     contestant{name: "rollback", prepare: steps(a.freshTarget(), a.do(a.engine("rollback", "other"))), work: fixed(a.engine("rollback", "before"))},
		peers:    []contestant{a.worktree("before")},
	}
}

func (a *arena) neighbour(id, tree string) *row {
	turn := 1
	name := func() string { return fmt.Sprintf("near%d", turn%3) }
	existing := a.path("existing")
	return &row{
		id: id + "/neighbour", work: "rollback to a neighbour, 1 % apart, " + tree,
		how: "Three versions of which each two differ in 1 % of the files, in turn: the target holds one, the slot beside it another, " +
			"and the third is brought back. git makes a whole work tree as before, or changes one that it has. The least program lists the " +
			"directories of one of them and asks for the stat data of each file, on as many processors, and brings nothing back.",
		setup:    a.neighbours(existing),
		before:   func(context.Context) error { turn++; return nil },
		teardown: steps(a.freshTarget(), a.remove(existing)), quick: true,
		ours: contestant{name: "rollback", work: func() []command { return []command{a.engine("rollback", name())} }},
		peers: []contestant{
			func() contestant {
				c := a.worktree("", bar{wallTime, 0.12})
				c.work = func() []command { return []command{a.gitCheckout(name())} }
				c.turns = a.rounds
				return c
			}(),
			{
				name: "git checkout in an existing work tree",
				work: func() []command {
					return []command{{existing, []string{"git", "-c", "checkout.workers=2", "checkout", "-q", "--detach", name()}}}
				},
				check: same(a.target(), existing),
			},
			{name: "the least program", work: fixed(leastCommand(a.project, "look", existing))},
		},
	}
}

// neighbours records three versions and fills both slots, and a work tree of
// git's at existing, with the first two of them.
func (a *arena) neighbours(existing string) step {
	return func(ctx context.Context) error {
		err := steps(
			a.freshTarget(), a.recorded("near0"), a.change(50), a.recorded("near1"), a.change(50), a.recorded("near2"), a.packed(),
			a.do(a.engine("rollback", "near0"), a.engine("rollback", "near1")))(ctx)
		if err != nil {
			return err
		}
		c := a.gitCheckout("near1")
		for i, arg := range c.argv {
			if arg == a.path("worktree") {
				c.argv[i] = existing
			}
		}
		return a.do(c)(ctx)
	}
}

// hugeRows are about one file that is larger than memory should need to be.
func (a *arena) hugeRows(size string) []*row {
	file := filepath.Join(a.project, "huge")
	most := []limit{{peakMemory, 128_000_000}}
	return []*row{
		{
			id: "huge/record", work: "first checkpoint, one file of " + size, once: true, limits: most,
			how:  "Run once, without a warm-up: it takes minutes with some.",
			ours: contestant{name: "checkpoint", prepare: a.remove(a.project + "/.evoseal"), work: a.nextCheckpoint},
			peers: []contestant{
				{
					name: "git add -A + commit", prepare: a.newGit, work: fixed(a.gitRecord()...),
					check: a.sameRecorded, clean: a.remove(a.path("git")),
				},
				{name: "restic backup", tool: "restic", prepare: a.newRestic(), work: fixed(a.resticBackup()), clean: a.remove(a.path("restic"))},
			},
		},
		{
			id: "huge/rollback", work: "rollback of it, from the project", once: true, limits: most,
			how:   "The project still holds the file. The result is compared with it, byte by byte.",
			setup: a.ensureCheckpoint,
			ours: contestant{
				name: "rollback", prepare: a.freshTarget(), work: a.rollbackNewest,
				check: same(a.project, a.target()), clean: a.freshTarget(),
			},
			peers: []contestant{{
				name: "cp -a", prepare: a.emptied(a.path("cp")), work: fixed(command{a.project, []string{"cp", "-a", "-t", a.path("cp"), file}}),
				clean: a.remove(a.path("cp")),
			}},
		},
		{
			id: "huge/rollback-empty", work: "rollback of it, from the store", once: true, limits: most,
			how:   "The file was moved away.",
			setup: steps(a.ensureCheckpoint, a.moveAway), teardown: a.moveBack,
			ours: contestant{
				name: "rollback", prepare: a.freshTarget(), work: a.rollbackNewest,
				check: same(a.path("away"), a.target()), clean: a.freshTarget(),
			},
		},
	}
}

func (a *arena) rollbackNewest() []command { return []command{a.engine("rollback", a.newest())} }

// ensureCheckpoint records the project unless a row before has.
func (a *arena) ensureCheckpoint(ctx context.Context) error {
	if a.named > 0 {
		return nil
	}
	return a.do(a.nextCheckpoint()...)(ctx)
}
