package odb

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestGitCountsOnNoPackThatIsGivenUp has git repack everything while a collection
// has its new packs beside the old ones, and then breaks that off: git must not have
// removed the old ones because of the new.
func TestGitCountsOnNoPackThatIsGivenUp(t *testing.T) {
	for name, deltas := range map[string]*Deltas{"copied": nil, "compressed anew": {}} {
		dir, db := newRepository(t)
		tip, _ := history(t, db, 4, 10)
		setRef(t, dir, tip)
		writePack(t, db, [][]byte{[]byte("nothing leads to this")})
		reach := db.NewReach()
		if err := reach.Walk(context.Background(), []ID{tip}); err != nil {
			t.Fatal(err)
		}
		busy := errors.New("others are at work")
		_, err := db.Collect(context.Background(), Collection{Reach: reach, Deltas: deltas, Expire: time.Now().Add(time.Hour),
			Settle: func(context.Context) (func(), error) {
				git(t, dir, nil, "repack", "-q", "-a", "-d")
				return nil, busy
			}})
		if !errors.Is(err, busy) {
			t.Errorf("%s: not broken off, but %v", name, err)
		}
		fresh, err := Open(db.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close()
		for id := range reach.seen {
			if !fresh.Stored(id) {
				t.Errorf("%s: %s is lost", name, id)
			}
		}
		fsck(t, dir)
	}
}

// TestGitRepacksUnderACollection has git remove what a collection is about to read.
func TestGitRepacksUnderACollection(t *testing.T) {
	collect := map[string]func(*DB, *Reach, func(done, total int64)) error{
		"Collect": func(db *DB, reach *Reach, progress func(done, total int64)) error {
			_, err := db.Collect(context.Background(), Collection{Reach: reach, Progress: progress, Expire: time.Now().Add(time.Hour),
				Settle: func(context.Context) (func(), error) { return func() {}, nil }})
			return err
		},
		"Consolidate": func(db *DB, _ *Reach, progress func(done, total int64)) error {
			_, err := db.Consolidate(context.Background(), Consolidation{Progress: progress})
			return err
		},
	}
	for name, collect := range collect {
		dir, db := newRepository(t)
		tip, _ := history(t, db, 4, 10)
		setRef(t, dir, tip)
		// This one isn't open yet when git removes it.
		var blobs [][]byte
		for i := range 2000 {
			blobs = append(blobs, fmt.Append(nil, "nothing leads to ", i))
		}
		writePack(t, db, blobs)
		db, err := Open(db.Dir())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		reach := db.NewReach()
		if err := reach.Walk(context.Background(), []ID{tip}); err != nil {
			t.Fatal(err)
		}
		repacked := false
		err = collect(db, reach, func(int64, int64) {
			if !repacked {
				repacked = true
				git(t, dir, nil, "repack", "-q", "-a", "-d")
			}
		})
		if err != nil || !repacked {
			t.Errorf("%s: %v (git repacked: %v)", name, err, repacked)
		}
		fsck(t, dir)
	}
}

// TestReachFollowsWhatGitMoves has blobs that move into a pack which came after the
// packs were last looked at.
func TestReachFollowsWhatGitMoves(t *testing.T) {
	dir, db := newRepository(t)
	tip, _ := history(t, db, 2, 10)
	setRef(t, dir, tip)
	reach := db.NewReach()
	reach.push(tip, 0, NameKey{})
	for n := 0; len(reach.todo) > 0; n++ {
		next := reach.todo[0]
		reach.todo = reach.todo[1:]
		if next.typ == Blob && n > 0 {
			git(t, dir, nil, "repack", "-q", "-a", "-d")
			n = -1 << 20
			// As a reader of another object would have found out.
			for _, p := range db.snapshot() {
				p.gone.Store(true)
			}
		}
		if err := reach.expand(next); err != nil {
			t.Fatal(err)
		}
	}
}
