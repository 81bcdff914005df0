// Package safety decides where a rollback may write, and makes sure that it
// writes nowhere else.
//
// # Choosing a target
//
// A [Guard] knows one project and its store. [Guard.Choose] applies the named
// rules (see [Rule]) to a directory that somebody asked for:
//
//	guard, err := safety.NewGuard(safety.Options{Project: top, Store: store, Owned: owned})
//	decision, err := guard.Choose(safety.Request{Path: "out"})
//	defer decision.Target.Close()
//
// A directory that a person typed is refused with an [*UnsafeError]. One that
// comes from configuration makes the guard fall back to
// [Guard.DefaultTarget] instead, and the [Decision] keeps the refusal, so that
// the caller can warn.
//
// # Filling it
//
// A [Target] is held by a handle on its parent directory, taken while the
// rules were applied. No path is resolved again afterwards: a directory that
// is swapped for a symbolic link between check and write can't lead a write
// elsewhere. [Target.Pending] makes a staging directory beside the target,
// [Pending.Commit] puts it in the target's place in one atomic step, and
// [Pending.Cleanup], which does nothing after that, throws it away:
//
//	pending, err := decision.Target.Pending()
//	defer pending.Cleanup()
//	// … write below pending.Dir() or pending.Root() …
//	err = pending.Commit(safety.CommitOptions{KeepPrevious: true})
//
// What was there before is then "<target>.previous", and
// [Target.SwapPrevious] exchanges the two.
//
// # What lies beside a target
//
// For a target "out" the engine may make these names in the same directory:
//
//	out.previous          the tree that was replaced last
//	.out.pending-<hex>    a staging directory, or a tree on its way to out.previous
//	.out.trash-<hex>      an older previous tree that is being removed
//	.out.aside-<hex>      the target itself, for an instant, where the file
//	                      system can't exchange two names
//	.out.swap             the recovery marker of an exchange under way
//
// A run that is killed may leave any but the first of them. [Target.Sweep],
// called at the next start, finishes or undoes an exchange and removes the
// rest: the target is then either the old tree or the new one.
//
// # Names inside a tree
//
// [CheckEntry] refuses the names that no tree may hold, "..", ".git" and its
// disguises among them, before anything is joined or created.
//
// # Limits
//
// The package runs on Linux and macOS. It defends against mistakes, hostile
// trees, and other users; a process of the same user that holds the same
// rights can always undo what it does. Targets strictly below /dev/shm are
// allowed on Linux when that is a tmpfs mount, although /dev is a system
// directory: people use it for temporary trees.
package safety
