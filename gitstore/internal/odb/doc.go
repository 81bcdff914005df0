// Package odb is an object database: Git's loose objects and packs, read by
// many goroutines at once and written durably.
//
// [Open] gives a [DB] over an objects directory (and its alternates). [DB.Read]
// and [DB.Stream] return an object only after its bytes hashed to its name, so a
// flipped bit is an [ErrCorrupt], never data.
//
// A set of new objects goes into one pack: [DB.NewPack] opens it, every worker
// takes a [Lane] of its own to hash and deflate in parallel, and
// [PackWriter.Finish] makes pack and index durable before it publishes them.
// Until then nothing is visible; [PackWriter.Abort] and a later [DB.Sweep] leave
// nothing behind. A handful of small objects is cheaper loose: [DB.WriteLoose].
//
// Formats: gitformat-pack(5) for packs and version 2 indexes. Object names are
// SHA-1 with collision detection (Stevens, "Counter-cryptanalysis", CRYPTO
// 2013, as in go-git's hash package): content that shows a collision attack is
// refused with [ErrCollision].
package odb
