package gitstore

// storeConfig makes plain git agree with us whatever the user's own
// configuration says: nothing is converted, nothing is run, nothing is thrown
// away behind our back, and what git writes is durable too. The logs of refs tell which
// refs are lost, and what they were, so git is to leave them alone; our own gc shortens
// them.
//
// The fsck entries are for what a project may hold and git's checker frowns on
// in a repository that is to be checked out elsewhere: a .gitmodules that is
// broken, or that is a symbolic link. Here it is a file like any other.
const storeConfig = `[core]
	repositoryformatversion = 0
	bare = true
	filemode = true
	symlinks = true
	ignorecase = false
	precomposeunicode = false
	autocrlf = false
	safecrlf = false
	fsmonitor = false
	untrackedCache = false
	hooksPath = /dev/null
	attributesFile = /dev/null
	logAllRefUpdates = always
	fsync = objects,reference
[gc]
	auto = 0
[gc "refs/tags/*"]
	reflogExpire = never
	reflogExpireUnreachable = never
[gc "refs/notes/*"]
	reflogExpire = never
	reflogExpireUnreachable = never
[gc "refs/evoseal/*"]
	reflogExpire = never
	reflogExpireUnreachable = never
[maintenance]
	auto = false
[commit]
	gpgsign = false
[tag]
	gpgsign = false
[fsck]
	gitmodulesMissing = ignore
	gitmodulesBlob = ignore
	gitmodulesLarge = ignore
	gitmodulesName = ignore
	gitmodulesParse = ignore
	gitmodulesPath = ignore
	gitmodulesSymlink = ignore
	gitmodulesUpdate = ignore
	gitmodulesUrl = ignore
	gitattributesSymlink = ignore
	gitignoreSymlink = ignore
	mailmapSymlink = ignore
`

// storeAttributes outranks every .gitattributes in a tree: git converts nothing
// in the target.
const storeAttributes = "* -text -ident -filter -working-tree-encoding\n"

const initialPolicy = `# The policy of this project's rollbacks. A key that is not set has its default.
`
