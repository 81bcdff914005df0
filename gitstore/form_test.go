package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hashObject lets git store what it would never make by itself.
func (w *world) hashObject(typ string, data []byte) ID {
	w.Helper()
	cmd := exec.Command("git", "--git-dir=.evoseal/.git", "hash-object", "-t", typ, "--literally", "-w", "--stdin")
	cmd.Dir, cmd.Stdin = w.dir, bytes.NewReader(data)
	out, err := cmd.Output()
	w.must(err)
	id, err := ParseID(strings.TrimSpace(string(out)))
	w.must(err)
	return id
}

// rawTree encodes entries of the form "mode name" in the order given.
func (w *world) rawTree(entries ...any) ID {
	w.Helper()
	var data []byte
	for i := 0; i < len(entries); i += 2 {
		id := entries[i+1].(ID)
		data = append(fmt.Appendf(data, "%s\x00", entries[i]), id[:]...)
	}
	return w.hashObject("tree", data)
}

// forge makes a checkpoint of any tree and note.
func (w *world) forge(s *Store, version string, tree ID, meta string) Checkpoint {
	w.Helper()
	message := fmt.Sprintf("forged\n\nVersion-Id: %s\nFiles: 1\nBytes: 1\n", version)
	if meta != "" {
		message += "Meta: " + w.hashObject("blob", []byte(meta)).String() + "\n"
	}
	commit := fmt.Sprintf("tree %s\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n%s", tree, message)
	id := w.hashObject("commit", []byte(commit))
	w.git("--git-dir=.evoseal/.git", "update-ref", "refs/tags/"+version, id.String())
	c, err := s.Resolve(context.Background(), version)
	w.must(err)
	return c
}

// refused fails the test unless both Verify and Materialise say that the
// checkpoint can't be brought back, in words of our own.
func (w *world) refused(s *Store, c Checkpoint, want string) {
	w.Helper()
	report, err := s.Verify(context.Background(), []Checkpoint{c}, nil)
	w.must(err)
	if len(report.Damage) == 0 || len(report.Intact) != 0 {
		w.Errorf("%s: verified as sound", c.Version)
	}
	for _, d := range report.Damage {
		if !errors.Is(d.Err, ErrCorrupt) || len(d.Versions) != 1 || d.Versions[0] != c.Version {
			w.Errorf("%s: damage %+v", c.Version, d)
		}
		w.clear(c, "verify", d.Err, want)
	}
	_, _, err = w.materialise(s, c, nil)
	if !errors.Is(err, ErrCorrupt) {
		w.Errorf("%s: materialised: %v", c.Version, err)
		return
	}
	w.clear(c, "materialise", err, want)
}

func (w *world) clear(c Checkpoint, what string, err error, want string) {
	w.Helper()
	for _, bare := range []string{"strconv", "json:", "file exists", "invalid character", "not a directory", "%!"} {
		if strings.Contains(err.Error(), bare) {
			w.Errorf("%s: %s says %q", c.Version, what, err)
		}
	}
	if !strings.Contains(err.Error(), want) {
		w.Errorf("%s: %s says %q, which has nothing of %q", c.Version, what, err, want)
	}
}

func TestTreesThatCanNotBeBroughtBack(t *testing.T) {
	w := newWorld(t)
	s := w.storeWith(Options{CheckName: func(name string) error {
		if strings.EqualFold(name, ".git") {
			return errors.New("a disguise of .git")
		}
		return nil
	}})
	blob := w.hashObject("blob", []byte("content"))
	empty := w.hashObject("blob", nil)
	tree := w.rawTree("100644 f", blob)
	deep := func(bad ID) ID { return w.rawTree("100644 a", blob, "40000 sub", w.rawTree("40000 sub", bad)) }
	long := w.hashObject("blob", bytes.Repeat([]byte("x"), 5000))
	for version, c := range map[string]struct {
		tree ID
		want string
	}{
		"dot-git":       {w.rawTree("100644 .git", blob), `".git" is no name`},
		"disguised":     {w.rawTree("40000 .GiT", tree), "a disguise of .git"},
		"dot-dot":       {w.rawTree("40000 ..", tree), `".." is no name`},
		"slash":         {w.rawTree("100644 a/b", blob), `"a/b" is no name`},
		"empty-name":    {w.rawTree("100644 ", blob), `"" is no name`},
		"twice":         {w.rawTree("100644 a", blob, "100644 a", blob), "is there twice"},
		"file-and-dir":  {w.rawTree("100644 a", blob, "100644 a-b", blob, "40000 a", tree), "twice, as a file and as a directory"},
		"unsorted":      {w.rawTree("100644 b", blob, "100644 a", blob), "not sorted"},
		"mode":          {w.rawTree("100777 a", blob), "mode 100777"},
		"gitlink":       {w.rawTree("160000 a", blob), "mode 160000"},
		"tree-as-file":  {w.rawTree("100644 a", tree), "is a tree, not a blob"},
		"blob-as-dir":   {w.rawTree("40000 a", blob), "is a blob, not a tree"},
		"tree-as-link":  {w.rawTree("120000 a", tree), "is a tree, not a blob"},
		"link-nowhere":  {w.rawTree("120000 a", empty), "a symbolic link to nowhere"},
		"link-long":     {w.rawTree("120000 a", long), "a symbolic link of 5000 bytes"},
		"commit-tree":   {blob, "is a blob, not a tree"},
		"not-a-tree":    {w.hashObject("tree", []byte("garbage")), "malformed tree"},
		"missing":       {w.rawTree("100644 a", ID{1, 2, 3}), "not found"},
		"deep-unsorted": {deep(w.rawTree("100644 b", blob, "100644 a", blob)), "not sorted"},
		"deep-kind":     {deep(w.rawTree("100644 b", tree)), "is a tree, not a blob"},
	} {
		w.refused(s, w.forge(s, version, c.tree, ""), c.want)
	}
	// The same objects, put to their proper use, are sound beside all of that.
	all, err := s.Checkpoints(context.Background())
	w.must(err)
	sound := w.forge(s, "sound", w.rawTree("100644 a", blob, "40000 b", tree, "100644 empty", empty, "100644 long", long), "")
	report, err := s.Verify(context.Background(), append(all, sound), nil)
	if err != nil || len(report.Intact) != 1 || report.Intact[0] != "sound" {
		t.Errorf("intact: %q %v", report.Intact, err)
	}
	if _, _, err := w.materialise(s, sound, nil); err != nil {
		t.Error(err)
	}
}

