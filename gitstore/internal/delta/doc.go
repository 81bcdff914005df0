// Package delta makes and applies the deltas of Git's packs: an object as copies
// of parts of another one, its base, and what is new (gitformat-pack(5), section
// "Deltified representation").
//
// [NewIndex] takes a base apart once, and [Index.Encode] describes any number of
// targets by it; [Apply] makes a target again. An Index may be used by several
// goroutines.
//
// The base is cut into blocks, whose hashes go into a table; a window of the same
// size slides over the target with a hash that follows it (Karp and Rabin,
// "Efficient randomized pattern-matching algorithms", 1987), and where both agree,
// the match is extended to both sides. This is how rsync finds what two files have
// in common (Tridgell, "Efficient Algorithms for Sorting and Synchronization",
// 1999), with the roles of block and window as Git's own encoder has them.
package delta
