package main

// hookCommands stand around other commands and in git's hooks.
func hookCommands() []*command {
	return []*command{
		{
			name: "guard", args: "[<version>] -- <command>…", short: "run a command, and roll back if it fails",
			long: `Records the project, runs a command in it, and judges what came of it: by its exit code, and by the reports that it writes, if you name them. Where the command changed the project, what it left is recorded and judged as well, and if that fails the project as it was before is rolled back to. Where it changed nothing, as tests do, the verdict is on the checkpoint, and if it fails the last version that was verified good is rolled back to.

The command gets the terminal, standard input and the signals, in a process group of its own that ends with it: what it leaves running is ended. Reports must be written by this very run. A version that is named must be new; without one, the newest is taken if nothing has changed since.

The exit code is the command's own: 128 and the signal's number if it died of one, 126 or 127 if it can't be run, 1 if it ended with 0 and its reports failed, 125 if guard itself went wrong.

The live project stays as the command left it.`,
			examples: []example{
				{"git evoseal-rollback guard -- make test", "run the tests, and mark the version good or bad"},
				{"git evoseal-rollback guard before-agent -- agent --task 'rename the parser'", "give an agent a way back"},
				{"git evoseal-rollback guard --gotest t.json -- sh -c 'go test -json ./... > t.json'", "judge by each test's result"},
				{"git evoseal-rollback guard --retries 2 --timeout 10m -- npm test", "run flaky tests again, and bound how long they take"},
			},
			most: 1, paths: true, completes: []string{"version"}, trees: true, new: func() runner { return &guardOptions{} },
		},
		{
			name: "hooks install", args: "[<hook>…]", short: "put hooks into the repository",
			long: `Puts hooks into the project's repository: pre-push, post-commit, post-merge and post-rewrite, and in a bare repository pre-receive and post-receive, or those that you name; pre-commit only by name. A hook that is there already is kept and runs first. Where husky, lefthook or core.hooksPath keep the hooks, nothing is written, and the lines to add are told.

pre-push and pre-receive run ` + "`evoseal.testCommand`" + ` on what is pushed and stop it if that fails; the others record what was committed. docs/hooks.md tells more.`,
			examples: []example{
				{"git evoseal-rollback hooks install", "put in the usual ones"},
				{"git evoseal-rollback hooks install pre-commit", "try each commit as well"},
			},
			most: -1, completes: []string{"hook"}, new: func() runner { return &hooksInstallOptions{} },
		},
		{
			name: "hooks uninstall", args: "[<hook>…]", short: "take hooks out again",
			long:     `Takes out the hooks that ` + "`hooks install`" + ` put in, or those that you name, and puts back what was there before, byte for byte. One that somebody edited since is left alone.`,
			examples: []example{{"git evoseal-rollback hooks uninstall", "take out all"}},
			most:     -1, completes: []string{"hook"}, new: func() runner { return &hooksUninstallOptions{} },
		},
		{
			name: "hooks status", short: "show which hooks there are",
			long: `Shows for each hook whose it is, and what is configured for them.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback hooks status", "see whether pushes are watched"}},
			new:      func() runner { return &hooksStatusOptions{} },
		},
		{
			name: "hooks run", args: "<hook> [<argument>…]", short: "what the installed hooks call",
			long: `Does what a hook does, with the arguments and the standard input that git gives it. The hooks that ` + "`hooks install`" + ` makes call this; put it into a hook of your own to have both.

EVOSEAL_SKIP=1 in the environment makes it do nothing but leave a record of that.`,
			examples: []example{{`git evoseal-rollback hooks run pre-push "$@"`, "in a script of your own in .git/hooks/pre-push"}},
			least:    1, most: -1, trees: true, new: func() runner { return &hooksRunOptions{} },
		},
	}
}
