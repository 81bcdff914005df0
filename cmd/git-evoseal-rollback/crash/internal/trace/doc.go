// Package trace runs a program under ptrace(2) and shows its caller each system
// call that changes files below a directory, before and after it is made.
//
// The caller may let a call pass, kill the program in its place, or have it fail
// with an error of choice: the program is the one that ships, and the kernel is the
// seam. Calls are shown one after another: while one thread is inside such a call,
// the others wait before theirs, so the order seen is the order in which the file
// system changed.
//
// It runs on Linux, on amd64 and arm64.
package trace
