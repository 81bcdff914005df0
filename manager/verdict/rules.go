package verdict

import "time"

// Rules are what a verdict is reached by. They are plain data: a verdict's
// evidence holds them as they were, so that it can be reached again.
type Rules struct {
	// Threshold is the relative loss, as a fraction of the baseline's value, from
	// which a metric has regressed, where its trigger and its own rules say
	// nothing else.
	Threshold float64 `json:"threshold"`
	// Level bounds how often, in comparisons of samples of the same thing, any
	// metric of a report is taken for regressed: the family-wise error rate. It
	// lies between 0 and 1; zero is [DefaultLevel].
	Level float64 `json:"level"`
	// MinEffect is the smallest effect that counts, as Cliff's delta: 0 is no
	// difference, 1 that every sample is worse than every one of the baseline.
	MinEffect float64 `json:"min_effect"`
	// MinSamples is the smallest number of samples, on each side, that a rank
	// test is asked about; zero is [DefaultMinSamples], and two the least.
	MinSamples int `json:"min_samples"`
	// Triggers are looked at in this order.
	Triggers []Trigger `json:"triggers"`
	// Metrics has what is known of single metrics, by name.
	Metrics map[string]Metric `json:"metrics,omitempty"`
}

// Kind is what a trigger looks at.
type Kind string

// The kinds of triggers.
const (
	KindTests   Kind = "tests"
	KindMetrics Kind = "metrics"
	// KindCommand triggers run a program, KindCustom ones call back into the
	// program that embeds the engine. What either says is a [Check] of the report.
	KindCommand Kind = "command"
	KindCustom  Kind = "custom"
)

// Trigger is one reason for which a version fails.
type Trigger struct {
	Name string `json:"name"`
	Kind Kind   `json:"type"`
	// Disabled triggers aren't looked at; DryRun ones report and decide nothing.
	Disabled bool `json:"disabled,omitempty"`
	DryRun   bool `json:"dry_run,omitempty"`
	// Match limits a trigger to tests or metrics whose names match one of these
	// patterns, in which * stands for any text; empty is all.
	Match []string `json:"match,omitempty"`
	// MustHaveData makes a verdict inconclusive when there is nothing for the
	// trigger to look at.
	MustHaveData bool `json:"must_have_data,omitempty"`

	// MinFailures is how many tests must fail; zero is one.
	MinFailures int `json:"min_failures,omitempty"`
	// Retries is how often a failed test may have been run again to count as
	// passed when it passed at last; zero lets any failure count.
	Retries int `json:"retries,omitempty"`

	// Threshold and Absolute bound the loss of a metric, relative to the
	// baseline's value and in the metric's unit; nil is not set. When both are
	// set, a metric has regressed where it exceeds both. From a baseline of zero,
	// where no loss is a fraction, Absolute decides alone.
	Threshold *float64 `json:"threshold,omitempty"`
	Absolute  *float64 `json:"absolute,omitempty"`

	// Command is run by the shell; Timeout bounds it.
	Command string        `json:"command,omitempty"`
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Direction says which values of a metric are good.
type Direction string

// The directions.
const (
	HigherIsBetter Direction = "higher"
	LowerIsBetter  Direction = "lower"
)

// Metric is what is known of one metric. Each threshold that it sets outranks the
// trigger's; where neither sets any, [Rules] have one.
type Metric struct {
	// Direction is empty where it follows from the metric's usual name.
	Direction    Direction `json:"direction,omitempty"`
	Threshold    *float64  `json:"threshold,omitempty"`
	Absolute     *float64  `json:"absolute,omitempty"`
	MustHaveData bool      `json:"must_have_data,omitempty"`
}
