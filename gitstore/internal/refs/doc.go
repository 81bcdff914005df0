// Package refs reads and writes the refs of a Git repository, loose and packed,
// in git's own protocol: whoever holds <ref>.lock may change the ref, so the git
// command line and this package exclude each other, and the new value is durable
// before it takes the ref's name.
//
// [DB.Update] is a compare-and-swap. [DB.Lock] holds a ref for longer, for a
// value that is made from the current one. Reading takes no lock.
//
// # Stale locks
//
// A process that is killed leaves its lock file behind, and nothing in git's
// protocol says whose it was. With [Options.JournalDir] set, locks are taken while
// holding a flock(2) on a journal, which the kernel drops at the end of a
// process. The journal names the lock before the lock exists, and keeps a second
// name of the lock's file, so that its inode can't be used again. Whoever gets the
// journal next and finds that the lock is that very file knows that its owner is
// dead, in whatever container or on whatever host it ran, and removes it. A lock
// of git's, or of a living process, never matches.
package refs
