// Package hooks is what the hooks of a Git repository do when git runs them:
// record what is committed or pushed, try it, and stop what fails.
//
// [Run] is the whole of it. The subpackage install puts the hooks in their place.
//
//	pre-push       records the commits that are pushed, tries each, and stops the push
//	               when one fails
//	pre-commit     records the work tree, tries it, and stops the commit
//	post-commit,
//	post-merge,
//	post-rewrite   record the work tree
//	pre-receive    on a server: records the commits that come in, tries each in a
//	               directory of its own, and refuses the push when one fails
//	post-receive   on a server: brings the branch that is deployed into the target, or
//	               rolls it back
//
// What is tried, and how, is configured in the repository; see [Settings]. Without
// a command, versions are recorded and nothing is tried.
//
// EVOSEAL_SKIP=1 in the environment makes every hook do nothing but leave a record
// of that.
package hooks