func TestNotesThatCanNotBeBroughtBack(t *testing.T) {
	w := newWorld(t)
	s := w.storeWith(Options{})
	tree := w.rawTree("100644 f", w.hashObject("blob", []byte("content")), "120000 link", w.hashObject("blob", []byte("/etc")))
	const base = `"schema":1,"base_modes":{"file":"0644","exec":"0755","dir":"0755"}`
	for version, c := range map[string]struct{ meta, want string }{
		"no-json":   {"not json", "not the JSON"},
		"bad-mode":  {`{"schema":1,"base_modes":{"file":"rw-r--r--","exec":"0755","dir":"0755"}}`, "not the JSON"},
		"escapes":   {`{` + base + `,"empty_dirs":["../x"]}`, "no path below"},
		"absolute":  {`{` + base + `,"empty_dirs":["/tmp/x"]}`, "no path below"},
		"empty":     {`{` + base + `,"empty_dirs":[""]}`, "no path below"},
		"dot-git":   {`{` + base + `,"empty_dirs":["a/.git"]}`, `".git" is no name`},
		"modes":     {`{` + base + `,"modes":[{"path":"../../etc/passwd","mode":"0777"}]}`, "no path below"},
		"nul":       {`{` + base + `,"empty_dirs":["a\u0000b"]}`, "no path below"},
		"on-file":   {`{` + base + `,"empty_dirs":["f"]}`, "stands where the tree has a file"},
		"on-link":   {`{` + base + `,"empty_dirs":["link/x"]}`, "stands where the tree has a file"},
		"skipped":   {`{` + base + `,"skipped":[{"path":"../x","reason":"r"}]}`, "no path below"},
		"truncated": {`{` + base, "not the JSON"},
	} {
		w.refused(s, w.forge(s, version, tree, c.meta), c.want)
	}
	// What was left out may have been left out for its name.
	sound := w.forge(s, "sound", tree, `{`+base+`,"empty_dirs":["e/f"],"skipped":[{"path":"a/.git","reason":"r"},{"path":{"base64":"/w=="},"reason":"r"}]}`)
	report, err := s.Verify(context.Background(), []Checkpoint{sound}, nil)
	if err != nil || len(report.Intact) != 1 {
		t.Errorf("%+v %v", report, err)
	}
	if _, _, err := w.materialise(s, sound, nil); err != nil {
		t.Error(err)
	}
}

func TestBranchRefusesWhatNoCheckpointHolds(t *testing.T) {
	w := newWorld(t)
	w.git("init", "-q", ".")
	w.write("f", "x")
	s := w.store()
	c := w.forge(s, "bad", w.rawTree("40000 ..", w.rawTree()), "")
	if _, err := s.WriteBranch(context.Background(), "rescue", c); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a tree that leads upwards became a branch: %v", err)
	}
}

