//go:build linux && (amd64 || arm64)

package crash

// again says what a second run of a command does; the zero value is for those that
// end in the same state however often they run.
type again int

// manyPacks is how many checkpoints there are when the next one puts their packs together.
const manyPacks = 32

const (
	_ again = iota
	// refuses is for those that say no when it is done already.
	refuses
	// repeats is for those that do something more each time.
	repeats
)

// command is one that is tried at every call. A new one takes a line below.
type command struct {
	name string
	// checkpoints is how many are there before: v1, v2, …
	checkpoints int
	// before runs undisturbed first, each time; what begins with sh is for the shell.
	before [][]string
	args   []string
	// does is a pattern of a call without which it isn't what its name says.
	does string
	// also is a pattern of a call before which it is killed in every run: something went
	// wrong there once.
	also string
	// code is the exit code of a run that did what it should.
	code  int
	again again
	// spoiled says that before leaves damage, which the command is there to mend.
	spoiled bool
	// live are the parts of the project that the command is there to change, by
	// prefix.
	live []string
	// perseveres is for those that try something else when the first thing fails: then
	// they are done, but not as without the fault.
	perseveres bool
	// often is for those that the ordinary run tries too.
	often bool
}

func commands() []command {
	exclude := []string{".git/info/"}
	hooks := []string{".git/hooks", ".git/config"}
	two := [][]string{{"rollback", "v1"}, {"rollback", "v2"}}
	aside := [][]string{{"sh", "-c", "mkdir .aside && git config evoseal.store .aside/.git"}, {"checkpoint", "v1"}}
	// The index of a pack is gone, and a tag.
	damage := []string{"sh", "-c", "cd .evoseal/.git && rm -f refs/tags/v1 $(ls objects/pack/*.idx | head -n 1)"}
	return []command{
		{name: "init", args: []string{"init"}, live: exclude},
		{
			name: "first checkpoint", args: []string{"checkpoint", "v1"}, again: refuses, live: exclude, often: true,
			also: `^renameat .*/refs/notes/.*\.lock`,
		},
		{name: "second checkpoint", checkpoints: 1, args: []string{"checkpoint", "v2"}, again: refuses},
		{
			name: "checkpoint that puts packs together", checkpoints: manyPacks, args: []string{"checkpoint", "last"}, again: refuses,
			does: `^renameat .*\.pack -> .*/evoseal_gone_`,
		},
		{name: "checkpoint that replaces", checkpoints: 2, args: []string{"checkpoint", "--force", "v1"}, again: repeats},
		{name: "first rollback", checkpoints: 3, args: []string{"rollback", "v1"}, again: repeats},
		{name: "second rollback", checkpoints: 3, before: two[:1], args: []string{"rollback", "v2"}, again: repeats},
		{
			name: "third rollback", checkpoints: 3, before: two, args: []string{"rollback", "v3"}, again: repeats, often: true,
			also: `^write .*/worktrees/[^/]*/index`,
		},
		{name: "undo", checkpoints: 3, before: two, args: []string{"undo"}, again: repeats, often: true},
		{name: "rollback to elsewhere", checkpoints: 2, args: []string{"rollback", "v1", "--target", ".evoseal/other"}, again: repeats},
		{name: "rollback from a store aside", before: aside, args: []string{"rollback", "v1"}, again: repeats},
		{name: "checkpoint in a store aside", before: aside[:1], args: []string{"checkpoint", "v1"}, again: refuses, live: exclude},
		{name: "cascade", checkpoints: 3, before: two[:1], args: []string{"cascade", "v3"}, again: repeats, perseveres: true},
		{
			name: "rollback into a branch", checkpoints: 2, args: []string{"rollback", "v1", "--branch", "back"}, again: refuses,
			live: []string{".git/"}, often: true,
		},
		{
			name: "emergency", checkpoints: 3, before: [][]string{{"mark", "v1", "good"}, {"token", "issue", "--role", "emergency", "--out", "../home/token"}},
			args: []string{"emergency", "--reason", "a test", "--token-file", "../home/token"}, again: repeats, perseveres: true,
		},
		{
			name: "auto", checkpoints: 3, before: [][]string{{"mark", "v1", "good"}, {"sh", "-c", "echo 'not ok 1 - a test\n1..1' > ../home/failed.tap"}},
			args: []string{"auto", "v3", "--tap", "../home/failed.tap"}, code: 1, again: repeats, perseveres: true,
		},
		{name: "guard", checkpoints: 1, args: []string{"guard", "v2", "--", "true"}, again: refuses},
		{name: "guard that rolls back", checkpoints: 1, args: []string{"guard", "v2", "--", "false"}, code: 1, again: refuses, perseveres: true},
		{name: "policy set", checkpoints: 1, args: []string{"policy", "set", "rollback.maxAttempts", "5"}},
		{name: "trigger set", checkpoints: 1, args: []string{"trigger", "set", "lint", "type=command", "command=true", "dryRun=true"}},
		{name: "token issue", checkpoints: 1, args: []string{"token", "issue", "--role", "operator"}, again: repeats},
		{name: "mark", checkpoints: 1, args: []string{"mark", "v1", "good"}, again: repeats},
		{name: "history archive", checkpoints: 1, before: two[:1], args: []string{"history", "archive"}, again: repeats},
		{name: "hooks install", checkpoints: 1, args: []string{"hooks", "install"}, live: hooks},
		{name: "hooks uninstall", checkpoints: 1, before: [][]string{{"hooks", "install"}}, args: []string{"hooks", "uninstall"}, live: hooks},
		{name: "prune", checkpoints: 3, args: []string{"prune", "--keep-last", "1"}, often: true},
		{
			name: "prune for good", checkpoints: 3, before: [][]string{{"prune", "--keep-last", "1"}},
			args: []string{"prune", "--keep-last", "1", "--grace", "0s"},
		},
		{
			name: "prune restore", checkpoints: 3, before: [][]string{{"prune", "--keep-last", "1"}},
			args: []string{"prune", "restore", "v1"}, again: refuses,
		},
		{name: "gc", checkpoints: 3, before: two, args: []string{"gc"}},
		{
			name: "gc that removes", checkpoints: 3, before: [][]string{{"prune", "--keep-last", "1"}, {"prune", "--keep-last", "1", "--grace", "0s"}},
			args: []string{"gc", "--prune", "now"},
		},
		{name: "gc that compresses anew", checkpoints: 3, before: two, args: []string{"gc", "--aggressive", "--prune", "now"}},
		{name: "doctor", checkpoints: 2, before: two, args: []string{"doctor"}},
		{name: "doctor that repairs", checkpoints: 2, before: append(two, damage), spoiled: true, args: []string{"doctor", "--repair"}},
		{
			name: "doctor that drops what was damaged", checkpoints: 2, before: append(two, damage, []string{"doctor", "--repair"}),
			args: []string{"doctor", "--drop-damaged"},
		},
		{name: "verify", checkpoints: 2, args: []string{"verify", "--all", "--max-time", "1m"}},
	}
}
