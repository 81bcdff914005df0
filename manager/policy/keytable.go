package policy

import (
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
)

func rollbackKeys() []Key {
	roles := []string{string(auth.Operator), string(auth.Admin)}
	return []Key{
		{Name: "rollback.autoRollback", Kind: Bool, Default: "true",
			Help:   "Roll back without being asked when a verdict is fail.",
			More:   "When false, `auto` and `guard` still reach verdicts and keep them, and do nothing more.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, _ string) *bool { return &p.AutoRollback })},
		{Name: "rollback.threshold", Kind: Fraction, Default: "0.05", Range: "0 to 1",
			Help:   "The loss of a metric, relative to the baseline, beyond which it has regressed.",
			More:   "It holds where neither the trigger nor the metric has a threshold of its own.",
			assign: put(fraction(0, 1), func(p *Policy, _ string) *float64 { return &p.Threshold })},
		{Name: "rollback.maxAttempts", Kind: Integer, Default: "3", Range: "1 to 1000",
			Help: "How many rollbacks may be tried within rollback.attemptWindow.",
			More: "A cascade counts as one, and is itself bounded to as many steps. Left at its default it is there to stop loops and limits automatic rollbacks only; " +
				"set in the text, it limits people's as well. `--force` overrides it, and an emergency isn't limited.",
			assign: put(integer(1, 1000), func(p *Policy, _ string) *int { return &p.MaxAttempts })},
		{Name: "rollback.attemptWindow", Kind: Duration, Default: "24h", Range: "1s to 3650d",
			Help:   "The time over which attempts are counted.",
			assign: put(duration(time.Second, maxDuration), func(p *Policy, _ string) *time.Duration { return &p.AttemptWindow })},
		{Name: "rollback.requireAuth", Kind: Bool, Default: "false",
			Help:   "Require a token with the role operator or admin for rollback, undo, cascade, auto and mark.",
			More:   "Changing the policy needs an admin token once there is one, and an emergency always needs a token of its own, whatever this says.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, _ string) *bool { return &p.RequireAuth })},
		{Name: "rollback.forceRole", Kind: Choice, Default: roles[1], Choices: roles,
			Help:   "The role that --force takes where tokens are required.",
			assign: put(choice[auth.Role](roles), func(p *Policy, _ string) *auth.Role { return &p.ForceRole })},
		{Name: "rollback.cascade", Kind: Bool, Default: "true",
			Help:   "Allow cascading rollbacks.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, _ string) *bool { return &p.Cascade })},
		{Name: "rollback.recovery", Kind: Bool, Default: "true",
			Help:   "Let an automatic rollback that fails go on with ancestors and other good versions.",
			More:   "A rollback that a person asks for never brings back another version.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, _ string) *bool { return &p.Recovery })},
		{Name: "rollback.keepPrevious", Kind: Bool, Default: "true",
			Help:   "Keep what the target held before, for undo.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, _ string) *bool { return &p.KeepPrevious })},
		{Name: "rollback.oldAfter", Kind: Duration, Default: "30d", Range: "0s to 3650d",
			Help:   "Warn of a checkpoint that is older than this.",
			More:   "0s never warns.",
			assign: put(duration(0, maxDuration), func(p *Policy, _ string) *time.Duration { return &p.OldAfter })},
		{Name: "target.gitFile", Kind: Bool, Default: "true",
			Help:   "Let the target have the .git file by which git sees it as a work tree of the store.",
			More:   "Some build tools mind one.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, _ string) *bool { return &p.GitFile })},
		{Name: "target.maxGiB", Kind: Integer, Default: "64", Range: "1 to 1000000",
			Help:   "The size of a rollback, in GiB, beyond which it is asked about: it stops, and `--force` goes on.",
			More:   "A small store can hold very big files of little content. A checkpoint that turns out bigger than it says is never brought back.",
			assign: put(integer(1, 1000000), func(p *Policy, _ string) *int { return &p.MaxGiB })},
	}
}

func verdictKeys() []Key {
	return []Key{
		{Name: "verdict.level", Kind: Fraction, Default: "0.05", Range: "0.0001 to 0.5",
			Help:   "How often, in comparisons of samples of the same thing, any metric of a report may be taken for regressed by chance.",
			assign: put(fraction(0.0001, 0.5), func(p *Policy, _ string) *float64 { return &p.Level })},
		{Name: "verdict.minEffect", Kind: Fraction, Default: "0.33", Range: "0 to 1",
			Help:   "The smallest effect that counts in a comparison of samples, as Cliff's delta.",
			More:   "0 is no difference, 1 that every sample is worse than every one of the baseline.",
			assign: put(fraction(0, 1), func(p *Policy, _ string) *float64 { return &p.MinEffect })},
		{Name: "verdict.minSamples", Kind: Integer, Default: "5", Range: "2 to 100000",
			Help:   "The fewest samples, on each side, that a rank test is asked about.",
			assign: put(integer(2, 100000), func(p *Policy, _ string) *int { return &p.MinSamples })},
	}
}

func eventKeys() []Key {
	return []Key{
		{Name: "events.timeout", Kind: Duration, Default: "5s", Range: "1ms to 1h",
			Help:   "How long a sink may take for one event, where it sets no bound of its own.",
			assign: put(duration(time.Millisecond, time.Hour), func(p *Policy, _ string) *time.Duration { return &p.EventTimeout })},
	}
}
