package gitstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/refs"
	"golang.org/x/sys/unix"
)

// prunedPrefix is where the tags of pruned checkpoints wait until they expire, as
// <when they were pruned>/<version>. The name tells the time, so that a server or
// another machine that gets nothing but the ref knows it as well.
const prunedPrefix = "refs/evoseal/pruned/"

// generatedTime is how generateVersion writes the time.
const generatedTime = "20060102T150405Z"

// prunedTime is how the time is written into the ref's name: in UTC, to the
// millisecond.
const prunedTime = "20060102T150405.000Z"

// Pruned is a checkpoint that was pruned and hasn't expired: [Store.RestorePruned]
// brings it back. Its Version is the one that it had.
type Pruned struct {
	Checkpoint
	At time.Time

	ref string
}

// lockPrune keeps prunes, restores and expiries apart.
func (s *Store) lockPrune(ctx context.Context, what string) (unlock func(), err error) {
	return s.lock(ctx, "prune.lock", unix.LOCK_EX, what)
}

// Prune takes checkpoints out of the list, until [Store.ExpirePruned] drops them for
// good: their tags get other names. Nothing is removed from the store's objects. It
// returns those that it did; one that isn't any more what the list says, because
// another process pruned or replaced it, is left out.
//
// Whoever calls decides what may go, and holds [Store.LockTarget] from before the
// decision on, which also keeps other decisions away. What [Store.Needed] tells is
// refused here all the same, with an error that matches [ErrNeeded].
func (s *Store) Prune(ctx context.Context, list []Checkpoint) ([]Pruned, error) {
	unlock, err := s.lockPrune(ctx, "prune")
	if err != nil {
		return nil, err
	}
	defer unlock()
	needed, err := s.Needed(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if why := needed[c.Commit]; why != "" {
			return nil, &NeededError{Version: c.Version, Why: why}
		}
	}
	waiting, err := s.settlePruned(ctx)
	if err != nil {
		return nil, err
	}
	at, err := prunedNow(s.now(), waiting)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	renames := make([]refs.Rename, len(list))
	byTag := make(map[string]Pruned, len(list))
	for i, c := range list {
		to := prunedPrefix + at.Format(prunedTime) + "/" + c.Version
		renames[i] = refs.Rename{From: tagPrefix + c.Version, To: to, ID: c.Tag}
		if c.Tag != c.Commit {
			renames[i].Peeled = c.Commit
		}
		byTag[renames[i].From] = Pruned{Checkpoint: c, At: at, ref: to}
	}
	// Whatever is done is told, also when the rest can't be.
	done, err := s.refs.Rename(context.WithoutCancel(ctx), renames)
	out := make([]Pruned, len(done))
	for i, r := range done {
		out[i] = byTag[r.From]
	}
	return out, refError(err)
}

// prunedNow is a time that no waiting checkpoint has: what was pruned together can
// stand together, and what has one name twice was pruned at two times.
func prunedNow(now time.Time, waiting []Pruned) (time.Time, error) {
	taken := make(map[time.Time]bool, len(waiting))
	for _, p := range waiting {
		taken[p.At] = true
	}
	now = now.UTC().Truncate(time.Millisecond)
	if y := now.Year(); y < 1 || y > 9999 {
		return now, fmt.Errorf("the clock says that it is the year %d", y)
	}
	for taken[now] {
		now = now.Add(time.Millisecond)
	}
	return now, nil
}

