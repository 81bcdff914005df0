package delta

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// source is text of n lines, as source files have them.
func source(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "\tif x%d := call(%d, %q); x%d != nil {\n", r.IntN(50), r.IntN(1000), "word", i%7)
	}
	return b.Bytes()
}

// edited is b with a few lines changed, moved, added and removed.
func edited(b []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	lines := bytes.SplitAfter(bytes.Clone(b), []byte("\n"))
	for range 1 + len(lines)/50 {
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		switch r.IntN(4) {
		case 0:
			lines[i] = fmt.Appendf(nil, "changed %d\n", r.Uint32())
		case 1:
			lines[i], lines[j] = lines[j], lines[i]
		case 2:
			lines = append(lines[:i+1], lines[i:]...)
		case 3:
			lines[i] = nil
		}
	}
	return bytes.Join(lines, nil)
}

func pairs() map[string][2][]byte {
	text := source(1, 2000)
	zeros := make([]byte, 300_000)
	return map[string][2][]byte{
		"same": {text, text}, "edited": {text, edited(text, 1)}, "other": {text, source(2, 2000)},
		"empty base": {nil, text}, "empty target": {text, nil}, "both empty": {nil, nil}, "short": {[]byte("abc"), []byte("abcd")},
		"zeros": {zeros, append([]byte{1}, zeros...)}, "long copies": {bytes.Repeat(text, 40), bytes.Repeat(text, 41)},
		"one block": {text[:16], append([]byte("x"), text[:16]...)}, "end": {text, text[len(text)-50:]},
	}
}

func TestWhatIsEncodedIsApplied(t *testing.T) {
	for name, p := range pairs() {
		base, target := p[0], p[1]
		d, ok := NewIndex(base).Encode(nil, target, 2*len(target)+100)
		if !ok {
			t.Errorf("%s: no delta", name)
			continue
		}
		got, err := Apply(base, d)
		if err != nil || !bytes.Equal(got, target) {
			t.Errorf("%s: %d bytes instead of %d: %v", name, len(got), len(target), err)
		}
		theirs, err := packfile.PatchDelta(base, d)
		if len(base) > 0 && len(target) > 0 && (err != nil || !bytes.Equal(theirs, target)) {
			t.Errorf("%s: go-git has another target: %v", name, err)
		}
		if from, to, _, err := Sizes(d); err != nil || from != uint64(len(base)) || to != uint64(len(target)) {
			t.Errorf("%s: sizes %d and %d: %v", name, from, to, err)
		}
		if _, ok := NewIndex(base).Encode(nil, target, len(d)-1); ok {
			t.Errorf("%s: limit not kept", name)
		}
	}
}

func TestDeltasAreSmall(t *testing.T) {
	base := source(1, 5000)
	target := edited(base, 3)
	d, ok := NewIndex(base).Encode(nil, target, len(target))
	theirs := len(packfile.DiffDelta(base, target))
	if !ok || len(d) > theirs {
		t.Errorf("%d bytes, where go-git's has %d", len(d), theirs)
	}
}

func TestMalformedDeltas(t *testing.T) {
	base := source(1, 10)
	whole, _ := NewIndex(base).Encode(nil, edited(base, 1), 1<<20)
	for n := range len(whole) {
		if _, err := Apply(base, whole[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut off at %d: %v", n, err)
		}
	}
	for name, d := range map[string][]byte{
		"other base": append([]byte{1}, whole[1:]...), "reserved": {0, 1, 0}, "huge": {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 'a'},
		"outside": {0, 1, 0x90, 1}, "overlong": {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1},
	} {
		if _, err := Apply(base, d); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, p := range pairs() {
		f.Add(p[0][:min(len(p[0]), 4096)], p[1][:min(len(p[1]), 4096)])
	}
	f.Fuzz(func(t *testing.T, base, target []byte) {
		d, ok := NewIndex(base).Encode(nil, target, 2*len(target)+40)
		if !ok {
			t.Fatal("no delta within a limit that any fits in")
		}
		if got, err := Apply(base, d); err != nil || !bytes.Equal(got, target) {
			t.Fatalf("%q: %v", got, err)
		}
		if got, err := packfile.PatchDelta(base, d); len(base) > 0 && len(target) > 0 && (err != nil || !bytes.Equal(got, target)) {
			t.Fatalf("go-git has %q: %v", got, err)
		}
	})
}

func FuzzApply(f *testing.F) {
	base := source(1, 20)
	d, _ := NewIndex(base).Encode(nil, edited(base, 1), 1<<20)
	f.Add(d)
	f.Fuzz(func(t *testing.T, d []byte) {
		got, err := Apply(base, d)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		if _, to, _, sizes := Sizes(d); err == nil && (sizes != nil || to != uint64(len(got))) {
			t.Fatalf("%d bytes instead of %d", len(got), to)
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	base := source(1, 1000)
	b.SetBytes(int64(len(base)))
	for b.Loop() {
		NewIndex(base)
	}
}

func BenchmarkEncode(b *testing.B) {
	base := source(1, 1000)
	target := edited(base, 1)
	x := NewIndex(base)
	var out []byte
	b.SetBytes(int64(len(target)))
	for b.Loop() {
		out, _ = x.Encode(out[:0], target, len(target))
	}
	b.ReportMetric(float64(len(out)), "delta-bytes")
}

func BenchmarkEncodeForeign(b *testing.B) {
	x := NewIndex(source(1, 1000))
	target := source(2, 1000)
	b.SetBytes(int64(len(target)))
	for b.Loop() {
		x.Encode(nil, target, len(target)/2)
	}
}

func BenchmarkApply(b *testing.B) {
	base := source(1, 1000)
	d, _ := NewIndex(base).Encode(nil, edited(base, 1), 1<<20)
	b.SetBytes(int64(len(base)))
	for b.Loop() {
		if _, err := Apply(base, d); err != nil {
			b.Fatal(err)
		}
	}
}
