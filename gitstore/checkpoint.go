package gitstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Checkpoint is one recorded tree and what is known of it.
type Checkpoint struct {
	Version string
	// Tag is the annotated tag, Commit what it names. Parent is null for the
	// first checkpoint of a line.
	Tag, Commit, Tree, Parent ID
	Time                      time.Time
	Author                    Identity
	// Message is without the trailers that follow.
	Message      string
	SourceCommit string
	SourceBranch string
	// SourceDirty is "true", "false" or "" when unknown: whether the tree
	// differs from Source-Commit's.
	SourceDirty string
	ToolVersion string
	Reason      string
	// Files and Bytes count what is recorded.
	Files, Bytes int64
	// Partial checkpoints lack paths that could not be read; see [Meta].
	Partial bool
	// MetaID is the blob that [Store.Meta] reads.
	MetaID ID
}

// sortNewestFirst orders by time, and within one second by lineage: a child is
// newer than its parent. Past has the parents of those whose own were pruned.
func sortNewestFirst(all []Checkpoint, past map[ID]ID) {
	parents := make(map[ID]ID, len(all))
	for _, c := range all {
		parents[c.Commit] = c.Parent
	}
	maps.Copy(parents, past)
	depths := make(map[ID]int, len(all))
	depth := func(id ID) int {
		var path []ID
		at := id
		for {
			if _, known := depths[at]; known {
				break
			}
			parent, ok := parents[at]
			if !ok {
				break
			}
			path = append(path, at)
			at = parent
		}
		for _, id := range slices.Backward(path) {
			depths[id] = depths[parents[id]] + 1
		}
		return depths[id]
	}
	slices.SortFunc(all, func(a, b Checkpoint) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(depth(b.Commit), depth(a.Commit)), cmp.Compare(b.Version, a.Version))
	})
}

var errNotCheckpoint = errors.New("not a checkpoint")

// load reads the checkpoint that a tag names.
func (s *Store) load(version string, tag ID) (Checkpoint, error) {
	id, c, err := s.readCommit(tag)
	if err != nil {
		return Checkpoint{}, err
	}
	message, trailers := splitTrailers(c.Message)
	if trailers[trailerVersion] == "" {
		return Checkpoint{}, errNotCheckpoint
	}
	if named := trailers[trailerVersion]; version != "" && named != version {
		// Its name is a part of a checkpoint: a tag of another name is a mistake.
		return Checkpoint{}, malformed(fmt.Sprintf("the tag %s names the checkpoint %s", version, named))
	}
	cp := Checkpoint{
		Version: version, Tag: tag, Commit: id, Tree: c.Tree,
		Time: c.When, Author: c.Who, Message: message,
		SourceCommit: trailers[trailerSourceCommit],
		SourceBranch: trailers[trailerSourceBranch],
		SourceDirty:  trailers[trailerSourceDirty],
		ToolVersion:  trailers[trailerTool],
		Reason:       trailers[trailerReason],
		Partial:      trailers[trailerPartial] != "",
	}
	if len(c.Parents) > 0 {
		cp.Parent = c.Parents[0]
	}
	cp.Files, _ = strconv.ParseInt(trailers[trailerFiles], 10, 64)
	cp.Bytes, _ = strconv.ParseInt(trailers[trailerBytes], 10, 64)
	if m := trailers[trailerMeta]; m != "" {
		if cp.MetaID, err = ParseID(m); err != nil {
			return Checkpoint{}, fmt.Errorf("%w: trailer %s: %w", errCommit, trailerMeta, err)
		}
	}
	return cp, nil
}

// Resolve finds a checkpoint by its version, by [Latest], by a prefix of its
// commit's id of at least four digits that no other shares, or by one of these
// and a number of steps back: "latest~2". The error is a [NotFoundError].
func (s *Store) Resolve(ctx context.Context, rev string) (Checkpoint, error) {
	if c, err := s.byVersion(rev); !errors.Is(err, ErrNotFound) {
		return c, err
	}
	base, back, err := splitAncestry(rev)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := s.resolveBase(ctx, base, rev)
	for i := 0; err == nil && i < back; i++ {
		c, err = s.parentOf(ctx, c, rev, fmt.Sprintf("%q has %d before it", base, i))
	}
	return c, err
}

