package verdict

import "time"

// Outcome is what was found of a version, or of one part of it.
type Outcome string

// The outcomes. Whoever treats Inconclusive or Error as Pass defeats the
// purpose: neither says that a version is good.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	// Inconclusive says that there is too little to decide by.
	Inconclusive Outcome = "inconclusive"
	// Error says that what there is can't be judged: a report that is broken, a
	// rule that is missing.
	Error Outcome = "error"
)

// Report is what tests and measurements said of a version.
type Report struct {
	Tests []Test `json:"tests,omitempty"`
	// Metrics are by name; one value, or samples of the same thing.
	Metrics map[string]Samples `json:"metrics,omitempty"`
	// Checks are what commands and programs said.
	Checks []Check `json:"checks,omitempty"`
	// Problems say why the report can't be trusted, such as a file that ends in
	// the middle. Any problem makes the verdict [Error].
	Problems []string `json:"problems,omitempty"`
}

// Samples are measurements of one metric. Their JSON form is a number or an
// array of numbers.
type Samples []float64

// Status is how a test ended.
type Status string

// The statuses. Errored tests, such as ones that could not be built, count as
// failed.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
	Errored Status = "error"
)

// Test is one test's result.
type Test struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Retries is how often it was run again after it failed; Status is that of
	// the last run.
	Retries int           `json:"retries,omitempty"`
	Took    time.Duration `json:"took_ns,omitempty"`
	Message string        `json:"message,omitempty"`
}

// Check is what a trigger of [KindCommand] or [KindCustom] said.
type Check struct {
	Trigger string  `json:"trigger"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
}

// Baseline is the version to compare with: the last that was verified good.
type Baseline struct {
	Version string             `json:"version"`
	Commit  string             `json:"commit"`
	Metrics map[string]Samples `json:"metrics,omitempty"`
}

// Input is all that a verdict depends on.
type Input struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Report  Report `json:"report"`
	// Baseline is nil when no version was verified good yet.
	Baseline *Baseline `json:"baseline,omitempty"`
	Rules    Rules     `json:"rules"`
	// Policy is the commit of the policy that Rules are from.
	Policy string `json:"policy,omitempty"`
}
