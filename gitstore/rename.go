package gitstore

import (
	"bytes"
	"hash/maphash"
	"path"
	"slices"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// Limits of the search for renames, which compares every candidate with every
// other: beyond them only files with the same bytes are paired.
const (
	maxRenameCandidates = 200
	maxRenameSize       = 1 << 20
	// minSimilar is the share of bytes in common lines, in percent, from which
	// two files count as one that was renamed. It is git's default.
	minSimilar = 50
)

// findRenames pairs deleted files with added ones: first those with the same
// bytes, preferring the same base name, then those that are similar.
func (d *differ) findRenames(out *Diff) {
	var gone, came []int
	for i, c := range d.changes {
		switch {
		case c.Kind == Deleted && c.OldMode != scan.ModeDir:
			gone = append(gone, i)
		case c.Kind == Added && c.NewMode != scan.ModeDir:
			came = append(came, i)
		}
	}
	paired := make(map[int]bool)
	d.pairSame(gone, came, paired)
	left := func(list []int) []int {
		return slices.DeleteFunc(list, func(i int) bool { return paired[i] })
	}
	gone, came = left(gone), left(came)
	if len(gone) > 0 && len(came) > 0 && len(gone) <= maxRenameCandidates && len(came) <= maxRenameCandidates {
		d.pairSimilar(out, gone, came, paired)
	}
	var rest []Change
	for i, c := range d.changes {
		if !paired[i] || c.Kind == Renamed {
			rest = append(rest, c)
		}
	}
	d.changes = rest
}

func (d *differ) pairSame(gone, came []int, paired map[int]bool) {
	byID := make(map[ID][]int)
	for _, i := range gone {
		byID[d.changes[i].OldID] = append(byID[d.changes[i].OldID], i)
	}
	for _, to := range came {
		id := d.changes[to].NewID
		from := -1
		for _, i := range byID[id] {
			if paired[i] {
				continue
			}
			if from < 0 || path.Base(d.changes[i].Path) == path.Base(d.changes[to].Path) {
				from = i
			}
		}
		if from >= 0 && !isEmptyBlob(id) {
			d.rename(from, to, paired)
		}
	}
}

// isEmptyBlob keeps empty files, which are all the same, from being paired.
func isEmptyBlob(id ID) bool {
	return id.String() == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
}

func (d *differ) rename(from, to int, paired map[int]bool) {
	paired[from], paired[to] = true, true
	c, old := &d.changes[to], d.changes[from]
	c.Kind, c.OldPath, c.OldMode, c.OldID = Renamed, old.Path, old.OldMode, old.OldID
}

func (d *differ) pairSimilar(out *Diff, gone, came []int, paired map[int]bool) {
	seed := maphash.MakeSeed()
	prints := func(list []int, read func(Change) ([]byte, error)) map[int]fingerprint {
		found := make(map[int]fingerprint)
		for _, i := range list {
			if data, err := read(d.changes[i]); err == nil && len(data) > 0 && len(data) <= maxRenameSize {
				found[i] = newFingerprint(seed, data)
			}
		}
		return found
	}
	before, after := prints(gone, out.oldContent), prints(came, out.newContent)
	type match struct{ from, to, score int }
	var matches []match
	for _, from := range gone {
		for _, to := range came {
			a, okA := before[from]
			b, okB := after[to]
			if okA && okB && d.changes[from].OldMode&0o170000 == d.changes[to].NewMode&0o170000 {
				if score := a.similar(b); score >= minSimilar {
					matches = append(matches, match{from, to, score})
				}
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return b.score - a.score })
	for _, m := range matches {
		if !paired[m.from] && !paired[m.to] {
			d.rename(m.from, m.to, paired)
		}
	}
}

// fingerprint counts the bytes of each distinct line.
type fingerprint struct {
	lines map[uint64]int
	size  int
}

func newFingerprint(seed maphash.Seed, data []byte) fingerprint {
	f := fingerprint{lines: make(map[uint64]int), size: len(data)}
	for line := range bytes.Lines(data) {
		f.lines[maphash.Bytes(seed, line)] += len(line)
	}
	return f
}

// similar is the share of common bytes in the larger of both, in percent.
func (f fingerprint) similar(g fingerprint) int {
	if 100*min(f.size, g.size) < minSimilar*max(f.size, g.size) {
		return 0
	}
	common := 0
	for line, n := range f.lines {
		common += min(n, g.lines[line])
	}
	return 100 * common / max(f.size, g.size)
}
