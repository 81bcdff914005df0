// Package report reads what test runners and benchmarks write, and makes a
// [verdict.Report] of it that [verdict.Judge] can weigh.
//
//	since := time.Now()
//	// … run the tests …
//	rep, err := report.Read(ctx, dir,
//		[]report.Source{{Path: "build/**/TEST-*.xml"}},
//		[]report.Source{{Format: report.GoBench, Path: "bench.txt"}},
//		since, nil, report.Limits{})
//
// # Nothing broken passes
//
// A report is made by the very program whose quality is in question, so it may
// end in the middle, be older than the run, be empty, or be made to mislead.
// Whatever keeps a report from being trusted becomes a line of
// [verdict.Report.Problems], which makes the verdict an error and never a pass.
// What was read before the trouble is kept: a test that failed is a failure even
// where the rest of its file is lost. Go errors are left for what the caller did
// wrong, such as a format that doesn't exist.
//
// [ReadTests] and [ReadMetrics] read one stream. [Read] finds files, tells their
// formats apart ([Detect]), refuses stale ones, and puts them together.
//
// # Memory and time
//
// Every format is read as a stream, in time proportional to its length. Memory
// depends on the tests and metrics that are kept, which [Limits] bound, and never
// on the length of a file: long texts are cut short before a parser sees them.
//
// # Tests
//
// A test is named after its suite and class, as "suite/class.name", "package.Test"
// or "parent/child", in the same way at every run. A name that occurs again gets
// "#2", "#3" and so on in the order of the file. Names longer than
// [verdict.MaxName] bytes keep their beginning and end in a checksum of the rest.
//
// The formats differ in what they can tell of retries; see docs/reports.md for
// what counts as what.
package report
