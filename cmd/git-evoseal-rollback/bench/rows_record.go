package main

import "context"

// recording are the rows about checkpoints of a tree.
func (a *arena) recording(id, tree string) []*row {
	return []*row{a.first(id, tree), a.unchanged(id, tree), a.changed(id, tree)}
}

func (a *arena) first(id, tree string) *row {
	r := &row{
		id: id + "/first", work: "first checkpoint, " + tree,
		how: "Everybody records the whole tree into a new store; making the store is timed for us only. " +
			"Our tree and git's are compared by their hash.",
		limits: []limit{{peakMemory, 250_000_000}},
		ours: contestant{
			name:    "checkpoint",
			prepare: a.remove(a.project + "/.evoseal"), work: a.nextCheckpoint,
		},
		peers: []contestant{
			{
				name: "git add -A + commit", prepare: a.newGit,
				work: fixed(a.gitRecord()...), check: a.sameRecorded, bars: []bar{{wallTime, 0.28}},
			},
			{
				name: "restic backup", tool: "restic", prepare: a.newRestic(),
				work: fixed(a.resticBackup()), bars: []bar{{wallTime, 0.40}},
			},
			{
				name: "restic backup, no compression", tool: "restic", slow: true, prepare: a.newRestic(),
				work: fixed(a.resticBackup("--compression=off")), clean: a.remove(a.path("restic")),
			},
			{name: "bup index + save", tool: "bup", slow: true, prepare: a.newBup(), work: func() []command { return a.bupSave() }},
			{
				name: "tar -c, no compression", tool: "tar", slow: true, prepare: a.remove(a.path("tar")),
				work: a.onEntries("tar", "-cf", a.path("tar")),
			},
		},
	}
	if !a.inMemory() {
		// Ours waits until all is on the disk. This is git doing so, too.
		r.peers = append(r.peers, contestant{
			name: "git add -A + commit, waiting for the disk", prepare: a.newGit, turns: 1,
			work: fixed(waiting(a.gitRecord())...),
		})
	}
	return r
}

// waiting has git make durable what it writes, in the quickest way that it has.
func waiting(all []command) []command {
	for i := range all {
		all[i].argv = append([]string{"git", "-c", "core.fsync=objects,reference", "-c", "core.fsyncMethod=batch"}, all[i].argv[1:]...)
	}
	return all
}

func (a *arena) unchanged(id, tree string) *row {
	return &row{
		id: id + "/unchanged", work: "unchanged checkpoint, " + tree,
		how:   "Nothing has changed since everybody last recorded the tree. We make a checkpoint all the same; `git add -A` alone makes nothing.",
		setup: a.recorded("base", "restic"), quick: true,
		ours: contestant{name: "checkpoint", work: a.nextCheckpoint},
		peers: []contestant{
			{name: "git add -A", work: fixed(a.git("add", "-A")), bars: []bar{{wallTime, 0.9}}},
			{name: "git add -A + commit", work: fixed(a.gitRecord()...), check: a.sameRecorded},
			{name: "restic backup", tool: "restic", turns: a.rounds, work: fixed(a.resticBackup()), bars: []bar{{wallTime, 0.08}}},
		},
	}
}

func (a *arena) changed(id, tree string) *row {
	return &row{
		id: id + "/changed", work: "checkpoint with 1 % changed, " + tree,
		how:   "Every hundredth file gets another line at its end before each round; then each records the same change.",
		setup: a.recorded("base", "restic"), before: a.change(0), quick: true,
		ours: contestant{name: "checkpoint", work: a.nextCheckpoint},
		peers: []contestant{
			{name: "git add -A + commit", work: fixed(a.gitRecord()...), check: a.sameRecorded, bars: []bar{{wallTime, 0.35}}},
			{name: "restic backup", tool: "restic", turns: a.rounds, work: fixed(a.resticBackup())},
		},
	}
}

// starting are the rows about what is over before it began.
func (a *arena) starting() []*row {
	status := command{a.project, []string{"git", "status", "--porcelain"}}
	return []*row{
		{
			id: "start/version", work: "version", how: "Nothing but starting and ending the program. The least program, in Go like ours, ends at once; " +
				"another one does too, but has in it net/http, as ours has for webhooks, and a third one all the packages of others that ours imports.",
			setup: steps(a.goProgram("nothing", "os"), a.goProgram("http", "net/http"), a.likeOurs("imports")), quick: true,
			ours: contestant{name: "version", work: fixed(a.engine("version"))},
			peers: []contestant{
				{name: "git --version", work: fixed(command{a.project, []string{"git", "--version"}}), bars: []bar{{wallTime, 2}}},
				{name: "the least program", tool: "go", work: fixed(command{a.project, []string{a.path("nothing", "nothing")}})},
				{name: "the least program with net/http", tool: "go", work: fixed(command{a.project, []string{a.path("http", "http")}})},
				{name: "the least program with all that ours imports", tool: "go", work: fixed(command{a.project, []string{a.path("imports", "imports")}})},
			},
		},
		{
			id: "start/status", work: "status, empty repository", how: "The repository has no commit, no file and no store of ours.", quick: true,
			ours:  contestant{name: "status", work: fixed(a.engine("status"))},
			peers: []contestant{{name: "git status", work: fixed(status), bars: []bar{{wallTime, 2}}}},
		},
		{
			id: "start/status-store", work: "status, empty repository with a store", how: "As before, after `init`.", quick: true,
			setup: a.do(a.engine("init")),
			ours:  contestant{name: "status", work: fixed(a.engine("status"))},
			peers: []contestant{{name: "git status", work: fixed(status)}},
		},
	}
}

// working are the rows about a repository in daily use.
func (a *arena) working(id, tree string) []*row {
	own := func(args ...string) command {
		return command{a.project, append([]string{"git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "gc.auto=0"}, args...)}
	}
	commit := func(hooks string) func() []command {
		return fixed(own("-c", "core.hooksPath="+a.path(hooks), "commit", "-q", "-m", "x", "changed-each-time"))
	}
	return []*row{
		{
			id: id + "/hook", work: "commit with the post-commit hook, " + tree,
			how:   "`git commit` of one changed file in the project's own repository, with our hook and without any.",
			quick: true, setup: a.withHook(own), teardown: a.remove(a.project + "/changed-each-time"),
			ours:  contestant{name: "git commit, with our hook", prepare: a.touch, work: commit("hooks")},
			peers: []contestant{{name: "git commit, without", prepare: a.touch, work: commit("nowhere")}},
		},
		{
			id: id + "/status", work: "status, " + tree,
			how:   "In the project's own repository, where all is committed and recorded.",
			quick: true, setup: steps(a.recorded("base"), a.do(own("add", "-A"), own("commit", "-q", "--allow-empty", "-m", "all"))),
			ours:  contestant{name: "status", work: fixed(a.engine("status"))},
			peers: []contestant{{name: "git status", work: fixed(own("status", "--porcelain"))}},
		},
	}
}

// withHook commits and records the project, with a hook of ours in a directory
// beside it.
func (a *arena) withHook(own func(...string) command) step {
	return func(ctx context.Context) error {
		if err := makeProgram(a.path("hooks", "post-commit"), "#!/bin/sh\nexec '"+a.binary+"' hooks run post-commit \"$@\"\n"); err != nil {
			return err
		}
		return steps(a.touch, a.do(own("add", "-A"), own("commit", "-q", "--allow-empty", "-m", "all")), a.recorded("base"))(ctx)
	}
}
