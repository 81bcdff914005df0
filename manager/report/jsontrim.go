package report

import (
	"bufio"
	"errors"
	"io"
)

// maxString is how much of a JSON string is passed on, in bytes as written.
const maxString = 64 << 10

// maxBare bounds what stands outside strings without a space or a sign of JSON,
// such as a number.
const maxBare = 4 << 10

// jsonTrimmer passes JSON on and cuts its long strings, since decoders hold a
// whole string in memory and runners write all that a test printed as one. It
// checks nothing else. A line end ends any string: JSON allows none inside, and
// streams of lines hold other text as well.
type jsonTrimmer struct {
	in *bufio.Reader
	// squeeze drops all but the first of a row of white space: a decoder holds the
	// whole row.
	squeeze bool
	space   bool
	// line counts lines.
	line     int
	inString bool
	run      int
	// escape counts the bytes that belong to an escape that has begun.
	escape   int
	dropping bool
	err      error
}

func trimStrings(r io.Reader) *jsonTrimmer {
	return &jsonTrimmer{in: bufio.NewReaderSize(r, bufferSize), line: 1}
}

// Read passes on what is left after cutting.
func (t *jsonTrimmer) Read(p []byte) (int, error) {
	for t.err == nil && len(p) > 0 {
		if t.in.Buffered() == 0 {
			if _, err := t.in.Peek(1); err != nil {
				t.err = err
				break
			}
		}
		buf, _ := t.in.Peek(t.in.Buffered())
		used, n := 0, 0
		for used < len(buf) && n < len(p) && t.err == nil {
			c := buf[used]
			used++
			if t.step(c) {
				p[n] = c
				n++
			}
		}
		t.in.Discard(used)
		if n > 0 {
			return n, nil
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if errors.Is(t.err, io.EOF) {
		return 0, io.EOF
	}
	return 0, t.err
}

// step takes a byte and says whether to pass it on.
func (t *jsonTrimmer) step(c byte) bool {
	if c == '\n' {
		t.line++
		t.inString, t.dropping, t.run, t.escape = false, false, 0, 0
	}
	if again := t.space; t.squeeze && !t.inString {
		t.space = c == ' ' || c == '\t' || c == '\r' || c == '\n'
		if t.space && again {
			return false
		}
	}
	if !t.inString {
		return t.outside(c)
	}
	switch {
	case t.escape > 0:
		// Of \uXXXX, four more bytes follow the letter.
		if t.escape--; t.escape == 0 && c == 'u' && !t.dropping {
			t.escape = -4
		}
		t.run++
		return !t.dropping
	case t.escape < 0:
		t.escape++
		if c != '"' {
			t.run++
			return !t.dropping
		}
		t.escape = 0
	}
	switch {
	case c == '"':
		t.inString, t.dropping, t.run = false, false, 0
		return true
	case t.run > maxString:
		t.dropping = true
	}
	if c == '\\' {
		t.escape = 1
	}
	t.run++
	return !t.dropping
}

func (t *jsonTrimmer) outside(c byte) bool {
	switch c {
	case '"':
		t.inString, t.run = true, 0
	case ' ', '\t', '\r', '\n', ',', ':', '[', ']', '{', '}':
		t.run = 0
	default:
		t.run++
	}
	if t.run > maxBare {
		// Lines of other programs may be of any length; a decoder's input may not.
		t.run = maxBare
		return false
	}
	return true
}
