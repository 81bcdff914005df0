package manager

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// Status is how things stand. A project without a store has only a Project.
type Status struct {
	Project string
	// Store is empty when there is none yet.
	Store       string
	Head        gitstore.Head
	Checkpoints int
	// Latest is nil when nothing was recorded yet.
	Latest *gitstore.Checkpoint
	Target TargetStatus
	// LastRecord is the newest record of the history, nil when it is empty.
	LastRecord *Record
}

// TargetStatus is what the rollback target holds.
type TargetStatus struct {
	Path string
	// Version and Commit are empty when there is no rollback to look at.
	Version string
	Commit  gitstore.ID
	Since   time.Time
	Paths   []string
	// Differences are paths that were changed in it since.
	Differences []gitstore.Difference
	// Previous is the version that Undo brings back; empty when there is none.
	Previous string
}

// Status looks at project, store and target, and changes nothing.
func (m *Manager) Status(ctx context.Context) (*Status, error) {
	st := &Status{Project: m.project.Root, Head: m.project.Head()}
	s, err := m.Store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	st.Store = s.Dir()
	for c, err := range s.Newest(ctx) {
		if err != nil {
			return nil, err
		}
		if st.Checkpoints++; st.Checkpoints == 1 {
			latest := c
			st.Latest = &latest
		}
	}
	st.Target, err = m.targetStatus(s, func(dir *os.File, slot *gitstore.Slot) ([]gitstore.Difference, error) {
		return s.CheckSlot(ctx, dir, slot, false)
	})
	if err != nil {
		return nil, err
	}
	records, err := m.History(ctx, HistoryFilter{Limit: 1})
	if err == nil && len(records) > 0 {
		st.LastRecord = &records[0]
	}
	return st, err
}

// Target says what the rollback target holds, without comparing it.
func (m *Manager) Target(ctx context.Context) (TargetStatus, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return TargetStatus{}, err
	}
	return m.targetStatus(s, func(*os.File, *gitstore.Slot) ([]gitstore.Difference, error) { return nil, nil })
}

// looks is how often a target is looked at that another process replaces between the
// look at its name and the look into it.
const looks = 20

// targetStatus leaves the comparison of the target with what was written to
// compare.
func (m *Manager) targetStatus(s *gitstore.Store, compare func(*os.File, *gitstore.Slot) ([]gitstore.Difference, error)) (TargetStatus, error) {
	for n := 1; ; n++ {
		st, err := m.targetStatusOnce(s, compare)
		if n < looks && (errors.Is(err, safety.ErrChanged) || errors.Is(err, safety.ErrUnsafe)) {
			continue
		}
		if errors.Is(err, safety.ErrUnsafe) {
			err = nil
		}
		return st, err
	}
}

func (m *Manager) targetStatusOnce(s *gitstore.Store, compare func(*os.File, *gitstore.Slot) ([]gitstore.Difference, error)) (TargetStatus, error) {
	decision, err := m.choose(s, RollbackRequest{Adopt: true})
	if errors.Is(err, safety.ErrUnsafe) {
		return TargetStatus{Path: decision.Requested}, err
	}
	if err != nil {
		return TargetStatus{}, err
	}
	defer decision.Target.Close()
	st := TargetStatus{Path: decision.Target.Path()}
	if prev, err := decision.Target.OpenPrevious(); err == nil {
		if slot, err := s.SlotOf(prev); err == nil && slot != nil {
			st.Previous = slot.Version
		}
		prev.Close()
	}
	dir, err := decision.Target.Open()
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	defer dir.Close()
	slot, err := s.SlotOf(dir)
	if err != nil || slot == nil {
		return st, err
	}
	st.Version, st.Commit, st.Since, st.Paths = slot.Version, slot.Commit, slot.Time, slot.Paths
	if st.Differences, err = compare(dir, slot); err != nil {
		m.log.Warn("the target can't be compared with what was written into it", "error", err)
	}
	return st, nil
}
