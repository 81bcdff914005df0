// Package gitindex reads and writes Git's index file, as gitformat-index(5)
// describes it.
//
// Three readers serve three needs. [Decode] returns every entry with its stat data
// and flags, for an index that is ours; [Stream] does so while it is read, for whoever
// goes on with the first entries at once. [ReadTracked] returns only the paths of
// any repository's index as a compact [PathSet], which answers whether a path, or
// something below it, is tracked; it understands split and sparse indexes and
// SHA-256 as well.
//
// [Encode] writes an index with which plain git finds a work tree clean without
// reading its files, given right stat data. With the work tree's directories as
// [TreeNode] values it adds the cache of tree names that lets git compare with
// HEAD at once.
//
// Input may be hostile: what is malformed is an [ErrCorrupt], what is well formed
// but beyond this package an [ErrUnsupported], and memory stays in proportion to
// the size of the input.
package gitindex
