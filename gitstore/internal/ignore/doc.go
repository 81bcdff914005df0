// Package ignore answers which names of a directory Git would ignore, by the
// rules of gitignore(5), byte for byte as git's own dir.c and wildmatch.c do.
//
// A [Matcher] holds the rules in force inside one directory. A walk starts with
// [New] for the top, calls [Matcher.WithFile] with the directory's own
// .gitignore, asks [Matcher.Ignored] about each entry and goes down with
// [Matcher.Enter]:
//
//	m := ignore.New(ignore.Options{Exclude: exclude, Global: global})
//	m = m.WithFile(topIgnore)
//	m.Ignored("build", true)
//	sub := m.Enter("src").WithFile(srcIgnore)
//
// Matchers are immutable and safe for concurrent use; a parent's serves all of
// its children at once.
//
// # What the walker owes
//
// Git lets no rule bring back what lies below an ignored directory. The matcher
// doesn't remember that: a walker must not Enter a directory that is ignored,
// or else must know by itself that all below it is ignored. Likewise the caller
// decides what a directory is (a symbolic link is none) and that a tracked path
// is never ignored.
//
// # How it is fast
//
// Most patterns are a plain name, "*.ext" or "name*": those are looked up, not
// tried one by one. Patterns with a slash hang in a tree of the directories that
// they name, so [Matcher.Enter] forgets those that can't match further down and,
// once none is left, returns its receiver. What remains runs as a
// nondeterministic automaton (Thompson, "Regular Expression Search Algorithm",
// CACM 1968), in time bounded by the product of pattern and path length whatever
// the pattern; git's own backtracking isn't.
package ignore
