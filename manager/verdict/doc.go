// Package verdict judges a version by what tests, measurements and programs
// said of it, and says why.
//
// [Judge] is a pure function: it reads no clock, no file and no network, and the
// same [Input] gives the same [Verdict], byte for byte. It never panics, whatever
// it is given. That is what makes a verdict evidence: the [Entry] that is kept in
// a Git note holds the whole input, and [Replay] reaches the verdict again.
//
//	in := verdict.Input{Version: "v2", Report: report, Baseline: base, Rules: verdict.DefaultRules()}
//	v := verdict.Judge(in)
//	if v.Outcome == verdict.Fail {
//		fmt.Println(v.Reason)
//	}
//
// # Outcomes
//
// There are four. [Fail] says that something was shown to be worse. [Pass] says
// that something was looked at and nothing was shown to be worse. [Inconclusive]
// and [Error] say neither: there was too little to decide by, or what there was
// can't be judged. In that order of precedence: fail, error, inconclusive where
// a part was required, pass where a trigger had data, inconclusive.
//
// # Triggers
//
// A [Trigger] is one reason to fail a version. [KindTests] counts failed tests.
// [KindMetrics] compares each metric with the [Baseline], the last version that
// was verified good. [KindCommand] and [KindCustom] take what a program said, a
// [Check]. Triggers with DryRun set report and decide nothing, and change nothing
// about what others decide.
//
// # Metrics
//
// Which values are good follows from the metric's rules or its usual name
// ([DirectionOf]); an unknown one is an error that says how to mend it. Single
// values are compared with thresholds. Samples fail only where three things
// agree: a rank test, corrected over all metrics of the report; an effect size;
// and a loss of the median beyond the threshold.
//
// # Reading reports
//
// [ParseMetrics] and [ParseTests] read the JSON forms, strictly and within
// limits.
//
// # Notes
//
// [DecodeEntries] reads a note that people may have written into as well, and
// [Latest] folds its entries into a version's [Standing].
package verdict
