// Package policy reads and edits the rules that are in force: text in the syntax of
// git-config(1), of which [Parse] makes a [Policy].
//
//	p, err := policy.Parse(text)
//	text, err = policy.Set(text, "rollback.threshold", "8%")
//
// The text is the truth: a key that isn't set has its default, and there is no way
// back from a Policy to a text.
//
// # Keys
//
// [Keys] is the one table of all keys. Parsing, ranges, defaults, completion and
// the reference in docs/policy.md ([Reference]) are made from it, so that none can
// say something else than the others. [Find] takes short names.
//
// # Errors
//
// Nothing is guessed. A section or key that is unknown, a value that is of a wrong
// type or out of range, and a trigger or sink that lacks what it needs are errors
// that name the line, see [ParseError]; all that are found are joined.
//
// Readers of Git's syntax don't agree on everything: older gits make a space of a
// tab within a value where newer ones don't, and programs other than git know less
// of the syntax. A text is read in two ways here, by what all of them know and as git
// does, and where the two differ it is refused with the line, see [Parse].
//
// # Edits
//
// [Set], [Add], [Unset], [RemoveSection], [SetAll] and [SetTrigger] change single
// values and leave every other byte of the text as it is, comments among them. Each
// result was parsed again and differs in nothing else; where that can't be had there
// is an error and no text. [Changes] tells two texts apart for logs.
//
// [ImportEVOSEAL] takes over a policy of EVOSEAL's in JSON.
package policy
