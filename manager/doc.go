// Package manager is the engine as programs use it: it records a project's
// tree, says what a rollback would do, does it, and keeps the history of what
// was asked and what came of it.
//
// [New] finds the project that a directory lies in. [Manager.Checkpoint] records
// it and makes the store at first use:
//
//	m, err := manager.New(ctx, ".", manager.Options{})
//	defer m.Close()
//	_, err = m.Checkpoint(ctx, manager.CheckpointRequest{Version: "v1"})
//
// # Rolling back
//
// [Manager.Rollback] brings a checkpoint back, byte for byte, into a directory of
// its own, by default .evoseal/rollback_target, and never touches the live
// project. [Manager.Plan] makes all of its checks and changes nothing.
// [Manager.Undo] exchanges the target with the one before it.
//
// # History
//
// Every rollback leaves a [Record], whether it completed, failed or was
// refused: a Git note in the store that plain git can print. [Manager.History]
// reads them.
//
// # Errors
//
// Errors match the sentinels of the packages below with [errors.Is]:
// [gitstore.ErrNotFound], [gitstore.ErrBusy], [gitstore.ErrCorrupt],
// [gitstore.ErrPartial], [safety.ErrUnsafe], and the ones declared here.
//
// # Concurrency
//
// A Manager may be used by any number of goroutines, and any number of processes
// may work on one store at once: whoever changes the target waits for the
// others, and recording and reading wait for nobody.
package manager
