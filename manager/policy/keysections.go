package policy

import (
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// mostLoss bounds relative losses: a metric may well get a hundred times worse.
const mostLoss = 1e6

func triggerKeys() []Key {
	kinds := []string{string(verdict.KindTests), string(verdict.KindMetrics), string(verdict.KindCommand), string(verdict.KindCustom)}
	tests, metrics, command, custom := kinds[:1], kinds[1:2], kinds[2:3], kinds[3]
	return []Key{
		{Name: "trigger.<name>.type", Kind: Choice, Choices: kinds,
			Help:   "What the trigger looks at: test results, metrics, what a command says, or what the embedding program says.",
			More:   "The triggers `tests` and `metrics` are there from the start; every other one needs a type.",
			assign: put(choice[verdict.Kind](kinds), func(p *Policy, n string) *verdict.Kind { return &p.trigger(n).Kind })},
		{Name: "trigger.<name>.enabled", Kind: Bool, Default: "true",
			Help:   "Look at the trigger at all.",
			assign: put(not, func(p *Policy, n string) *bool { return &p.trigger(n).Disabled })},
		{Name: "trigger.<name>.dryRun", Kind: Bool, Default: "false",
			Help:   "Report what the trigger says, and let it decide nothing.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, n string) *bool { return &p.trigger(n).DryRun })},
		{Name: "trigger.<name>.match", Kind: List, For: kinds[:2],
			Help:   "Look only at tests or metrics whose names match.",
			assign: add(parsePattern, func(p *Policy, n string) *[]string { return &p.trigger(n).Match })},
		{Name: "trigger.<name>.mustHaveData", Kind: Bool, Default: "false",
			Help:   "Make the verdict inconclusive where there is nothing for the trigger to look at.",
			assign: put(gitstore.ParseConfigBool, func(p *Policy, n string) *bool { return &p.trigger(n).MustHaveData })},
		{Name: "trigger.<name>.minFailures", Kind: Integer, Default: "1", Range: "1 to 1000000", For: tests,
			Help:   "How many tests must fail.",
			assign: put(integer(1, 1e6), func(p *Policy, n string) *int { return &p.trigger(n).MinFailures })},
		{Name: "trigger.<name>.retries", Kind: Integer, Default: "0", Range: "0 to 1000", For: tests,
			Help:   "How often a test may have failed before it passed, and still count as passed.",
			assign: put(integer(0, 1000), func(p *Policy, n string) *int { return &p.trigger(n).Retries })},
		{Name: "trigger.<name>.threshold", Kind: Fraction, Range: "0 to 1000000", For: metrics,
			Help:   "The loss of a metric, relative to the baseline, beyond which it has regressed.",
			More:   "Where neither it nor `absolute` is set, rollback.threshold holds.",
			assign: putPointer(fraction(0, mostLoss), func(p *Policy, n string) **float64 { return &p.trigger(n).Threshold })},
		{Name: "trigger.<name>.absolute", Kind: Number, Range: "from 0, in the metric's unit", For: metrics,
			Help:   "The loss of a metric beyond which it has regressed.",
			More:   "With a threshold as well, it must exceed both.",
			assign: putPointer(loss, func(p *Policy, n string) **float64 { return &p.trigger(n).Absolute })},
		{Name: "trigger.<name>.command", Kind: Text, For: command,
			Help:   "Run by /bin/sh in the project, with the report as JSON on its standard input.",
			More:   "Exit code 0 is a pass, 1 a fail, 2 inconclusive, anything else an error; the first line that it prints is the reason.",
			assign: put(parseText, func(p *Policy, n string) *string { return &p.trigger(n).Command })},
		{Name: "trigger.<name>.timeout", Kind: Duration, Default: "1m", Range: "1ms to 1d", For: []string{command[0], custom},
			Help:   "How long the command, or the embedding program, may take.",
			assign: put(duration(time.Millisecond, 24*time.Hour), func(p *Policy, n string) *time.Duration { return &p.trigger(n).Timeout })},
	}
}

// putMetric is put for metrics, which a map holds by value.
func putMetric[T any](parse func(string) (T, error), set func(*verdict.Metric, T)) func(*Policy, string, string) error {
	return func(p *Policy, name, value string) error {
		v, err := parse(value)
		if err == nil {
			m := p.Metrics[name]
			set(&m, v)
			p.Metrics[name] = m
		}
		return err
	}
}

func metricKeys() []Key {
	directions := []string{string(verdict.HigherIsBetter), string(verdict.LowerIsBetter)}
	return []Key{
		{Name: "metric.<name>.direction", Kind: Choice, Choices: directions,
			Help:   "Which values of the metric are good.",
			More:   "Usual names are known; a metric with another one needs this.",
			assign: putMetric(choice[verdict.Direction](directions), func(m *verdict.Metric, v verdict.Direction) { m.Direction = v })},
		{Name: "metric.<name>.threshold", Kind: Fraction, Range: "0 to 1000000",
			Help:   "Outranks the trigger's threshold for this metric.",
			assign: putMetric(fraction(0, mostLoss), func(m *verdict.Metric, v float64) { m.Threshold = &v })},
		{Name: "metric.<name>.absolute", Kind: Number, Range: "from 0, in the metric's unit",
			Help:   "Outranks the trigger's absolute for this metric.",
			assign: putMetric(loss, func(m *verdict.Metric, v float64) { m.Absolute = &v })},
		{Name: "metric.<name>.mustHaveData", Kind: Bool, Default: "false",
			Help:   "Make the verdict inconclusive where this metric is missing.",
			assign: putMetric(gitstore.ParseConfigBool, func(m *verdict.Metric, v bool) { m.MustHaveData = v })},
	}
}

func sinkKeys() []Key {
	exec, file, webhook := []string{string(event.Exec)}, []string{string(event.File)}, []string{string(event.Webhook)}
	kinds := []string{exec[0], file[0], webhook[0]}
	return []Key{
		{Name: "sink.<name>.type", Kind: Choice, Choices: kinds,
			Help:   "How events are handed over: to a program, as lines of a file, or posted.",
			More:   "Every sink needs one.",
			assign: put(choice[event.SinkKind](kinds), func(p *Policy, n string) *event.SinkKind { return &p.sink(n).Kind })},
		{Name: "sink.<name>.command", Kind: Text, For: exec,
			Help:   "Run by /bin/sh for each event, which is on its standard input.",
			assign: put(parseText, func(p *Policy, n string) *string { return &p.sink(n).Command })},
		{Name: "sink.<name>.path", Kind: Text, For: file,
			Help:   "The file to append to; a relative one starts from the project's top.",
			assign: put(parseText, func(p *Policy, n string) *string { return &p.sink(n).Path })},
		{Name: "sink.<name>.url", Kind: Text, Range: "http or https, without a user", For: webhook,
			Help:   "Where to post to.",
			assign: put(parseURL, func(p *Policy, n string) *string { return &p.sink(n).URL })},
		{Name: "sink.<name>.secretFile", Kind: Text, For: webhook,
			Help:   "A file whose content signs what is posted.",
			More:   "The secret itself is never in the policy. Not with `secretEnv`.",
			assign: put(parseText, func(p *Policy, n string) *string { return &p.sink(n).SecretFile })},
		{Name: "sink.<name>.secretEnv", Kind: Text, For: webhook,
			Help:   "A variable of the environment whose content signs what is posted.",
			More:   "Not with `secretFile`.",
			assign: put(parseText, func(p *Policy, n string) *string { return &p.sink(n).SecretEnv })},
		{Name: "sink.<name>.timeout", Kind: Duration, Range: "1ms to 1h",
			Help:   "How long one event may take, with all its attempts; events.timeout where it isn't set.",
			assign: put(duration(time.Millisecond, time.Hour), func(p *Policy, n string) *time.Duration { return &p.sink(n).Timeout })},
		{Name: "sink.<name>.retries", Kind: Integer, Default: "0", Range: "0 to 20", For: webhook,
			Help:   "How often to try again.",
			assign: put(integer(0, 20), func(p *Policy, n string) *int { return &p.sink(n).Retries })},
		{Name: "sink.<name>.events", Kind: List,
			Help:   "Only events whose type matches, such as rollback.* or dev.evoseal.rollback.failed.v1.",
			assign: add(parsePattern, func(p *Policy, n string) *[]string { return &p.sink(n).Types })},
	}
}
