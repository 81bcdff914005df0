package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// output writes results to stdout. It keeps the first error of writing, which
// flush returns, so that printing needs no checks.
type output struct {
	*bufio.Writer
	color bool
}

func newOutput(p *process) *output {
	plain := p.getenv("NO_COLOR") != "" || p.getenv("TERM") == "dumb" || !p.stdoutTTY
	return &output{Writer: bufio.NewWriterSize(p.stdout, 1<<15), color: !plain}
}

func (o *output) flush() error { return o.Flush() }

func (o *output) printf(format string, args ...any) { fmt.Fprintf(o, format, args...) }

func (o *output) println(s string) { o.WriteString(s + "\n") }

// object prints v as one line of JSON.
func (o *output) object(v any) error {
	data, err := encodeJSON(v)
	if err == nil {
		o.Write(data)
	}
	return err
}

// encodeJSON leaves <, > and & as they are: it is read by programs, not by
// browsers.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// table aligns rows whose cells are split by tabs. Colour may be in the last
// cell only: elsewhere it would count as width.
func (o *output) table(rows func(w io.Writer)) {
	w := tabwriter.NewWriter(o, 0, 0, 2, ' ', 0)
	rows(w)
	w.Flush()
}

// The colours, as SGR parameters.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (o *output) paint(color, s string) string {
	if !o.color || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[m"
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 0 {
		return "-" + humanize.IBytes(uint64(-n))
	}
	return humanize.IBytes(uint64(n))
}

// count is "1 file", "1,234 files".
func count(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if before, found := strings.CutSuffix(word, "y"); found {
		word = before + "ie"
	}
	return humanize.Comma(n) + " " + word + "s"
}

// clock is a moment for people, in their own time zone.
func clock(t time.Time) string { return t.Local().Format(clockFormat) }

const clockFormat = "2006-01-02 15:04:05"

// age is "3 minutes ago".
func (c *call) age(t time.Time) string { return humanize.RelTime(t, c.now(), "ago", "from now") }

// took is a duration for people.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func millis(ms int64) string { return took(time.Duration(ms) * time.Millisecond) }

// firstLine is the first line of a text that others wrote, fit for a terminal.
func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return printable(line)
}

// printable takes out what would move a terminal's cursor or change its state.
func printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// indent puts s before each line that isn't empty.
func indent(text, s string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = s + line
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
