package gitstore

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// spoils are ways to damage an object in a pack whose header begins at at.
var spoils = map[string]func(w *world, data []byte, at int64){
	"bytes":  func(_ *world, data []byte, at int64) { data[at+40] ^= 0xff },
	"header": func(_ *world, data []byte, at int64) { data[at] |= 0x70 },
	"type":   func(_ *world, data []byte, at int64) { data[at] ^= 0x10 },
	"text": func(w *world, data []byte, at int64) {
		// Another text of the same length: only a checksum tells.
		for data[at]&0x80 != 0 {
			at++
		}
		stream := data[at+3:]
		right := w.inflated(stream)
		for i := 60; ; i++ {
			stream[i] ^= 1
			if wrong := w.inflated(stream); len(wrong) == len(right) && !bytes.Equal(wrong, right) {
				return
			}
			stream[i] ^= 1
		}
	},
}

func (w *world) inflated(stream []byte) []byte {
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(stream)))
	if err != nil {
		return nil
	}
	return data
}

// spoilBase damages what the other versions of the file "long" were built upon, in the
// one pack of a deltaWorld.
func spoilBase(w *world, s *Store, spoil func(w *world, data []byte, at int64)) {
	w.Helper()
	pack := w.packFiles(s)[0]
	base := ""
	for line := range strings.Lines(w.git("--git-dir=.evoseal/.git", "verify-pack", "-v", strings.TrimSuffix(pack, ".pack")+".idx")) {
		// A delta's line ends in its depth and its base.
		if f := strings.Fields(line); len(f) == 7 && f[1] == "blob" && f[5] == "1" {
			base = f[6]
		}
	}
	if base != w.git("--git-dir=.evoseal/.git", "rev-parse", "v4:long") {
		w.Fatalf("the base is %q", base)
	}
	data, err := os.ReadFile(pack)
	w.must(err)
	spoil(w, data, s.db.Locate(mustID(w.T, base)).Offset)
	w.must(os.WriteFile(w.replace(pack), data, 0o444))
}

// What is built upon a damaged object is read by way of another copy of it, as git does.
func TestBaseIsReadFromAnotherCopy(t *testing.T) {
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			w, s := deltaWorld(t)
			versions := make(map[string]ID)
			for _, v := range []string{"v0", "v1", "v2", "v3", "v4"} {
				versions[v] = mustID(t, w.git("--git-dir=.evoseal/.git", "rev-parse", v+":long"))
			}
			spoilBase(w, s, spoil)
			s = w.store()
			for v, id := range versions {
				if _, _, err := s.db.Read(id); err == nil {
					t.Errorf("%s was read", v)
				}
			}
			// git would not write what a pack seems to have.
			other := t.TempDir()
			w.git("init", "-q", "--bare", other)
			w.git("--git-dir="+other, "hash-object", "-w", "--no-filters", filepath.Join(w.dir, "long"))
			name := versions["v4"].String()
			w.must(os.MkdirAll(filepath.Join(s.Dir(), "objects", name[:2]), 0o755))
			w.must(os.Rename(filepath.Join(other, "objects", name[:2], name[2:]), filepath.Join(s.Dir(), "objects", name[:2], name[2:])))
			s = w.store()
			for v, id := range versions {
				_, data, err := s.db.Read(id)
				if err != nil {
					t.Errorf("%s: %v", v, err)
				}
				if _, size, err := s.db.Size(id); err != nil || size != int64(len(data)) {
					t.Errorf("%s has %d bytes: %v", v, size, err)
				}
			}
		})
	}
}

// Once the base is there again, nothing that was built upon it is lost.
func TestRepairOfABaseBringsBackWhatIsBuiltUponIt(t *testing.T) {
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			w, s := deltaWorld(t)
			spoilBase(w, s, spoil)
			s = w.store()
			mends := w.rebuild(s, RebuildRequest{Objects: true})
			mended := 0
			for _, m := range mends {
				if m.State != Mended {
					t.Errorf("%+v", m)
				}
				if m.Kind == "object" {
					mended++
				}
			}
			if mended < 5 {
				t.Errorf("%d objects were mended: %+v", mended, mends)
			}
			w.fsck()
			all, err := s.Checkpoints(context.Background())
			w.must(err)
			if r, err := s.VerifyStore(context.Background(), VerifyRequest{Checkpoints: all, Refs: true}); err != nil || len(r.Intact) != 5 || len(r.Damage) > 0 {
				t.Errorf("%+v %v", r, err)
			}
			if again := w.rebuild(s, RebuildRequest{Objects: true}); len(again) != 0 {
				t.Errorf("a second repair: %+v", again)
			}
		})
	}
}
