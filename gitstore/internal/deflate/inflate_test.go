package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	klauspost "github.com/klauspost/compress/flate"
)

// deflated is data as the standard library deflates it.
func deflated(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// goSources is where Go's own sources are.
func goSources(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src")
}

// samples are contents of many kinds.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	skewed := make([]byte, 100_000)
	for i := range skewed {
		// Codewords of all lengths up to the longest.
		for skewed[i] = 'a'; skewed[i] < 'z' && rng.IntN(2) == 0; {
			skewed[i]++
		}
	}
	source, err := os.ReadFile(filepath.Join(goSources(t), "fmt", "print.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{
		"nothing": nil, "one byte": {'x'}, "two bytes": []byte("xy"), "noise": noise, "skewed": skewed, "source": source,
		"zeros": make([]byte, 70_000), "mixed": bytes.Join([][]byte{noise[:3000], source, noise[:5000], skewed[:999]}, nil),
	}
	for period := 2; period < 20; period++ {
		all[fmt.Sprint("period ", period)] = []byte(strings.Repeat("abcdefghijklmnopqrst"[:period], 999))
	}
	for n := 250; n < 290; n++ {
		all[fmt.Sprint("source of ", n)] = source[:n]
	}
	return all
}

func TestInflate(t *testing.T) {
	var z Inflater
	for name, want := range samples(t) {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			stream := deflated(t, want, level)
			for _, slack := range []int{0, 1, Slack} {
				for _, after := range []int{0, 1, 100} {
					src := append(bytes.Clone(stream), make([]byte, after)...)
					got := make([]byte, len(want)+slack)
					n, used, err := z.Inflate(got, src)
					if err != nil || !bytes.Equal(got[:n], want) || used != len(stream) {
						t.Fatalf("%s, level %d, %d bytes of slack, %d after: %d bytes of %d, %d used of %d: %v",
							name, level, slack, after, n, len(want), used, len(stream), err)
					}
				}
			}
		}
	}
}

// A destination that is too short is told from a stream that is wrong, and nearly
// filled.
func TestInflateTooMuch(t *testing.T) {
	var z Inflater
	for name, want := range samples(t) {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.HuffmanOnly} {
			stream := deflated(t, want, level)
			for _, room := range []int{0, 1, 20, 300, len(want) - 300, len(want) - 1} {
				if room < 0 || room >= len(want) {
					continue
				}
				got := make([]byte, room)
				n, _, err := z.Inflate(got, stream)
				if !errors.Is(err, ErrSize) || n < room-257 || !bytes.Equal(got[:n], want[:n]) {
					t.Errorf("%s, level %d: %d bytes of room get %d: %v", name, level, room, n, err)
				}
			}
		}
	}
}

// Whatever a stream is cut off after, it is too short.
func TestInflateCutOff(t *testing.T) {
	var z Inflater
	source := samples(t)["source"][:3000]
	for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.HuffmanOnly} {
		stream := deflated(t, source, level)
		for n := range stream {
			if _, _, err := z.Inflate(make([]byte, len(source)+Slack), stream[:n]); !errors.Is(err, ErrShort) {
				t.Fatalf("level %d, %d bytes of %d: %v", level, n, len(stream), err)
			}
		}
	}
}

// FuzzInflate compares with the standard library what any bytes inflate to.
func FuzzInflate(f *testing.F) {
	for _, want := range samples(f) {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
			if len(want) < 4000 {
				f.Add(deflated(f, want, level))
			}
		}
	}
	f.Add([]byte{0x05, 0xc0, 0x81, 0, 0, 0, 0, 0, 0x10, 0xff, 0x6b, 0x04})
	f.Fuzz(func(t *testing.T, src []byte) {
		compare(t, src)
	})
}

// compare inflates src both ways.
func compare(t *testing.T, src []byte) {
	t.Helper()
	const most = 1 << 16
	in := bytes.NewReader(src)
	want, wrong := io.ReadAll(io.LimitReader(flate.NewReader(in), most+1))
	var z Inflater
	got := make([]byte, most)
	n, used, err := z.Inflate(got, src)
	switch {
	case len(want) > most:
		if err == nil {
			t.Fatalf("%d bytes were expected, or more", most)
		}
	case wrong != nil:
		if err == nil {
			t.Fatalf("inflated %d bytes where %v", n, wrong)
		}
	case err != nil:
		t.Fatalf("%v, where %d bytes were expected", err, len(want))
	case !bytes.Equal(got[:n], want):
		t.Fatalf("inflated %d bytes, which aren't the %d that were expected", n, len(want))
	case used != len(src)-in.Len():
		t.Fatalf("%d bytes used, not %d", used, len(src)-in.Len())
	}
	// Without any slack the end is inflated by other code.
	if err == nil {
		exact := make([]byte, n)
		if m, again, err := z.Inflate(exact, src); err != nil || again != used || !bytes.Equal(exact[:m], got[:n]) {
			t.Fatalf("another %d bytes where the destination is no longer than needed: %v", m, err)
		}
	}
}

// Bytes that fell over in the middle of a stream give an error or other bytes, as the
// standard library has them.
func TestInflateDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	source := samples(t)["source"]
	for range 3000 {
		n := 1 + rng.IntN(5000)
		stream := deflated(t, source[:n], flate.BestSpeed+rng.IntN(9))
		for range 1 + rng.IntN(3) {
			stream[rng.IntN(len(stream))] ^= 1 << rng.IntN(8)
		}
		compare(t, stream)
	}
}

// sources are source files as a repository has them: many, so that no processor learns
// them by heart.
func sources(b *testing.B) (files [][]byte, total int64) {
	b.Helper()
	paths, err := filepath.Glob(filepath.Join(goSources(b), "*", "*.go"))
	if err != nil || len(paths) == 0 {
		b.Fatal(len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, data)
		total += int64(len(data))
	}
	return files, total
}

func BenchmarkInflate(b *testing.B) {
	files, total := sources(b)
	streams := make([][]byte, len(files))
	longest := 0
	for i, data := range files {
		streams[i] = deflated(b, data, flate.BestSpeed)
		longest = max(longest, len(data))
	}
	dst := make([]byte, longest+Slack)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(total)
		var z Inflater
		for b.Loop() {
			for i, stream := range streams {
				if n, _, err := z.Inflate(dst[:len(files[i])+Slack], stream); err != nil || n != len(files[i]) {
					b.Fatal(n, err)
				}
			}
		}
	})
	b.Run("klauspost", func(b *testing.B) {
		b.SetBytes(total)
		src := bytes.NewReader(nil)
		r := klauspost.NewReader(src)
		for b.Loop() {
			for i, stream := range streams {
				src.Reset(stream)
				if err := r.(klauspost.Resetter).Reset(src, nil); err != nil {
					b.Fatal(err)
				}
				if n, err := io.ReadFull(r, dst[:len(files[i])]); err != nil {
					b.Fatal(n, err)
				}
			}
		}
	})
}
