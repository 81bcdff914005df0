// Package install puts the engine's hooks into a Git repository beside those that
// are there, and takes them out again. It runs no program, Git included.
//
//	repo, err := install.Open(".")
//	result, err := repo.Install(ctx, install.InstallRequest{Program: exe})
//	states, err := repo.Status(ctx)
//	result, err = repo.Uninstall(ctx, install.UninstallRequest{})
//
// # What lies in the hooks directory
//
// A hook of ours is a short POSIX shell script that runs
// "git-evoseal-rollback hooks run <hook> [args…]". A hook that was there before is
// foreign: it is kept beside ours as <hook>[KeptSuffix], the very same file, and the
// script runs it first, with the same arguments, input, environment and directory.
// When it fails, Git sees its exit code; ours then runs only after hooks that can
// stop nothing. Both get the whole input.
//
// A script tells by itself whether it is as we made it: its fourth line has the
// checksum of the others. One that was edited since is [Altered], and neither
// replaced nor removed.
//
// # Crashes
//
// A foreign hook gets a second name before ours takes the first one, in one rename;
// taking ours out is one rename as well, or one removal. So at every moment Git
// finds the old hook or the new one, and the foreign hook is never without a name.
// What a crash leaves is at most a second name ([Interrupted]) or a temporary file,
// both of which the next Install or Uninstall clears away.
//
// # Hook managers
//
// Where core.hooksPath or a hook manager decides what runs, nothing is written:
// a [*ManagedError] holds the lines to add, and to which file; once they are there
// the hook counts as installed ([Through]). pre-commit is the exception: it runs
// <hook>.legacy before its own checks, so a hook of ours goes there. It is also what
// pre-commit makes of our hook when it is installed after us.
//
// # Hooks from the configuration
//
// Git 2.54 and later run hooks that the configuration names, whatever the hooks
// directory holds. [InstallRequest].Config asks for those. An older Git passes over
// them without a word, so only a caller that knows Git's version may ask.
package install
