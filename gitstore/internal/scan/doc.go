// Package scan reads a project's tree: it walks it in parallel by directory
// handles, asks the stat cache which files need not be opened, hands the others
// to the object database, and builds Git's trees from the leaves up.
//
// [Walk] does the first half and returns a [Tree] in memory, with every file's
// name in the database, and with a list of the paths that could not be read.
// [Tree.Build] does the second.
//
// The live project is only ever read: files are opened without following
// symbolic links, without waiting on what turns out to be a pipe, and without
// touching access times where the system lets us.
package scan