func (s *Store) byVersion(version string) (Checkpoint, error) {
	missing := &NotFoundError{Rev: version}
	if CheckVersion(version) != nil {
		return Checkpoint{}, missing
	}
	tag, err := s.refs.Read(tagPrefix + version)
	if errors.Is(err, ErrNotFound) || isNotExist(err) {
		if s.isLost(version) {
			return Checkpoint{}, lostTag(version)
		}
		return Checkpoint{}, missing
	}
	if err != nil {
		return Checkpoint{}, refError(err)
	}
	c, err := s.load(version, tag)
	if errors.Is(err, errNotCheckpoint) {
		return Checkpoint{}, missing
	}
	return c, err
}

// byOwnName finds the checkpoint of a commit by the version that its message bears, at
// the same cost however many there are. That name may be another one's by now, or
// nobody's.
func (s *Store) byOwnName(commit ID) (Checkpoint, bool) {
	if commit.IsZero() {
		return Checkpoint{}, false
	}
	_, data, err := s.readCommit(commit)
	if err != nil {
		return Checkpoint{}, false
	}
	_, trailers := splitTrailers(data.Message)
	c, err := s.byVersion(trailers[trailerVersion])
	return c, err == nil && c.Commit == commit
}

func (s *Store) resolveBase(ctx context.Context, base, rev string) (Checkpoint, error) {
	l, err := s.list(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	defer l.close()
	if base == Latest || base == "" {
		newest, err := l.newestWhole(ctx)
		if newest == nil && err == nil {
			err = &NotFoundError{Rev: rev, Detail: "there are none yet"}
		}
		if err != nil {
			return Checkpoint{}, err
		}
		return *newest, nil
	}
	all, err := l.all(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	var found []Checkpoint
	for _, c := range all {
		if c.Version == base {
			return c, nil
		}
		if len(base) >= 4 && strings.HasPrefix(c.Commit.String(), strings.ToLower(base)) {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		if found, err = s.replacedByPrefix(base); err != nil {
			return Checkpoint{}, err
		}
	}
	if len(found) == 0 {
		if found, err = s.prunedByCommit(ctx, base); err != nil {
			return Checkpoint{}, err
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Checkpoint{}, &NotFoundError{Rev: rev, Similar: similar(base, all), Detail: s.whereGone(ctx, base, "")}
	}
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = c.Version
	}
	return Checkpoint{}, &NotFoundError{Rev: rev, Detail: "it is the beginning of more than one commit", Similar: names}
}

// replacedByPrefix looks among the checkpoints that --force put another in the
// place of.
func (s *Store) replacedByPrefix(prefix string) ([]Checkpoint, error) {
	if len(prefix) < 4 {
		return nil, nil
	}
	refs, err := s.refs.List(replacedRef)
	if err != nil {
		s.log.Warn("some replaced checkpoints can't be read", "error", err)
	}
	var found []Checkpoint
	for _, r := range refs {
		hex := strings.TrimPrefix(r.Name, replacedRef)
		if strings.HasPrefix(hex, strings.ToLower(prefix)) {
			c, err := s.load("", r.ID)
			if err != nil {
				s.log.Warn("a replaced checkpoint can't be read", "commit", hex, "error", err)
				continue
			}
			c.Version = hex
			found = append(found, c)
		}
	}
	return found, nil
}

func (s *Store) byCommit(ctx context.Context, id ID, rev string) (Checkpoint, error) {
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, c := range all {
		if c.Commit == id {
			return c, nil
		}
	}
	replaced, err := s.replacedByPrefix(id.String())
	if err != nil {
		return Checkpoint{}, err
	}
	if len(replaced) == 1 {
		return replaced[0], nil
	}
	return Checkpoint{}, &NotFoundError{Rev: rev, Detail: "commit " + id.String()[:10] + " has no version any more"}
}

// similar proposes at most three versions that share their beginning with what
// was asked for, the longest first.
func similar(name string, all []Checkpoint) []string {
	shared := func(version string) int {
		a, b := strings.ToLower(name), strings.ToLower(version)
		n := 0
		for n < min(len(a), len(b)) && a[n] == b[n] {
			n++
		}
		return n
	}
	var names []string
	for _, c := range all {
		if shared(c.Version) > 0 {
			names = append(names, c.Version)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return shared(b) - shared(a) })
	return names[:min(3, len(names))]
}