// Pruned lists the checkpoints that were pruned and haven't expired, the last pruned
// first. One that can't be read is left out with a warning.
func (s *Store) Pruned(ctx context.Context) ([]Pruned, error) {
	list, err := s.refs.List(prunedPrefix)
	if err != nil {
		s.log.Warn("some pruned checkpoints can't be read", "error", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	tags := s.tagsByName()
	var all []Pruned
	for _, r := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at, version, ok := parsePruned(r.Name)
		if !ok {
			continue
		}
		if tags[version] == r.ID {
			// It is there under both names, and so it isn't pruned.
			continue
		}
		c, err := s.load(version, r.ID)
		switch {
		case errors.Is(err, errNotCheckpoint):
		case err != nil:
			s.log.Warn("pruned checkpoint can't be read", "version", version, "error", err)
		default:
			all = append(all, Pruned{Checkpoint: c, At: at, ref: r.Name})
		}
	}
	slices.SortStableFunc(all, func(a, b Pruned) int { return b.At.Compare(a.At) })
	return all, nil
}

// tagsByName are the tags, by their names without the prefix. Reading all at once is
// cheaper than reading each.
func (s *Store) tagsByName() map[string]ID {
	list, err := s.refs.List(tagPrefix)
	if err != nil {
		s.log.Warn("some tags can't be read", "error", err)
	}
	all := make(map[string]ID, len(list))
	for _, r := range list {
		all[strings.TrimPrefix(r.Name, tagPrefix)] = r.ID
	}
	return all
}

func parsePruned(ref string) (at time.Time, version string, ok bool) {
	when, version, ok := strings.Cut(strings.TrimPrefix(ref, prunedPrefix), "/")
	if !ok {
		return at, "", false
	}
	at, err := time.Parse(prunedTime, when)
	return at, version, err == nil
}

// settlePruned ends what a crash left half done: a tag that is there under both
// names loses the new one. It returns what waits.
func (s *Store) settlePruned(ctx context.Context) ([]Pruned, error) {
	list, err := s.refs.List(prunedPrefix)
	if err != nil {
		s.log.Warn("some pruned checkpoints can't be read", "error", err)
	}
	tags := s.tagsByName()
	var both []refs.Rename
	for _, r := range list {
		_, version, ok := parsePruned(r.Name)
		if !ok {
			continue
		}
		if tags[version] == r.ID {
			both = append(both, refs.Rename{From: r.Name, ID: r.ID})
		}
	}
	if _, err := s.refs.Rename(ctx, both); err != nil {
		return nil, refError(err)
	}
	return s.Pruned(ctx)
}

// RestorePruned brings pruned checkpoints back, each by its version or by its
// commit's whole id; of two with the same version the last pruned. All of them or
// none. Errors match [ErrNotFound], [ErrExists] where the name was given away
// meanwhile, and [ErrBadName] where another name is in the way.
func (s *Store) RestorePruned(ctx context.Context, versions ...string) ([]Checkpoint, error) {
	unlock, err := s.lockPrune(ctx, "prune restore")
	if err != nil {
		return nil, err
	}
	defer unlock()
	waiting, err := s.settlePruned(ctx)
	if err != nil {
		return nil, err
	}
	tags, named := s.tagsByName(), make(map[string]bool)
	var back []Checkpoint
	var renames []refs.Rename
	for _, version := range versions {
		i := slices.IndexFunc(waiting, func(p Pruned) bool { return p.Version == version || p.Commit.String() == version })
		if i < 0 {
			return nil, &NotFoundError{Rev: version, Detail: s.whereGone(ctx, version, "no pruned checkpoint that waits has this name")}
		}
		p := waiting[i]
		if named[p.ref] {
			continue
		}
		named[p.ref] = true
		if _, taken := tags[p.Version]; taken {
			return nil, &ExistsError{Version: p.Version}
		}
		back = append(back, p.Checkpoint)
		renames = append(renames, refs.Rename{From: p.ref, To: tagPrefix + p.Version, ID: p.Tag, Peeled: peeled(p.Checkpoint)})
	}
	_, err = s.refs.Rename(context.WithoutCancel(ctx), renames)
	switch {
	case errors.Is(err, refs.ErrConflict):
		return nil, &NameError{Name: strings.Join(versions, " "), Reason: err.Error()}
	case errors.Is(err, refs.ErrChanged):
		return nil, &ExistsError{Version: strings.Join(versions, " ")}
	case err != nil:
		return nil, refError(err)
	}
	// A commit that was cut off its parent for good may have it back after a crash.
	if err := s.setShallow(ctx, nil, nil); err != nil {
		s.log.Warn("what git takes for the beginnings of lines can't be brought up to date", "error", err)
	}
	return back, nil
}

func peeled(c Checkpoint) ID {
	if c.Tag == c.Commit {
		return ID{}
	}
	return c.Commit
}

// prunedByCommit finds a pruned checkpoint that waits by its whole commit's id, so
// that a program which is at work on one doesn't lose it under its hands.
func (s *Store) prunedByCommit(ctx context.Context, hex string) ([]Checkpoint, error) {
	id, err := ParseID(strings.ToLower(hex))
	if err != nil {
		return nil, nil
	}
	waiting, err := s.Pruned(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range waiting {
		if p.Commit == id {
			p.Version = id.String()
			return []Checkpoint{p.Checkpoint}, nil
		}
	}
	return nil, nil
}

// whereGone says that a version was pruned, where it was; else it says otherwise.
func (s *Store) whereGone(ctx context.Context, version, otherwise string) string {
	waiting, err := s.Pruned(ctx)
	if err == nil {
		for _, p := range waiting {
			if p.Version == version {
				return fmt.Sprintf("it was pruned at %s; `git evoseal-rollback prune restore %s` brings it back", p.At.Format(time.RFC3339), version)
			}
		}
	}
	gone, err := s.gone(ctx)
	if err != nil {
		return otherwise
	}
	var last *goneLine
	for _, g := range gone {
		if g.Version == version && (last == nil || g.Pruned.After(last.Pruned)) {
			last = &g
		}
	}
	if last == nil {
		return otherwise
	}
	return fmt.Sprintf("it was pruned at %s, and its grace is over: nothing brings it back", last.Pruned.Format(time.RFC3339))
}

// ErrNeeded says that a checkpoint can't be pruned. See [NeededError].
var ErrNeeded = errors.New("the checkpoint is needed")

// NeededError says what needs a checkpoint.
type NeededError struct{ Version, Why string }

func (e *NeededError) Error() string {
	return fmt.Sprintf("%s can't be pruned: %s", e.Version, e.Why)
}

// Is matches [ErrNeeded].
func (e *NeededError) Is(target error) bool { return target == ErrNeeded }

// IsGenerated says that a version's name is one that is made from the time when
// nobody gives one.
func IsGenerated(version string) bool {
	base, number, numbered := strings.Cut(version, ".")
	if _, err := time.Parse(generatedTime, base); err != nil || len(base) != len(generatedTime) {
		return false
	}
	n, err := strconv.Atoi(number)
	return !numbered || err == nil && n > 1 && strconv.Itoa(n) == number
}
