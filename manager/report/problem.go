package report

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxProblems bounds what is said of one file: a file that is broken on every
// line is as broken as one that is broken on twenty.
const maxProblems = 20

// maxShown is how much of a name or a line a problem shows, in bytes.
const maxShown = 120

// problems collects what keeps a report from being trusted.
type problems struct {
	said []string
	more int
	// max is how many are kept, maxProblems where it is 0.
	max int
}

func (p *problems) add(format string, args ...any) {
	most := p.max
	if most == 0 {
		most = maxProblems
	}
	if len(p.said) == most {
		p.more++
		return
	}
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

func (p *problems) list() []string {
	if p.more > 0 {
		return append(p.said, fmt.Sprintf("and %d more", p.more))
	}
	return p.said
}

// broken ends the reading of a file and says why; it becomes a problem.
type broken struct{ reason string }

func (b *broken) Error() string { return b.reason }

func brokenf(format string, args ...any) error {
	return &broken{reason: fmt.Sprintf(format, args...)}
}

// errTooLong is what limited readers end in.
var errTooLong = errors.New("too large")

// limited reads at most left bytes and fails where there are more, so that a file
// cut at a limit isn't taken for a whole one.
type limited struct {
	r    io.Reader
	left int64
	max  int64
	err  error
}

func limit(r io.Reader, max int64) *limited { return &limited{r: r, left: max, max: max} }

// Read fails with errTooLong once the limit is passed.
func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		// Buffered readers ask again after an error.
		l.err = fmt.Errorf("%w: more than %d bytes", errTooLong, l.max)
		return int(l.left), l.err
	}
	l.left -= int64(n)
	return n, err
}

// shown is a piece of a report in a problem: quoted, since it may hold control
// bytes and text that changes direction, and short.
func shown(s string) string {
	return strconv.Quote(cut(s, maxShown))
}

// cut shortens s to at most n bytes, at the end of a character.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