func TestPrivilegedBitsStayBehind(t *testing.T) {
	w := newWorld(t)
	w.write("lone", "#!/bin/sh\n", "setgid", "x", "plain", "x", "sticky", "x", "shared/f", "x")
	for name, mode := range map[string]uint32{"lone": 0o4755, "setgid": 0o2644, "sticky": 0o1644, "shared": 0o3775} {
		w.must(unix.Chmod(filepath.Join(w.dir, name), mode))
	}
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	if b := v1.Meta.Base; (b.File|b.Exec|b.Dir)&0o7000 != 0 {
		t.Errorf("base modes %v", b)
	}
	if got := v1.Meta.Privileged(); got != 2 {
		t.Errorf("%d privileged files of 2: %+v", got, v1.Meta.Modes)
	}
	read, err := s.Meta(v1.Checkpoint)
	if err != nil || read.Privileged() != 2 {
		t.Errorf("read back: %+v %v", read.Modes, err)
	}
	want := map[string]uint32{"lone": 0o755, "setgid": 0o644, "sticky": 0o1644, "shared": 0o3775, "plain": 0o644, "shared/f": 0o644}
	w.modes(s, v1.Checkpoint, want)
	// A note that somebody forged gives no more.
	forged := w.forge(s, "forged", v1.Tree, `{"schema":1,"base_modes":{"file":"6644","exec":"7755","dir":"0755"},"modes":[{"path":"setgid","mode":"6644","dir":true}]}`)
	want["sticky"], want["shared"] = 0o644, 0o755
	w.modes(s, forged, want)
}

func (w *world) modes(s *Store, c Checkpoint, want map[string]uint32) {
	w.Helper()
	dir, _, err := w.materialise(s, c, nil)
	w.must(err)
	for name, mode := range want {
		var st unix.Stat_t
		w.must(unix.Lstat(filepath.Join(dir, name), &st))
		if got := uint32(st.Mode) & 0o7777; got != mode {
			w.Errorf("%s: %s has mode %04o, want %04o", c.Version, name, got, mode)
		}
	}
}

func TestVerifyReadsWhatRefsLeadTo(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.write("f", "x")
	s := w.store()
	v1 := w.record(s, RecordRequest{Version: "v1"})
	for i := range 3 {
		w.must(s.AppendNote(ctx, History, v1.Commit, fmt.Append(nil, "history ", i), "test"))
		w.must(s.AppendNote(ctx, Verdicts, v1.Commit, fmt.Append(nil, "verdict ", i), "test"))
		_, err := s.ChangePolicy(ctx, PolicyChange{Summary: "test", Change: func(*Policy) (map[string][]byte, error) {
			return map[string][]byte{PolicyFile: fmt.Appendf(nil, "# %d\n", i)}, nil
		}})
		w.must(err)
	}
	archived, err := s.ArchiveNotes(ctx, Verdicts, "put away")
	w.must(err)
	verify := func(refs bool) []Damage {
		t.Helper()
		report, err := w.store().VerifyStore(ctx, VerifyRequest{Checkpoints: []Checkpoint{v1.Checkpoint}, Refs: refs})
		w.must(err)
		return report.Damage
	}
	if got := verify(true); len(got) != 0 {
		t.Fatalf("sound store: %+v", got)
	}
	git := func(args ...string) string { return w.git(append([]string{"--git-dir=.evoseal/.git"}, args...)...) }
	for object, ref := range map[string]string{
		git("rev-parse", "refs/evoseal/policy"):                            policyRef,
		git("rev-parse", "refs/evoseal/policy~1:policy"):                   policyRef,
		git("rev-parse", "refs/notes/evoseal/history~2"):                   History.ref(),
		git("rev-parse", "refs/notes/evoseal/history~1^{tree}"):            History.ref(),
		git("rev-parse", archived.Ref+"~1:"+v1.Commit.String()):            archived.Ref,
		git("rev-parse", "refs/notes/evoseal/history:"+v1.Commit.String()): History.ref(),
	} {
		path := filepath.Join(s.Dir(), "objects", object[:2], object[2:])
		good, err := os.ReadFile(path)
		w.must(err)
		for _, bad := range [][]byte{nil, {}, flipped(good)} {
			w.must(os.Remove(path))
			if bad != nil {
				w.must(os.WriteFile(path, bad, 0o444))
			}
			got := verify(true)
			if len(got) != 1 || got[0].Ref != ref || got[0].Object.String() != object || !errors.Is(got[0].Err, ErrCorrupt) {
				t.Errorf("%s of %s damaged: %+v", object, ref, got)
			}
			if got := verify(false); len(got) != 0 {
				t.Errorf("the checkpoint alone: %+v", got)
			}
			w.must(os.WriteFile(path+".good", good, 0o444))
			w.must(os.Rename(path+".good", path))
		}
	}
	w.must(os.WriteFile(filepath.Join(s.Dir(), policyRef), []byte("zzz\n"), 0o644))
	if got := verify(true); len(got) != 1 || got[0].Ref != policyRef || !errors.Is(got[0].Err, ErrCorrupt) {
		t.Errorf("broken ref: %+v", got)
	}
}

func flipped(data []byte) []byte {
	bad := bytes.Clone(data)
	bad[len(bad)/2] ^= 0x10
	return bad
}
