package verdict

// What rules are made of where they say nothing.
const (
	// DefaultThreshold is a relative loss, as a fraction.
	DefaultThreshold = 0.05
	// DefaultLevel is a family-wise error rate.
	DefaultLevel = 0.05
	// DefaultMinEffect is a Cliff's delta that is usually called medium.
	DefaultMinEffect = 0.33
	// DefaultMinSamples lets up to twelve metrics be told apart at the default
	// level when every sample is worse than every one of the baseline.
	DefaultMinSamples = 5
)

// Limits of what a verdict and the parsers take, so that one report can neither
// fill memory nor keep a processor busy for minutes.
const (
	// MaxMetrics and MaxTests bound the entries of one file.
	MaxMetrics = 2000
	MaxTests   = 100_000
	// MaxSamples bounds the samples of one metric.
	MaxSamples = 100_000
	// MaxName bounds the name of a test or metric in a file, in bytes.
	MaxName = 1024
	// MaxListed is how many names a finding or a warning lists; counts are exact.
	MaxListed = 50
)

// DefaultTriggers are the triggers that are in force where a policy sets none:
// "tests" fails at the first failed test, "metrics" compares all metrics. The
// caller owns the result.
func DefaultTriggers() []Trigger {
	return []Trigger{
		{Name: "tests", Kind: KindTests},
		{Name: "metrics", Kind: KindMetrics},
	}
}

// DefaultRules are rules with every value at its default and [DefaultTriggers].
// The caller owns the result.
func DefaultRules() Rules {
	return Rules{
		Threshold:  DefaultThreshold,
		Level:      DefaultLevel,
		MinEffect:  DefaultMinEffect,
		MinSamples: DefaultMinSamples,
		Triggers:   DefaultTriggers(),
	}
}
