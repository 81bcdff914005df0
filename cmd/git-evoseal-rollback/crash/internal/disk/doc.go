// Package disk works out what a file system may show after a power cut.
//
// [Log] takes the calls of one run, in order, on top of the directory as it was
// before. [Log.Cut] then makes the directory again as a file system may show it when
// power goes after a number of them: what was synced before is there, and of the rest
// some is lost, as [Choice] says.
//
// # What file systems are taken to do
//
// Under both models: fsync and fdatasync of a file make its content, length and mode
// durable. syncfs makes everything before it durable. A rename within one directory
// is atomic: afterwards there is all of it or none, and no name leads to a file that
// isn't the one or the other. What is durable stays.
//
// [Strict] is what POSIX promises and no more: the names in a directory are durable
// when that directory was synced; of those changed since, any may be kept and any
// lost, one by one, whatever their order was, and a rename from one directory into
// another is two changes. Content that wasn't synced may be what was synced last,
// nothing, zeros of the full length, or a mix by blocks.
//
// [Journal] is what ext4 (ordered or writeback, with delayed allocation) and xfs do:
// changes of names are durable in order, up to some point, and any fsync makes all
// changes of names before it durable. Content that wasn't synced may be lost as above.
package disk
