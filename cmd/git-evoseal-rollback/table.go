package main

// commands is the table of all commands, in the order in which help lists them.
func commands() []*command {
	var all []*command
	for _, part := range [][]*command{checkpointCommands(), decisionCommands(), hookCommands(), ruleCommands(), historyCommands(), pruneCommands(), careCommands()} {
		all = append(all, part...)
	}
	return all
}

// checkpointCommands record, look and bring back.
func checkpointCommands() []*command {
	return []*command{
		{
			name: "init", short: "make the store",
			long: `Makes the project's store, .evoseal/.git, unless it is there already, and adds /.evoseal/ to the repository's info/exclude so that git add and git clean step over it. A checkpoint does the same at first use.

A project that is / or a home directory is refused unless ` + "`evoseal.allowProject`" + ` in Git's configuration names it.

It never records anything and changes no other file.`,
			examples: []example{{"git evoseal-rollback init", "make the store of the project around the working directory"}},
			new:      func() runner { return &initOptions{} },
		},
		{
			name: "checkpoint", args: "[<version>]", short: "record the project's tree",
			long: `Records every tracked and untracked file of the project as it is on disk, byte for byte, with its permissions and with empty directories. No filter, hook or attribute touches a byte. Files that .gitignore and its like name are left out, unless they are tracked.

Without a version's name one is made from the time. A name that is taken is refused.

It never changes the project, its index, HEAD or branches. When something can't be read, nothing is recorded at all, unless you ask for a partial checkpoint.`,
			examples: []example{
				{"git evoseal-rollback checkpoint v1 -m 'before the refactoring'", "record the project as v1"},
				{"git evoseal-rollback checkpoint", "record the project under a name made from the time"},
			},
			most: 1, trees: true, new: func() runner { return &checkpointOptions{} },
		},
		{
			name: "list", short: "list the checkpoints, newest first",
			long: `Lists the checkpoints with age, number of files and size. STATE is good or bad, as verdicts and marks have it, and empty where nothing was found of a version yet. Marks tell which one is partial and which one the rollback target holds.

It changes nothing.`,
			examples: []example{
				{"git evoseal-rollback list", "list the checkpoints"},
				{"git evoseal-rollback list --good -n 1", "the newest version that was verified good"},
				{"git evoseal-rollback list --json | jq -r .version", "only the names"},
			},
			new: func() runner { return &listOptions{} },
		},
		{
			name: "show", args: "<version>", short: "show all that is known of a checkpoint",
			long: `Shows a checkpoint's ids, time, author, message and origin, and a summary of what Git's tree can't hold: permissions, empty directories, nested repositories, skipped paths.

Wherever a version is asked for, you may give its name, ` + "`latest`" + `, the beginning of its commit's id, or one of these and a number of steps back, as in ` + "`latest~2`" + `.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback show latest~1", "show the checkpoint before the newest"}},
			least:    1, most: 1, completes: []string{"version"}, new: func() runner { return &showOptions{} },
		},
		{
			name: "diff", args: "<version> [<version>] [-- <path>…]", short: "compare a checkpoint with another, or with the project",
			long: `Compares two checkpoints, or one with the live project, as unified text. Paths that follow -- restrict it; they start from the working directory.

The exit code is 0 whether or not there are differences. It changes nothing.`,
			examples: []example{
				{"git evoseal-rollback diff v1", "what changed in the project since v1"},
				{"git evoseal-rollback diff v1 v2 --stat -- src", "count the lines that changed below src"},
			},
			least: 1, most: 2, paths: true, completes: []string{"version"}, trees: true, new: func() runner { return &diffOptions{} },
		},
		{
			name: "log", args: "[<version>]", short: "walk from a checkpoint to its ancestors",
			long: `Shows a checkpoint, by default the newest, its parent, the parent of that, and so on.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback log -n 5", "the newest checkpoint and four ancestors"}},
			most:     1, completes: []string{"version"}, new: func() runner { return &logOptions{} },
		},
		rollbackCommand(),
		{
			name: "undo", short: "swap the target with the one before it",
			long: `Exchanges the rollback target, or the directory that --target names, with what it held before, at once. Doing it again brings the first back.

It never removes anything and never touches the live project.`,
			examples: []example{
				{"git evoseal-rollback undo --reason 'v1 was fine'", "bring back what the target held before"},
				{"git evoseal-rollback undo --target /tmp/v1", "undo a rollback that filled another directory"},
			},
			trees: true, new: func() runner { return &undoOptions{} },
		},
	}
}

