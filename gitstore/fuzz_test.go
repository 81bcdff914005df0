package gitstore

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzCommit makes sure that a commit that we wrote is read as it was, and that any
// other is read or refused.
func FuzzCommit(f *testing.F) {
	good, err := encodeCommit(commitData{
		Tree: ID{1}, Parents: []ID{{2}, {3}}, Who: Identity{"A B", "a@b"}, When: time.Unix(1700000000, 0).UTC(),
		Message: withTrailers("what\n\nfor", []trailer{{trailerVersion, "v1"}, {trailerFiles, "3"}}),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("+0000"), []byte("99999999999999999999"), 1))
	f.Add(bytes.Replace(good, []byte("parent "), []byte("parent\x00"), 1))
	f.Add([]byte("tree \n\n"))
	f.Add([]byte("tree " + strings.Repeat("a", 40) + "\ngpgsig x\n y\n z\ncommitter <> 1\n\n"))
	f.Add([]byte("committer >< -9223372036854775808 +0000\ntree " + strings.Repeat("0", 40)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCommit(data)
		if err != nil {
			return
		}
		splitTrailers(c.Message)
		if strings.ContainsAny(c.Who.Name+c.Who.Email, "\n") || strings.Contains(c.Message, "\x00") {
			return
		}
		again, err := encodeCommit(c)
		if err != nil {
			t.Fatal(err)
		}
		second, err := decodeCommit(again)
		if err != nil || second.Tree != c.Tree || len(second.Parents) != len(c.Parents) || second.Message != c.Message {
			t.Errorf("%+v became %+v: %v", c, second, err)
		}
	})
}

// FuzzMeta makes sure that no note that is believed names a path outside.
func FuzzMeta(f *testing.F) {
	good, err := json.Marshal(Meta{
		Schema: 1, Platform: "linux/amd64", Files: 2, Base: BaseModes{0o644, 0o755, 0o755}, Modes: []Mode{{Path: "a\xff", Perm: 0o600}},
		EmptyDirs: []Path{"e/f"}, Nested: []NestedRepository{{Path: "n", Submodule: true}}, Skipped: []Skipped{{Path: "s", Reason: "r", Unread: true}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("e/f"), []byte("../f"), 1))
	f.Add([]byte(`{"schema":1e99}`))
	f.Add([]byte(`{"empty_dirs":[{"base64":"Li4="},"/etc","a//b",".git",""]}`))
	f.Add([]byte(`{"modes":[{"path":"a","mode":"7777777777777"}]}`))
	f.Add([]byte(strings.Repeat("[", 5000)))
	s := &Store{}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m Meta
		if json.Unmarshal(data, &m) != nil || s.checkMeta(&m) != nil {
			return
		}
		for _, p := range m.EmptyDirs {
			if !filepath.IsLocal(string(p)) || strings.Contains("/"+string(p)+"/", "/.git/") {
				t.Errorf("%q was believed", p)
			}
		}
		for _, mode := range m.Modes {
			if mode.Perm > 0o7777 || mode.Path != "" && !filepath.IsLocal(string(mode.Path)) {
				t.Errorf("%+v was believed", mode)
			}
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var second Meta
		if err := json.Unmarshal(again, &second); err != nil || s.checkMeta(&second) != nil {
			t.Errorf("%s can't be read again: %v", again, err)
		}
	})
}

// FuzzLineCache makes sure that a cache of notes is whole runs or nothing.
func FuzzLineCache(f *testing.F) {
	path := filepath.Join(f.TempDir(), "cache")
	var empty lineCache
	if err := empty.append(path, []NoteLine{{ID{1}, []byte(`{"id":"x"}`)}, {ID{2}, []byte("y")}}, ID{3}); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-5])
	f.Add(bytes.Replace(good, []byte("y"), []byte("z"), 1))
	f.Add([]byte("= \n"))
	f.Add([]byte("= " + strings.Repeat("0", 40) + " 00000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := readLineCache(path)
		if err == nil && (c.size < 0 || c.size > int64(len(data)) || len(c.lines) > 0 && c.size == 0) {
			t.Errorf("%d lines, %d of %d bytes", len(c.lines), c.size, len(data))
		}
	})
}

// FuzzConfig makes sure that Git's configuration, which anybody may have written,
// is read or refused.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"[core]\n\tbare = true\n", "[a \"b\\\"c\"]\n\tx = \"y;z\" ; comment\n\tempty\n", "[include]\n\tpath = /dev/zero\n", "[a\n", "[a]x=\\\n\\\n",
		"\xef\xbb\xbf[core]\nx=1", "[a \"\x00\"]\nb=\x00", strings.Repeat("[a]", 1000),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ParseConfig(data)
		if err != nil && len(entries) > 0 && strings.Contains(err.Error(), "\n\n") {
			t.Errorf("%v", err)
		}
	})
}

// FuzzVersion makes sure that no version's name leaves the refs.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"v1.0", "experimental/v3", "../x", "/etc", "-x", "a.lock", "a..b", "@{", "a\x00b", "a//b", "HEAD", "@", "x/", ".x", "a\x7f", "日本"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckVersion(name) != nil {
			return
		}
		if !filepath.IsLocal(name) || strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, "-") || strings.ContainsAny(name, "\x00\n\x7f ~^:?*[\\") || strings.Contains(name, "..") {
			t.Errorf("%q is no name that git takes", name)
		}
	})
}
