// Package gitstore keeps a project's checkpoints in a Git repository of their
// own, by default .evoseal/.git in the project, that any git can read.
//
// # Finding and opening
//
// [FindProject] finds the project that a directory lies in, [Init] makes its
// store, [Open] opens one:
//
//	p, err := gitstore.FindProject(".")
//	s, err := gitstore.Init(ctx, p, gitstore.Options{})
//	defer s.Close()
//
// # Recording
//
// [Store.Record] records the project's files as the bytes that they are on disk:
// no filter, hook or other program runs, whatever Git's configuration says.
// Unchanged files are known by their stat data and not opened; new content is
// hashed and deflated in parallel into one pack. A [Checkpoint] is a commit
// named by an annotated tag, with trailers in its message; what a tree can't
// hold (other permission bits, empty directories) is a [Meta] note.
//
// # Reading back
//
// [Store.Checkpoints] lists, [Store.Resolve] finds one by version, commit or
// ancestry, [Store.Diff] compares two or one with the live project,
// [Store.VerifyStore] reads everything. [Store.Materialise] writes a checkpoint into
// an empty directory through that directory's handle, hashing every byte, and
// [Store.LinkSlot] makes the directory a linked worktree of the store.
// [Store.WriteBranch] carries a checkpoint into the project's own repository.
//
// # Notes
//
// [Store.AppendNote] and [Store.NoteLines] keep records beside the objects that
// they are about, as git-notes(1) does, without losing any between two writers.
//
// # Durability and locks
//
// Objects are durable before the ref that names them; refs change in git's own
// lock protocol. A crash at any point leaves the store as it was or with the new
// checkpoint whole, and leftovers that the next call, or [Store.Sweep], removes.
// A `git gc --prune=now` may run at the same time. [Store.RepairRefs] goes back to
// the newest readable value of a ref that a crash or a bad disk harmed.
package gitstore
