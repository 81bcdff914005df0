package gitstore

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// manyFiles is a store with one checkpoint of many files, and a clock that goes on by a
// second whenever somebody looks at it.
func manyFiles(t *testing.T) (*world, *Store, Recorded) {
	w := newWorld(t)
	for i := range 300 {
		w.write(fmt.Sprintf("d%d/f%d", i%7, i), fmt.Sprintf("content %d", i))
	}
	var ticks atomic.Int64
	start := time.Now()
	s := w.storeWith(Options{Now: func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Second) }})
	return w, s, w.record(s, RecordRequest{Version: "v1"})
}

func TestVerifyGoesOnWhereItStopped(t *testing.T) {
	w, s, v1 := manyFiles(t)
	req := VerifyRequest{Checkpoints: []Checkpoint{v1.Checkpoint}, Refs: true, MaxTime: 2 * time.Minute}
	read, rounds := int64(0), 0
	for {
		r, err := s.VerifyStore(context.Background(), req)
		w.must(err)
		if len(r.Damage) > 0 || r.Complete == r.Stopped || r.Complete != slices.Contains(r.Intact, "v1") {
			t.Fatalf("round %d: %+v", rounds, r)
		}
		if rounds > 0 && r.Before == 0 {
			t.Errorf("round %d took nothing over: %+v", rounds, r)
		}
		read += r.Objects
		rounds++
		if r.Complete {
			break
		}
		if rounds > 50 {
			t.Fatal("it doesn't come to an end")
		}
		req.Resume = true
	}
	if rounds < 3 || read < 300 || read > 600 {
		t.Errorf("%d rounds read %d objects", rounds, read)
	}
	if _, err := os.Stat(s.cachePath(verifiedFile)); !os.IsNotExist(err) {
		t.Errorf("what is done is kept: %v", err)
	}
}

func TestVerifyStartsOverWithoutThePacks(t *testing.T) {
	w, s, v1 := manyFiles(t)
	ctx := context.Background()
	req := VerifyRequest{Checkpoints: []Checkpoint{v1.Checkpoint}, MaxTime: 2 * time.Minute}
	_, err := s.VerifyStore(ctx, req)
	w.must(err)
	kept, err := os.ReadFile(s.cachePath(verifiedFile))
	w.must(err)
	for name, harm := range map[string]func(){
		"damaged":    func() { kept[len(kept)/2] ^= 1; w.must(os.WriteFile(s.cachePath(verifiedFile), kept, 0o644)) },
		"truncated":  func() { w.must(os.Truncate(s.cachePath(verifiedFile), 5)) },
		"other pack": func() { w.git("--git-dir=.evoseal/.git", "repack", "-adqF") },
	} {
		_, err := s.VerifyStore(ctx, req)
		w.must(err)
		harm()
		w.must(s.db.Refresh())
		r, err := s.VerifyStore(ctx, VerifyRequest{Checkpoints: req.Checkpoints, Resume: true})
		w.must(err)
		if r.StartedOver == "" || r.Before != 0 || !r.Complete {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestVerifyNamesWhatDamageHitsWhenTheTimeIsUp(t *testing.T) {
	w, s, v1 := manyFiles(t)
	id := w.git("--git-dir=.evoseal/.git", "rev-parse", "v1:d0/f0")
	pack := w.packFiles(s)[0]
	data, err := os.ReadFile(pack)
	w.must(err)
	at := s.db.Locate(mustID(t, id)).Offset
	data[at+6] ^= 0x40
	w.must(os.WriteFile(w.replace(pack), data, 0o444))
	r, err := w.storeWith(s.opts).VerifyStore(context.Background(), VerifyRequest{Checkpoints: []Checkpoint{v1.Checkpoint}, MaxTime: 5 * time.Minute})
	w.must(err)
	if !r.Stopped {
		t.Skip("the damaged file's directory came last")
	}
	for _, d := range r.Damage {
		if d.Object.String() == id && !slices.Equal(d.Versions, []string{"v1"}) {
			t.Errorf("damage names %q", d.Versions)
		}
	}
}

func TestVerifySampleIsAsBigAsAsked(t *testing.T) {
	w, s, v1 := manyFiles(t)
	ctx := context.Background()
	for _, c := range []struct {
		sample   Sample
		min, max int64
	}{
		{Sample{Share: 0.2, Seed: 1}, 30, 90}, {Sample{Count: 30, Seed: 2}, 10, 60}, {Sample{Share: 1, Seed: 3}, 300, 300},
	} {
		r, err := s.VerifyStore(ctx, VerifyRequest{Checkpoints: []Checkpoint{v1.Checkpoint}, Sample: c.sample})
		w.must(err)
		files := 300 - r.Unread
		if files < c.min || files > c.max || r.Complete != (r.Unread == 0) || r.Complete != (len(r.Intact) == 1) {
			t.Errorf("%+v read %d files: %+v", c.sample, files, r)
		}
		again, err := s.VerifyStore(ctx, VerifyRequest{Checkpoints: []Checkpoint{v1.Checkpoint}, Sample: c.sample})
		w.must(err)
		if again.Unread != r.Unread || again.Bytes != r.Bytes {
			t.Errorf("the same seed took others: %+v, %+v", r, again)
		}
	}
}

func mustID(t *testing.T, text string) ID {
	t.Helper()
	id, err := ParseID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
