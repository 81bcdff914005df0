// Package crash tests what is left when the real program is killed, cut off from
// power, or refused by the file system at any of its calls. It has tests only.
//
// The seam is the system call: package trace stops the program before its k-th call
// that changes files, for each k, and there kills it or makes the call fail. From the
// calls of one run, package disk works out what a file system may show after a
// power cut. What is left each time is judged from outside, by the program's own
// commands, by the git CLI, and by comparing trees.
//
// `go test` looks at a part of the states, `make crash` at all of them, and
// `make soak-kill` kills at random times for as long as it is told to.
package crash
