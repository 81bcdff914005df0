package odb

import (
	"context"
	"errors"
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