// careCommands look after the store, and help with the program itself.
func careCommands() []*command {
	return []*command{
		{
			name: "status", short: "show how things stand",
			long: `Shows the project, the newest checkpoint, what the rollback target holds and what was changed in it since, the last record, what is open or wrong around it, and the command that most people want next. With --all it shows every integration point: store, project, policy, tokens, sinks of events, logging, hooks, incidents.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback status", "how things stand"}},
			new:      func() runner { return &statusOptions{} },
		},
		{
			name: "verify", args: "[<version>…]", short: "read what is stored and compare it with what was recorded",
			long: `Reads every object of the checkpoints, by default of the newest one, and compares it with its name. Damage is listed with the object, a path where it stands, the checkpoints that it hits, and the command to run next.

With --sample only a part of the files' contents is read, chosen by lot; commits, trees and notes always are. With --max-time it stops when the time is up, and --resume goes on there; what was read is kept in the store's cache, and counts as long as the packs that it was read from are there.

It changes nothing. The exit code is 14 when something is damaged, and 0 when nothing wrong was found so far: it says plainly when that isn't all of it.`,
			examples: []example{
				{"git evoseal-rollback verify --all", "read all that is stored"},
				{"git evoseal-rollback verify --all --sample 5%", "read one file in twenty"},
				{"git evoseal-rollback verify --all --resume --max-time 10m", "read for ten minutes, each night from where the last one stopped"},
			},
			most: -1, completes: []string{"version"}, trees: true, new: func() runner { return &verifyOptions{} },
		},
		gcCommand(),
		{
			name: "doctor", short: "look for what may trouble a rollback",
			long: `Looks for leftovers of dead processes, locks, refs that are gone or can't be read, packs without an index, a store that plain git would record or clean away, and a target that is unsafe or was edited. It removes leftovers, and says of all else whether --repair could mend it. It doesn't read the objects: ` + "`verify`" + ` and --repair do.

With --repair it mends what can be mended: refs from their logs, indexes from packs, packs from what can be read of them, objects that the project, a target or the project's own repository still has, what is known of the targets, settings and caches. Nothing but caches is deleted: what was replaced is put aside in the store's directory ` + "`damaged`" + `, and only once all that it held is safe elsewhere. A repair is recorded in the history, and needs an admin token once there is one. With --dry-run it only says what it would do.

It never touches the live project's files. The exit code is 14 when an error was found that is not mended; warnings leave it at 0.`,
			examples: []example{
				{"git evoseal-rollback doctor", "look, and say what could be mended"},
				{"git evoseal-rollback doctor --repair --dry-run", "read everything, and say what would be done"},
				{"git evoseal-rollback doctor --repair", "do it"},
			},
			trees: true,
			new:   func() runner { return &doctorOptions{} },
		},
		{
			name: "completion", instant: true, args: "bash|zsh|fish", short: "print a script that completes command lines",
			long: `Prints a script for a shell. In bash it works for git-evoseal-rollback, and, with git's own completion, for git evoseal-rollback.

It changes nothing.`,
			examples: []example{
				{"source <(git evoseal-rollback completion bash)", "for this bash"},
				{"git evoseal-rollback completion fish > ~/.config/fish/completions/git-evoseal-rollback.fish", "for every fish"},
			},
			least: 1, most: 1, completes: []string{"bash", "zsh", "fish"}, new: func() runner { return &completionOptions{} },
		},
		{
			name: "help", instant: true, args: "[<command>]", short: "explain the program, or a command",
			long:     `Explains a command, or a group of them such as policy; without a name it lists all commands. It reads nothing and changes nothing.`,
			examples: []example{{"git evoseal-rollback help policy set", "explain a command"}},
			most:     2, completes: []string{"command"}, new: func() runner { return &helpOptions{} },
		},
		{
			name: "version", instant: true, short: "print the program's version",
			long:     `Prints the program's version. It reads nothing and changes nothing.`,
			examples: []example{{"git evoseal-rollback version", "print the version"}},
			new:      func() runner { return &versionOptions{} },
		},
		{name: "man", short: "print the manual page", hidden: true, instant: true, new: func() runner { return &manOptions{} }},
		{name: "__complete", short: "print the versions", most: 1, hidden: true, new: func() runner { return &completeOptions{} }},
	}
}

func rollbackCommand() *command {
	return &command{
		name: "rollback", args: "<version> [-- <path>…]", short: "bring a checkpoint back into a directory of its own",
		long: `Brings a checkpoint back, byte for byte, into .evoseal/rollback_target. It is written beside the target, made durable, and then exchanged with it in one step: the target is the old one or the new one, whatever happens. What it held before is kept for ` + "`undo`" + `. Every byte is hashed on its way.

Paths that follow -- start from the working directory; only they are brought back then, and the target holds nothing else: a part replaces the whole that was there, which ` + "`undo`" + ` brings back. With --branch the checkpoint also becomes a new branch of the project's repository; nothing is checked out. To take files back into the project, copy them, as in ` + "`cp -a .evoseal/rollback_target/src/parser src/`" + `; the target's own .git is no part of the project.

It never touches the live project: work tree, index, HEAD, branches, ignored and untracked files stay as they are. A target that a safety rule refuses is refused when you type it, and gives way to the default, with a warning, when it is configured as ` + "`evoseal.target`" + `. Requests that fail or are refused are recorded in the history as well.`,
		examples: []example{
			{"git evoseal-rollback rollback v1 --reason 'tests fail since'", "bring v1 back"},
			{"git evoseal-rollback rollback latest~1 --dry-run", "only say what would be done"},
			{"git evoseal-rollback rollback v1 --branch back-to-v1 && git stash -u && git switch back-to-v1", "bring v1 back into the project; what is there goes into the stash"},
			{"git evoseal-rollback rollback v1 --target /tmp/v1 -- src README.md", "bring some paths of v1 back elsewhere"},
		},
		least: 1, most: 1, paths: true, completes: []string{"version"}, trees: true, new: func() runner { return &rollbackOptions{} },
	}
}
