package deflate

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	klauspost "github.com/klauspost/compress/zlib"
)

// inflated is what the standard library makes of a zlib stream, which must be all of it.
func inflated(t testing.TB, stream []byte) []byte {
	t.Helper()
	in := bytes.NewReader(stream)
	r, err := zlib.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if in.Len() > 0 {
		t.Fatalf("%d bytes follow the stream", in.Len())
	}
	return data
}

func roundTrip(t *testing.T, d *Deflater, data []byte) {
	t.Helper()
	prefix := []byte("before")
	stream := d.AppendZlib(bytes.Clone(prefix), data)
	if !bytes.HasPrefix(stream, prefix) {
		t.Fatal("what was there before isn't any more")
	}
	stream = stream[len(prefix):]
	if got := inflated(t, stream); !bytes.Equal(got, data) {
		t.Fatalf("%d bytes became %d others", len(data), len(got))
	}
	var z Inflater
	got := make([]byte, len(data)+Slack)
	if n, used, err := z.Inflate(got, stream[2:]); err != nil || used != len(stream)-6 || !bytes.Equal(got[:n], data) {
		t.Fatalf("we inflate %d bytes to %d: %v", len(data), n, err)
	}
	// zlib's own bound, which readers go by.
	if most := len(data) + len(data)>>12 + len(data)>>14 + len(data)>>25 + 13; len(stream) > most {
		t.Fatalf("%d bytes became %d, more than zlib's %d", len(data), len(stream), most)
	}
}

func TestDeflate(t *testing.T) {
	var d Deflater
	for name, data := range samples(t) {
		t.Run(name, func(t *testing.T) { roundTrip(t, &d, data) })
	}
}

// One input's places aren't taken for the next one's, also where their numbers
// overflow.
func TestDeflaterIsUsedAgain(t *testing.T) {
	var d Deflater
	source := samples(t)["source"]
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 300 {
		if i == 150 {
			d.matcher.base = 1<<32 - 1 - uint32(len(source))
		}
		from := rng.IntN(len(source))
		roundTrip(t, &d, source[from:from+rng.IntN(len(source)-from)])
	}
}

// Fibonacci's numbers make the deepest of all trees: its codewords must be shortened.
func TestLongCodes(t *testing.T) {
	var c coder
	freq := make([]uint32, 40)
	a, b := uint32(1), uint32(1)
	for i := range freq {
		freq[i] = a
		a, b = b, a+b
	}
	for _, most := range []int{7, maxCode} {
		code := make([]codeword, len(freq))
		c.make(code, freq, most)
		room := 1 << most
		for _, w := range code {
			if w.len() < 1 || int(w.len()) > most {
				t.Fatalf("a codeword of %d bits", w.len())
			}
			room -= 1 << (most - int(w.len()))
		}
		if room != 0 {
			t.Errorf("%d of %d bits' room is left", room, most)
		}
	}
}

func FuzzDeflate(f *testing.F) {
	for _, data := range samples(f) {
		if len(data) < 4000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Deflater
		roundTrip(t, &d, data)
		// Long enough for several blocks.
		if len(data) > 0 {
			roundTrip(t, &d, bytes.Repeat(data, 1+200_000/len(data)))
		}
	})
}

func BenchmarkDeflate(b *testing.B) {
	files, total := sources(b)
	measure := func(name string, deflate func(dst, src []byte) []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(total)
			var dst []byte
			size := 0
			for b.Loop() {
				size = 0
				for _, data := range files {
					dst = deflate(dst[:0], data)
					size += len(dst)
				}
			}
			b.ReportMetric(float64(size)/float64(total), "of-the-size")
		})
	}
	var d Deflater
	measure("ours", d.AppendZlib)
	for level := 1; level <= 3; level++ {
		w, err := klauspost.NewWriterLevel(nil, level)
		if err != nil {
			b.Fatal(err)
		}
		measure(fmt.Sprint("klauspost-", level), func(dst, src []byte) []byte {
			buf := bytes.NewBuffer(dst)
			w.Reset(buf)
			w.Write(src)
			w.Close()
			return buf.Bytes()
		})
	}
}
