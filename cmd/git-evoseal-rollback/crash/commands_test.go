//go:build linux && (amd64 || arm64)

package crash

// again says what a second run of a command does; the zero value is for those that
// end in the same state however often they run.
type again int

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
	// before runs undisturbed first, each time.
	before [][]string
	args   []string
	again  again
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
	return []command{
		{name: "init", args: []string{"init"}, live: exclude},
		{name: "first checkpoint", args: []string{"checkpoint", "v1"}, again: refuses, live: exclude, often: true},
		{name: "second checkpoint", checkpoints: 1, args: []string{"checkpoint", "v2"}, again: refuses},
		{name: "checkpoint that replaces", checkpoints: 2, args: []string{"checkpoint", "--force", "v1"}, again: repeats},
		{name: "first rollback", checkpoints: 3, args: []string{"rollback", "v1"}, again: repeats},
		{name: "second rollback", checkpoints: 3, before: two[:1], args: []string{"rollback", "v2"}, again: repeats},
		{name: "third rollback", checkpoints: 3, before: two, args: []string{"rollback", "v3"}, again: repeats, often: true},
		{name: "undo", checkpoints: 3, before: two, args: []string{"undo"}, again: repeats, often: true},
		{name: "cascade", checkpoints: 3, before: two[:1], args: []string{"cascade", "v3"}, again: repeats, perseveres: true},
		{name: "rollback into a branch", checkpoints: 2, args: []string{"rollback", "v1", "--branch", "back"}, again: refuses, live: []string{".git/"}},
		{name: "policy set", checkpoints: 1, args: []string{"policy", "set", "rollback.maxAttempts", "5"}},
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
	}
}
