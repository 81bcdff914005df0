package report

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// declaredEncoding finds the encoding in an XML declaration.
var declaredEncoding = pattern(`^\s*<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)

// asUTF8 turns XML into UTF-8, by its byte order mark or else by what it
// declares. UTF-8, UTF-16, ISO-8859-1 and ASCII are read.
func asUTF8(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, bufferSize)
	head, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		in.Discard(3)
		return in, nil
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}), bytes.HasPrefix(head, []byte{0, '<', 0}):
		return bufio.NewReader(&utf16Reader{in: in, order: binary.BigEndian}), nil
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{'<', 0}):
		return bufio.NewReader(&utf16Reader{in: in, order: binary.LittleEndian}), nil
	}
	head, _ = in.Peek(256)
	match := declaredEncoding().FindSubmatch(head)
	if match == nil {
		return in, nil
	}
	switch label := strings.ToLower(string(match[1])); label {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "iso_8859-1", "iso8859-1", "latin1", "latin-1":
		return bufio.NewReader(&latin1Reader{in: in}), nil
	default:
		return nil, brokenf("its encoding %s isn't read: write UTF-8", shown(label))
	}
}

// utf16Reader turns UTF-16 into UTF-8.
type utf16Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	out   []byte
}

// Read fails with io.ErrUnexpectedEOF where half a unit is left.
func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(u.out) == 0 {
		r, err := u.char()
		if err != nil {
			return 0, err
		}
		// The byte order mark is no part of the text.
		if r != '\uFEFF' {
			u.out = utf8.AppendRune(u.out[:0], r)
		}
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// char reads one or two units. What pairs up wrongly becomes the replacement
// character.
func (u *utf16Reader) char() (rune, error) {
	var unit [2]byte
	if _, err := io.ReadFull(u.in, unit[:]); err != nil {
		return 0, err
	}
	r := rune(u.order.Uint16(unit[:]))
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	next, err := u.in.Peek(2)
	if err != nil {
		return utf8.RuneError, nil
	}
	pair := utf16.DecodeRune(r, rune(u.order.Uint16(next)))
	if pair != utf8.RuneError {
		u.in.Discard(2)
	}
	return pair, nil
}

// latin1Reader turns ISO-8859-1 into UTF-8.
type latin1Reader struct {
	in  *bufio.Reader
	out []byte
}

// Read turns one buffer at a time.
func (l *latin1Reader) Read(p []byte) (int, error) {
	if len(l.out) == 0 {
		raw := make([]byte, min(max(len(p)/2, 1), 4096))
		n, err := l.in.Read(raw)
		if n == 0 {
			return 0, err
		}
		l.out = l.out[:0]
		for _, b := range raw[:n] {
			l.out = utf8.AppendRune(l.out, rune(b))
		}
	}
	n := copy(p, l.out)
	l.out = l.out[n:]
	return n, nil
}
