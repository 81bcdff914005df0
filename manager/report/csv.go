package report

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// maxRecord bounds one line of CSV, in bytes, with the line ends in its quotes.
const maxRecord = 1 << 20

// recordSource stands before the reader of CSV, which holds a whole record in
// memory, and fails where one goes beyond maxRecord. It also notes how the file
// ends.
type recordSource struct {
	in   *bufio.Reader
	used int
	last byte
}

// Read passes on a line at most, so that used tells what the present record took.
func (s *recordSource) Read(p []byte) (int, error) {
	if s.used > maxRecord {
		return 0, brokenf("a line has more than %d bytes", maxRecord)
	}
	n := 0
	for n < len(p) {
		c, err := s.in.ReadByte()
		if err != nil {
			if n > 0 {
				break
			}
			return 0, err
		}
		p[n], s.last = c, c
		n++
		if c == '\n' {
			break
		}
	}
	s.used += n
	return n, nil
}

// readCSV reads a header line and lines of values. With the columns name (or
// metric) and value, each line is a sample of the metric that it names; without,
// each column is a metric, each line has one sample of all, and an empty field is
// none. Columns beside name and value say nothing.
func readCSV(r io.Reader, s *series) error {
	source := &recordSource{in: bufio.NewReader(r)}
	if head, _ := source.in.Peek(3); string(head) == "\xef\xbb\xbf" {
		source.in.Discard(3)
	}
	c := csv.NewReader(source)
	c.ReuseRecord, c.TrimLeadingSpace = true, true
	record, err := c.Read()
	if errors.Is(err, io.EOF) {
		return brokenf("it is empty: CSV begins with a line of names")
	}
	if err != nil {
		return csvError(err)
	}
	header := make([]string, len(record))
	for i, name := range record {
		header[i] = strings.TrimSpace(strings.Clone(name))
	}
	row, err := csvColumns(header)
	if err != nil {
		return err
	}
	for {
		source.used = 0
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return csvError(err)
		}
		if err := row(s, record); err != nil {
			line, _ := c.FieldPos(0)
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if source.last != '\n' {
		return brokenf("it ends in the middle: the last line has no line end")
	}
	return nil
}

// csvColumns finds out which form the header announces, and returns what takes a
// line of it.
func csvColumns(header []string) (func(*series, []string) error, error) {
	name, value := -1, -1
	seen := map[string]bool{}
	for i, h := range header {
		switch {
		case h == "":
			return nil, brokenf("line 1: column %d has no name", i+1)
		case seen[h]:
			return nil, brokenf("line 1: two columns are named %s", shown(h))
		}
		seen[h] = true
		switch strings.ToLower(h) {
		case "name", "metric":
			name = i
		case "value":
			value = i
		}
	}
	if name >= 0 && value >= 0 {
		return func(s *series, record []string) error {
			return s.addText(strings.Clone(strings.TrimSpace(record[name])), strings.TrimSpace(record[value]))
		}, nil
	}
	if len(header) > verdict.MaxMetrics {
		return nil, fmt.Errorf("%w: more than %d metrics", verdict.ErrTooLarge, verdict.MaxMetrics)
	}
	return func(s *series, record []string) error {
		for i, text := range record {
			if text = strings.TrimSpace(text); text == "" {
				continue
			}
			if err := s.addText(header[i], text); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func csvError(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	if errors.Is(err, csv.ErrQuote) && parse.Line > parse.StartLine {
		return brokenf("line %d: a quoted field has no end", parse.StartLine)
	}
	return brokenf("line %d: %v", parse.Line, parse.Err)
}
