// Package installer puts the engine's hooks into a Git repository beside those that
// are there, and takes them out again.
//
//	repo, err := installer.Open(".")
//	changes, err := repo.Install([]string{"pre-push"}, installer.Options{})
//
// # What is there before
//
// A hook of somebody else's is kept beside ours, as <hook>.evoseal-kept, the very
// same file, and ours runs it first, with its arguments and all that git writes to
// it. Where it stops git, ours isn't run and its exit code counts; of hooks that
// come after the fact both run, and the code is the other's. Uninstalling puts it
// back in one step.
//
// Each step leaves the hooks in a state in which every one of them runs once: a
// process that dies in between has installed a hook or hasn't, and the next run
// goes on from there.
//
// # Where it doesn't write
//
// Husky, lefthook and whoever else sets core.hooksPath keep the hooks themselves,
// and would put theirs back or carry ours to other people's copies. Installing
// then is refused with a [ManagedError], which has the lines to add and where.
package installer
