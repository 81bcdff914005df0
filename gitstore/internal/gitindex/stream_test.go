package gitindex

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

// streamed gathers what Stream hands on, and checks that it is what it returns.
func streamed(t testing.TB, from io.Reader, size int) ([]Entry, error) {
	t.Helper()
	var runs []Entry
	entries, err := Stream(from, size, func(run []Entry) { runs = append(runs, run...) })
	if err == nil && !slices.Equal(runs, entries) {
		t.Fatalf("%d entries in runs, %d at the end", len(runs), len(entries))
	}
	return entries, err
}

// sameStreamed checks that Stream reads what Decode reads, and refuses what it refuses.
func sameStreamed(t testing.TB, data []byte) {
	t.Helper()
	want, wrong := Decode(data)
	got, err := streamed(t, bytes.NewReader(data), len(data))
	if (err == nil) != (wrong == nil) || err == nil && !slices.Equal(got, want) {
		t.Fatalf("Stream reads %d entries (%v), Decode %d (%v)", len(got), err, len(want), wrong)
	}
}

func TestStream(t *testing.T) {
	for _, test := range indexes {
		t.Run(test.name, func(t *testing.T) {
			r := newRepo(t)
			r.fill()
			test.make(r)
			sameStreamed(t, r.index())
		})
	}
	for n := range 20 {
		sameStreamed(t, testIndex(t, n))
	}
}

// An index that comes in many pieces, whose bounds go through entries.
func TestStreamInPieces(t *testing.T) {
	want := manyEntries(50_000)
	var b bytes.Buffer
	if err := Encode(&b, Pointers(want)); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	if len(data) < 5*streamPiece {
		t.Fatalf("%d bytes are too few", len(data))
	}
	for _, from := range []io.Reader{bytes.NewReader(data), iotest.HalfReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
		got, err := streamed(t, from, len(data))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d entries: %v", len(got), err)
		}
	}
	for _, at := range []int{20, streamPiece - 1, streamPiece, 3*streamPiece + 7, len(data) - checksumSize - 1, len(data) - 1} {
		// A checksum is told to be wrong at the end, also when all else is right.
		if _, err := streamed(t, bytes.NewReader(change(data, at, data[at]^1)), len(data)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("a bit of byte %d fell over: %v", at, err)
		}
		if _, err := streamed(t, bytes.NewReader(data[:at]), len(data)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("it ends after %d bytes: %v", at, err)
		}
	}
}
