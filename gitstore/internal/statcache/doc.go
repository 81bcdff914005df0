// Package statcache remembers what each file of a project hashed to when its
// stat data were last seen, so that an unchanged file need not be opened.
//
// The cache has the shape of the tree: a directory's record lists its entries
// sorted by name, and the entry of a sub-directory says where its record lies.
// A walk of the project goes down both side by side. The file is mapped, not
// decoded, and every record carries a checksum that is verified when it is
// first used; a damaged record reads as an empty one.
//
// An entry is trusted only when size, mtime, ctime and inode are the same and
// it was not racy: a file written in the same clock tick as, or after, the
// moment the walk began could change again without its stat data showing it
// (git's Documentation/technical/racy-git.txt). Such entries are stored, and
// never trusted.
//
// Losing the cache loses time, nothing else.
package statcache
