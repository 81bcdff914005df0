//go:build linux && (amd64 || arm64)

package crash

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// inspect asks git, while all stand still, whether everything is as it was told.
func (r *races) inspect() {
	if s := r.git(r.store(), "fsck", "--strict", "--no-dangling"); s.code != 0 || strings.Contains(s.err, "error") || strings.Contains(s.err, "warning") {
		r.lossf("git fsck: %v", s)
	}
	refs := r.refs()
	for _, lost := range r.ledger.stands(refs) {
		r.lossf("%s", lost)
	}
	var histories []string
	for ref := range refs {
		if strings.HasPrefix(ref, "refs/notes/evoseal-archive/history-") || ref == "refs/notes/evoseal/history" {
			histories = append(histories, ref)
		}
	}
	r.once("record", r.ledger.records, histories...)
	r.once("verdict", r.ledger.verdicts, "refs/notes/evoseal/verdicts")
	r.policies()
	for _, args := range [][]string{{"verify", "--all"}, {"history", "verify"}, {"doctor"}} {
		if s := r.run(args...); s.code != 0 {
			r.lossf("%v: %v", args, s)
		}
	}
	r.hold()
	for _, wrong := range r.user.differs() {
		r.lossf("the live project: %s", wrong)
	}
}

// refs maps each ref to its commit.
func (r *races) refs() map[string]string {
	s := r.git(r.store(), "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)")
	if s.code != 0 || s.err != "" {
		r.lossf("for-each-ref: %v", s)
	}
	refs := make(map[string]string)
	for line := range strings.Lines(s.out) {
		f := strings.Fields(line)
		refs[f[0]] = f[len(f)-1]
	}
	return refs
}

var noteID = regexp.MustCompile(`"id":"([^"]+)"`)

// once looks for each id among the lines of some notebooks.
func (r *races) once(what string, ids map[string]string, refs ...string) {
	found := make(map[string]int)
	for _, ref := range refs {
		if r.git(r.store(), "rev-parse", "-q", "--verify", ref).code != 0 {
			continue
		}
		for line := range strings.Lines(r.contents(ref)) {
			// The first is the line's own; others are those that it speaks of.
			if m := noteID.FindStringSubmatch(line); m != nil {
				found[m[1]]++
			}
		}
	}
	for id, args := range ids {
		if found[id] != 1 {
			r.lossf("%s %s is there %d times: %s", what, id, found[id], args)
		}
	}
}

// contents are all files of a ref's tree.
func (r *races) contents(ref string) string {
	tree := r.git(r.store(), "ls-tree", "-r", "--format=%(objectname)", ref)
	cmd := r.gitCommand(r.store(), "cat-file", "--batch=")
	cmd.Stdin = strings.NewReader(tree.out)
	s := ended(cmd)
	if tree.code != 0 || s.code != 0 {
		r.lossf("%s can't be read: %v %v", ref, tree, s)
	}
	return s.out
}

// policies looks for each change of the policy, and for each token.
func (r *races) policies() {
	s := r.git(r.store(), "rev-list", "refs/evoseal/policy")
	there := make(map[string]bool)
	for _, commit := range strings.Fields(s.out) {
		there[commit] = true
	}
	for commit, args := range r.ledger.policies {
		if !there[commit] {
			r.lossf("the change %s of the policy is lost: %s", commit, args)
		}
	}
	now := r.contents("refs/evoseal/policy")
	for id := range r.ledger.tokens {
		if !strings.Contains(now, id) {
			r.lossf("the token %s is lost", id)
		}
	}
}

// hold looks at every target: each holds all of some version, and so does the tree
// beside it.
func (r *races) hold() {
	trees := make(map[string]bool)
	for _, tree := range strings.Fields(r.git(r.store(), "log", "--all", "--format=%T").out) {
		trees[tree] = true
	}
	dirs, _ := filepath.Glob(filepath.Join(r.targets, "t*"))
	for _, dir := range append(dirs, r.target(), r.previous()) {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		if tree, err := r.treeOf(dir); err != nil || !trees[tree] {
			r.lossf("%s holds no version: %s, %v", dir, tree, err)
		}
	}
}

// treeOf asks git what tree a directory is, with objects and index of its own.
func (r *races) treeOf(dir string) (string, error) {
	own := filepath.Join(r.root, "hashing")
	defer os.RemoveAll(own)
	if s := r.git(r.root, "init", "-q", "--bare", own); s.code != 0 {
		return "", fmt.Errorf("git init: %v", s)
	}
	if err := os.WriteFile(filepath.Join(own, "info/attributes"), []byte("* -text -ident -filter -working-tree-encoding\n"), 0o644); err != nil {
		return "", err
	}
	var last said
	for _, args := range [][]string{{"add", "-A", "-f", "."}, {"write-tree"}} {
		cmd := r.gitCommand(dir, append([]string{"--git-dir=" + own, "--work-tree=" + dir}, args...)...)
		if last = ended(cmd); last.code != 0 {
			return "", fmt.Errorf("git %v: %v", args, last)
		}
	}
	return string(bytes.TrimSpace([]byte(last.out))), nil
}

// cleared looks for leftovers when all is over.
func (r *races) cleared() {
	names, err := r.leftovers()
	must(r.t, err)
	for name := range names {
		if leftover.MatchString(name) {
			r.lossf("%s is left over", name)
		}
	}
	for _, dir := range []string{r.targets, filepath.Join(r.project(), ".evoseal")} {
		hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
		for _, path := range hidden {
			if name := filepath.Base(path); name != ".git" && !strings.HasSuffix(name, ".marker") {
				r.lossf("%s is left over", path)
			}
		}
	}
	r.t.Log("\n" + r.tally.details())
}

// leftover are the names of what is in the making or held.
var leftover = regexp.MustCompile(`tmp_|reflock-|\.init-|\.pending|\.trash|\.aside|evoseal_|inuse_|gc_pid_|reflog_|gone_|\.keep$|gc\.pid|\.git/[^e].*\.lock$|\.git/evoseal/.*\.new$`)
