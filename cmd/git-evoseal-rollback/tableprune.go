package main

// pruneCommands let checkpoints go, and bring them back.
func pruneCommands() []*command {
	const token = "Where the policy requires tokens, and once there is an admin token, it takes one of an operator or an admin."
	return []*command{
		{
			name: "prune", short: "let checkpoints go that no rule keeps",
			long: `Takes the checkpoints out of the list that none of the policy's retention rules keeps, and drops those for good that were pruned longer than retention.grace ago. Until then ` + "`prune restore`" + ` brings them back. Without any rule nothing ever goes. A flag is in the place of the policy's key for this one time; the other keys hold.

Whatever the rules say, these stay: the newest checkpoint, the last one verified good, what targets hold, what the newest is compared with, what an emergency would bring back, the versions of open incidents and broken-off cascades, and what running processes work with. docs/retention.md explains the rules, and when room is freed.

It never touches the live project and no target. A run by which anything goes is recorded. ` + token,
			examples: []example{
				{"git evoseal-rollback prune --dry-run", "what would go, what would stay, and why"},
				{"git evoseal-rollback prune --keep-last 10 --keep-daily 14 --keep-tagged 'release-*'", "other rules for this one time"},
			},
			new: func() runner { return &pruneOptions{} },
		},
		{
			name: "prune list", short: "list pruned checkpoints that can be brought back",
			long: `Lists the checkpoints that were pruned and can be brought back, the last pruned first, and until when.

It changes nothing.`,
			examples: []example{{"git evoseal-rollback prune list", "what can be brought back"}},
			new:      func() runner { return &pruneListOptions{} },
		},
		{
			name: "prune restore", args: "<version>…", short: "bring pruned checkpoints back",
			long: `Brings pruned checkpoints back under their names, all that are named or none. Of two with the same name it takes the one pruned last; the whole id of a commit names one exactly.

` + token + ` It is recorded.`,
			examples: []example{{"git evoseal-rollback prune restore v1", "have v1 back"}},
			least:    1, most: -1, new: func() runner { return &pruneRestoreOptions{} },
		},
	}
}
