package main

// decisionCommands judge versions and act on it.
func decisionCommands() []*command {
	return []*command{
		{
			name: "auto", args: "[<version>]", short: "judge a version, and roll back if it fails",
			long: `Judges a version, by default the newest, by test results and metrics, and keeps the verdict with everything that it depends on. Metrics are compared with those of the last version that was verified good. When the verdict is fail and the policy's rollback.autoRollback is true, that version is rolled back to: not merely the parent.

A verdict is pass, fail, inconclusive or error. Missing data never passes. docs/verdicts.md tells how each is reached, docs/policy.md which rules there are.

The exit code is 0 for pass, 1 for fail, and 17 for inconclusive or error. It is 15 when the version failed and too many automatic rollbacks were tried lately, so that none was made: 3 in 24 h, unless the policy's rollback.maxAttempts and rollback.attemptWindow say otherwise. It never touches the live project.`,
			examples: []example{
				{"git evoseal-rollback auto v2 --tests results.json --metrics bench.json", "judge v2 by test results and metrics"},
				{"git evoseal-rollback auto --baseline v1", "judge the newest by the metrics recorded with it, against v1"},
			},
			most: 1, completes: []string{"version"}, trees: true, new: func() runner { return &autoOptions{} },
		},
		{
			name: "mark", args: "<version> good|bad", short: "declare what a version is worth",
			long: `Declares a version good or bad, whatever was found of it before. Automatic and emergency rollbacks go to good versions and pass over bad ones.

It changes nothing else.`,
			examples: []example{{"git evoseal-rollback mark v1 good --reason 'ran in production for a week'", "make v1 a version to come back to"}},
			least:    2, most: 2, completes: []string{"version"}, then: []string{"good", "bad"}, new: func() runner { return &markOptions{} },
		},
		{
			name: "verdict show", args: "[<version>]", short: "show what was found of a version",
			long: `Shows the verdicts on a version, by default the newest, its marks, and what they come to.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback verdict show v2", "why v2 failed"}},
			most:     1, completes: []string{"version"}, new: func() runner { return &verdictShowOptions{} },
		},
		{
			name: "verdict replay", args: "[<version>]", short: "reach the last verdict on a version again",
			long: `Reaches the last verdict on a version again from the evidence that was kept with it, and compares the two, byte for byte. When they differ, one of them was changed, or was reached by another version of this program; the exit code is then 14.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback verdict replay v2", "check that the verdict follows from its evidence"}},
			most:     1, completes: []string{"version"}, new: func() runner { return &verdictReplayOptions{} },
		},
		{
			name: "cascade", args: "<failed-version>", short: "roll back to the nearest ancestor that can be",
			long: `Walks from a version to its ancestors, nearest first, and rolls back to the first that can be brought back. Versions that are known to be bad or are partial are passed over. Each attempt is recorded, as is the chain that they form; one whose process died is gone on with.

It never touches the live project.`,
			examples: []example{{"git evoseal-rollback cascade v5 --max-attempts 2", "leave v5 for its parent, or the one before"}},
			least:    1, most: 1, completes: []string{"version"}, trees: true, new: func() runner { return &cascadeOptions{} },
		},
		{
			name: "emergency", short: "bring back the newest good version, at once",
			long: `Brings back the newest version that was verified good and is intact. Limits of the policy don't hold; the safety rules do. It says which versions it thought of and why it took the one it did, and leaves an incident open until ` + "`emergency close`" + `.

It always needs a token with the role emergency. docs/emergencies.md tells more. It never touches the live project.`,
			examples: []example{{"git evoseal-rollback emergency --reason 'the deploy deletes orders' --token-file ~/.evoseal-emergency", "declare an emergency"}},
			trees:    true, new: func() runner { return &emergencyOptions{} },
		},
		{
			name: "emergency drill", short: "rehearse an emergency without touching the target",
			long:     `Does all that an emergency does, down to writing the version out beside the target, and then throws that away. The target stays as it is and no incident is opened; the history keeps that the drill was held.`,
			examples: []example{{"git evoseal-rollback emergency drill --reason 'monthly' --token-file ~/.evoseal-emergency", "rehearse an emergency"}},
			trees:    true, new: func() runner { return &emergencyOptions{drill: true} },
		},
		{
			name: "emergency close", args: "[<incident>]", short: "end an incident with a note of what was found",
			long:     `Ends an incident, by default the only one that is open. It needs a token with the role emergency.`,
			examples: []example{{"git evoseal-rollback emergency close --note 'migration 42 dropped an index' --token-file ~/.evoseal-emergency", "end the incident"}},
			most:     1, new: func() runner { return &emergencyCloseOptions{} },
		},
	}
}

