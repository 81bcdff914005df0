// Package gitstoretest builds projects to test against, and judges what was made
// of them by means that share no code with the engine: the git command line and
// plain reads of the file system. It serves the tests of every package here and,
// like net/http/httptest, is of no use outside tests.
//
// # Building
//
// A fixture is a dated text script in testdata/repos, whose README.md describes
// the language. [Build] runs one in a temporary directory, in an environment
// that knows nothing of the machine's Git configuration:
//
//	p := gitstoretest.Build(t, "symlinks")
//	m, err := manager.New(ctx, p.Dir, manager.Options{})
//
// The script also says what must come out, whatever is tested: [Project.GoldenHead]
// is the commit that the script checked out, [Project.GoldenTree] the tree that a
// checkpoint has.
//
// # Judging
//
// [ExpectedTree] computes that tree from git's own list of files and git's own
// object plumbing. [Project.Snapshot] is a fingerprint of everything that lies
// there, for proving that nothing of it was touched; [DiffTrees] compares two
// directories; [Git] runs git without letting the project's configuration run
// programs.
//
// Build and [Isolate] set environment variables, so tests that use them can't
// run in parallel.
package gitstoretest
