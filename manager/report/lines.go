package report

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds a line of a report that is read line by line, in bytes. Runners
// cut the output that they quote far below it.
const maxLine = 1 << 20

// bufferSize is that of all buffered readers, in bytes.
const bufferSize = 16 << 10

// lines reads a report line by line. A line beyond maxLine is cut, and cut says
// so, which leaves it to the reader of a format whether such a line matters.
type lines struct {
	r      *bufio.Reader
	long   []byte
	number int
	// cut says that the line was longer than maxLine.
	cut bool
	// ended says that the latest line has a line end. The last line of a file that
	// was cut off usually has none.
	ended bool
}

func newLines(r io.Reader) *lines {
	in := bufio.NewReaderSize(r, bufferSize)
	if head, _ := in.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
	}
	return &lines{r: in, ended: true}
}

// next returns a line without its end, valid until the next call, or io.EOF.
func (l *lines) next() ([]byte, error) {
	l.cut, l.long = false, l.long[:0]
	for {
		piece, err := l.r.ReadSlice('\n')
		switch {
		case err == nil:
			l.number++
			l.ended = true
			return trimEnd(l.join(piece)), nil
		case errors.Is(err, bufio.ErrBufferFull):
			l.long = l.join(piece)
		case errors.Is(err, io.EOF):
			line := l.join(piece)
			if len(line) == 0 {
				return nil, io.EOF
			}
			l.number++
			l.ended = false
			return line, nil
		default:
			return nil, err
		}
	}
}

func (l *lines) join(piece []byte) []byte {
	if len(l.long) == 0 && !l.cut {
		if len(piece) < l.r.Size() {
			return piece
		}
	}
	if room := maxLine - len(l.long); len(piece) > room {
		l.cut = true
		piece = piece[:room]
	}
	l.long = append(l.long, piece...)
	return l.long
}

func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}