// ruleCommands are about policy, triggers and tokens.
func ruleCommands() []*command {
	const admin = "Once there is an admin token, it takes one."
	return []*command{
		{
			name: "policy get", args: "[<key>|<section>]", short: "show the rules in force",
			long: `Shows all keys with their values, those of a section such as retention, or one. A key may be given without its section where that is clear: threshold is rollback.threshold. docs/policy.md describes each.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback policy get threshold", "one value"}},
			most:     1, completes: []string{"key"}, new: func() runner { return &policyGetOptions{} },
		},
		{
			name: "policy set", args: "<key> <value> [<key> <value>]…", short: "change a rule",
			long: `Gives a key a value, or several keys at once, and leaves the rest of the policy as it is, comments and all. A value that is out of range is refused. A new trigger or sink needs the keys that make it whole in one go. With --unset it takes keys alone, or a section such as sink.ci, which goes as a whole. The change is a commit of its own and takes effect at once, also in running processes.

` + admin,
			examples: []example{
				{"git evoseal-rollback policy set rollback.threshold 8%", "let metrics lose 8 %"},
				{"git evoseal-rollback policy set metric.score.direction higher", "tell which values of a metric are good"},
				{"git evoseal-rollback policy set sink.ci.type file sink.ci.path /var/log/evoseal.jsonl", "write events to a file"},
				{"git evoseal-rollback policy set maxAttempts --unset", "go back to the default of a rule"},
			},
			least: 1, most: -1, completes: []string{"key"}, new: func() runner { return &policySetOptions{} },
		},
		{
			name: "policy edit", short: "change the rules in an editor",
			long: `Opens the policy in the editor that GIT_EDITOR, VISUAL or EDITOR names. It is checked before it is stored; what isn't valid is refused with the lines that are wrong, and kept: --from opens it for another try.

` + admin,
			examples: []example{{"git evoseal-rollback policy edit --reason 'quarterly review'", "edit the policy"}},
			new:      func() runner { return &policyEditOptions{} },
		},
		{
			name: "policy log", short: "show who changed which rule when",
			long:     `Shows the versions of the policy, newest first. It changes nothing.`,
			examples: []example{{"git evoseal-rollback policy log -n 5", "the newest five changes"}},
			new:      func() runner { return &policyLogOptions{} },
		},
		{
			name: "policy import", args: "<file.json>|-", short: "take over EVOSEAL's JSON policy",
			long: `Takes over a policy in EVOSEAL's JSON, with its triggers. Keys that have no counterpart are named in warnings. docs/evoseal.md has the table.

` + admin,
			examples: []example{{"git evoseal-rollback policy import rollback_policy.json", "take over a file of EVOSEAL's"}},
			least:    1, most: 1, new: func() runner { return &policyImportOptions{} },
		},
		{
			name: "trigger list", short: "show what fails a version",
			long:     `Shows the triggers in force: the built-in ones, tests and metrics, and those of the policy. It changes nothing.`,
			examples: []example{{"git evoseal-rollback trigger list", "list the triggers"}},
			new:      func() runner { return &triggerListOptions{} },
		},
		{
			name: "trigger set", args: "<name> <key>=<value>…", short: "make or change a trigger",
			long: `Makes a trigger, or changes one. The keys are those of a [trigger "<name>"] section, which docs/policy.md describes: type, enabled, dryRun, match, mustHaveData, minFailures, retries, threshold, absolute, command, timeout.

` + admin,
			examples: []example{
				{"git evoseal-rollback trigger set metrics threshold=8%", "change a built-in one"},
				{"git evoseal-rollback trigger set lint type=command command='make lint' dryRun=true", "try a command out: it reports, and decides nothing"},
				{"git evoseal-rollback trigger set tests enabled=false", "turn one off"},
			},
			least: 2, most: -1, completes: []string{"trigger"}, new: func() runner { return &triggerSetOptions{} },
		},
		{
			name: "trigger remove", args: "<name>", short: "remove a trigger from the policy",
			long: `Removes a trigger. A built-in one is as it was by default again: enabled=false turns it off.

` + admin,
			examples: []example{{"git evoseal-rollback trigger remove lint", "remove the trigger lint"}},
			least:    1, most: 1, completes: []string{"trigger"}, new: func() runner { return &triggerRemoveOptions{} },
		},
		{
			name: "token issue", short: "make a token, shown once",
			long: `Makes a token and prints it, once: only its hash is stored. The role says what it is good for: operator may roll back where the policy requires tokens, emergency may declare emergencies, admin may also change policy, triggers and tokens.

Issue an admin token first: from then on these changes take one. A token is read from --token-file or EVOSEAL_TOKEN, never from the command line, which every user of the machine can see.`,
			examples: []example{
				{"git evoseal-rollback token issue --role admin --label alice --out ~/.evoseal-admin", "make the first token"},
				{"git evoseal-rollback token issue --role operator --label ci --expires 90d --token-file ~/.evoseal-admin", "one for a pipeline"},
			},
			new: func() runner { return &tokenIssueOptions{} },
		},
		{
			name: "token list", short: "show which tokens there are",
			long:     `Shows id, role, label and state of each token, never the token. It changes nothing.`,
			examples: []example{{"git evoseal-rollback token list", "list the tokens"}},
			new:      func() runner { return &tokenListOptions{} },
		},
		{
			name: "token revoke", args: "<id>", short: "make a token useless",
			long: `Makes a token useless from now on. The last admin token that can be used is refused: issue another first.

` + admin,
			examples: []example{{"git evoseal-rollback token revoke 1f3a --reason 'laptop lost'", "revoke the token whose id begins so"}},
			least:    1, most: 1, new: func() runner { return &tokenRevokeOptions{} },
		},
	}
}

// historyCommands look at what was.
func historyCommands() []*command {
	return []*command{
		{
			name: "history", short: "show what was asked, decided and done",
			long: `Shows the records, newest first: when, who, which version and why, the directory that was asked for and the one that was used, what the safety rules said, and what came of it. Requests that failed, were refused or were denied have records too. The actor is the user of the system; the author of a checkpoint is who Git's configuration says.

Plain git shows the same: ` + "`git --git-dir=.evoseal/.git log --notes=evoseal/history v1`" + `.

It changes nothing, and no command erases a record.`,
			examples: []example{
				{"git evoseal-rollback history -n 3", "the newest three records"},
				{"git evoseal-rollback history --since 7d --outcome refused --json", "what was refused this week, for a program"},
			},
			new: func() runner { return &historyOptions{} },
		},
		{
			name: "history verify", short: "check that no record was changed or removed",
			long: `Follows the chain of the history's commits to its beginning, also through archives, and checks that each of them only added records. With --since-head it also checks that the chain contains a head that an earlier check printed: a history that was replaced as a whole doesn't.

It changes nothing. The exit code is 14 when the history was rewritten.`,
			examples: []example{{"git evoseal-rollback history verify --json", "check it, and print the head to keep elsewhere"}},
			new:      func() runner { return &historyVerifyOptions{} },
		},
		{
			name: "history archive", short: "begin the history anew, and keep the old one",
			long: `Begins the history anew. The old one is kept, whole, under refs/notes/evoseal-archive/, and the new one names it: an audit trail is never erased.

Once there is an admin token, it takes one.`,
			examples: []example{{"git evoseal-rollback history archive --reason 'end of 2026'", "put the year away"}},
			new:      func() runner { return &historyArchiveOptions{} },
		},
		{
			name: "stats", short: "sum up the history",
			long: `Sums up the records: outcomes, success rate, by action, trigger, actor and reason, durations, bytes, resources, and the time from a failed version to a completed rollback.

It changes nothing.`,
			examples: []example{
				{"git evoseal-rollback stats --since 30d", "the last thirty days"},
				{"git evoseal-rollback stats --format openmetrics > /var/lib/node_exporter/evoseal.prom", "for Prometheus"},
			},
			new: func() runner { return &statsOptions{} },
		},
	}
}
