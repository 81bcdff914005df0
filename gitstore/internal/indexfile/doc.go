// Package indexfile reads and writes Git's index file, as gitformat-index(5)
// describes it.
//
// [Decode] and [Encode] are for the index of a rollback target, which is ours.
// [ReadTracked] is for that of a project, in any version and form that git
// writes; it yields nothing but the paths.
package indexfile
