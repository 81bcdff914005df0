// Package crash tests what is left when the real program is killed, cut off from
// power, or refused by the file system at any of its calls. It has tests only.
//
// The seam is the system call: package trace stops the program before its k-th call
// that changes files, for each k, and there kills it or makes the call fail. From the
// calls of one run, package disk works out what a file system may show after a
// power cut. What is left each time is judged from outside, by the program's own
// commands, by the git CLI, and by comparing trees.
//
// What others do at the same time is tried in two ways: plain git, and the program in
// a container, run while a command stands still before one of its calls; and many
// processes of all commands at once, which a ledger of what they were told is held
// against.
//
// `go test` looks at a part of the states, `make crash` at all of them, and
// `make soak` kills at random times for as long as it is told to, and
// `make soak-races` has 32 processes at once.
package crash
