package main

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// damage is one thing that is done to one file of a store.
type damage struct {
	class, file, how string
	do               func() error
	// capitals says that only the case of letters changed.
	capitals bool
	// spare says that a loose object reads as before: the bits that fill up the last
	// byte of what is deflated mean nothing.
	spare bool
}

func (d damage) String() string { return d.class + ": " + d.file + " " + d.how }

// classOf says which kind of file a file of the store is.
func classOf(rel string) string {
	base := filepath.Base(rel)
	for _, c := range []struct {
		class string
		is    bool
	}{
		{"pack", strings.HasSuffix(rel, ".pack")},
		{"pack index", strings.HasSuffix(rel, ".idx")},
		{"git's derived files", strings.HasSuffix(rel, ".rev") || strings.HasSuffix(rel, ".bitmap") || base == "commit-graph" || base == "multi-pack-index" || base == "packs" || rel == "info/refs"},
		{"loose object", strings.HasPrefix(rel, "objects/")},
		{"packed refs", rel == "packed-refs"},
		{"tag", strings.HasPrefix(rel, "refs/tags/")},
		{"branch", strings.HasPrefix(rel, "refs/heads/")},
		{"other ref", strings.HasPrefix(rel, "refs/")},
		{"reflog", strings.HasPrefix(rel, "logs/")},
		{"cache", strings.HasPrefix(rel, "evoseal/") || base == "evoseal.directories"},
		{"slot's index", strings.HasPrefix(rel, "worktrees/") && base == "index"},
		{"slot's record", base == "evoseal.json"},
		{"slot's other files", strings.HasPrefix(rel, "worktrees/")},
		{"head", rel == "HEAD"},
		{"settings", rel == "config" || rel == "info/attributes"},
	} {
		if c.is {
			return c.class
		}
	}
	return "unknown"
}

// weights are how often a class is damaged.
func weights() map[string]int {
	return map[string]int{
		"pack": 8, "pack index": 5, "loose object": 6, "packed refs": 3, "tag": 3, "other ref": 3, "branch": 1, "reflog": 1, "cache": 2,
		"slot's index": 1, "slot's record": 2, "slot's other files": 1, "head": 1, "settings": 1, "git's derived files": 1,
	}
}

// storeFiles sorts the store's files by class.
func (w *flipWorld) storeFiles() map[string][]string {
	w.Helper()
	out := make(map[string][]string)
	top := filepath.Join(w.dir, storeOf)
	w.must(filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		fi, err := e.Info()
		if class := classOf(rel); err == nil && fi.Size() > 0 {
			out[class] = append(out[class], rel)
		}
		return err
	}))
	if len(out["unknown"]) > 0 {
		w.Fatalf("files of no class: %q", out["unknown"])
	}
	return out
}

// choose thinks up a damage.
func (w *flipWorld) choose(r *rand.Rand) damage {
	w.Helper()
	files := w.storeFiles()
	var lots []string
	all := weights()
	for _, class := range slices.Sorted(maps.Keys(all)) {
		for range all[class] {
			if len(files[class]) > 0 {
				lots = append(lots, class)
			}
		}
	}
	class := lots[r.IntN(len(lots))]
	file := files[class][r.IntN(len(files[class]))]
	d := damage{class: class, file: file}
	path := filepath.Join(w.dir, storeOf, file)
	data, err := os.ReadFile(path)
	w.must(err)
	switch n := r.IntN(10); {
	case n < 5:
		at, bit := r.IntN(len(data)), r.IntN(8)
		d.how = fmt.Sprintf("bit %d of byte %d of %d flipped", bit, at, len(data))
		flipped := bytes.Clone(data)
		flipped[at] ^= 1 << bit
		d.capitals = bytes.EqualFold(data, flipped)
		d.spare = class == "loose object" && inflatesTo(flipped, data)
		d.do = func() error { return overwrite(path, flipped) }
	case n < 6:
		size := r.IntN(len(data))
		d.how = fmt.Sprintf("cut from %d to %d bytes", len(data), size)
		d.do = func() error { return overwrite(path, data[:size]) }
	case n < 7:
		d.how = "deleted"
		d.do = func() error { return os.Remove(path) }
	case n < 8:
		at := r.IntN(len(data))
		size := 1 + r.IntN(min(512, len(data)-at))
		if bytes.Count(data[at:at+size], []byte{0}) == size {
			return w.choose(r)
		}
		d.how = fmt.Sprintf("%d bytes of %d zeroed from %d on", size, len(data), at)
		d.do = func() error {
			clear(data[at : at+size])
			return overwrite(path, data)
		}
	default:
		other := files[class][r.IntN(len(files[class]))]
		theirs, err := os.ReadFile(filepath.Join(w.dir, storeOf, other))
		w.must(err)
		if bytes.Equal(data, theirs) {
			return w.choose(r)
		}
		d.how = "exchanged with " + other
		d.do = func() error {
			if err := overwrite(path, theirs); err != nil {
				return err
			}
			return overwrite(filepath.Join(w.dir, storeOf, other), data)
		}
	}
	return d
}

// inflatesTo says that two loose objects hold the same, checksums included.
func inflatesTo(a, b []byte) bool {
	inflate := func(data []byte) []byte {
		z, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil
		}
		out, err := io.ReadAll(z)
		if err != nil {
			return nil
		}
		return out
	}
	was := inflate(b)
	return was != nil && bytes.Equal(inflate(a), was)
}

// overwrite changes a file's bytes and nothing else of it, as a bad disk does.
func overwrite(path string, data []byte) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(path, fi.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(path, fi.ModTime(), fi.ModTime())
}

// harmless says why damage of a class needs no report, empty when it does.
func harmless(d damage) string {
	switch {
	case d.capitals && (d.class == "settings" || d.class == "tag" || d.class == "branch" || d.class == "other ref" || d.class == "packed refs"):
		return "capital letters mean the same in an object's name and in a setting's"
	case d.spare:
		return "bits that fill up the last byte of what is deflated mean nothing"
	case d.how == "cut from 41 to 40 bytes" && (d.class == "tag" || d.class == "branch" || d.class == "other ref"):
		return "the newline that ends a ref is no part of it"
	case d.class == "cache":
		return "a cache has its own checksums and is made again; a lock's content is for people"
	case d.class == "reflog":
		return "only a repair of a lost ref reads it"
	case strings.HasSuffix(d.file, "info/packs") || d.file == "info/refs":
		return "a list for servers that know nothing of git, which git makes again"
	case d.class == "git's derived files" && d.how == "deleted":
		return "git makes it again from the packs"
	case d.class == "packed refs":
		return "a loose ref of the same name outranks the line"
	}
	return ""
}
