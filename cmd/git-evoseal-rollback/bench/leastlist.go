package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// leastList prints a line for each of a store's tags that has as much in it as a line of
// ours: name, commit, age, time, two numbers and a message. It looks at nothing but
// packed-refs and the names of loose tags, makes up what these don't tell, and knows how
// wide each column is. So it has no record to find, to check or to judge.
func leastList(store string) error {
	data, err := os.ReadFile(filepath.Join(store, "packed-refs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	loose, err := os.ReadDir(filepath.Join(store, "refs", "tags"))
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<15)
	l := leastLines{out: out, now: time.Now()}
	var tag, name []byte
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if commit, peeled := bytes.CutPrefix(line, []byte("^")); peeled {
			l.print(name, commit)
			continue
		}
		var found bool
		if tag, name, found = bytes.Cut(line, []byte(" refs/tags/")); !found {
			tag, name = nil, nil
		}
	}
	for _, e := range loose {
		l.print([]byte(e.Name()), tag)
	}
	return out.Flush()
}

// year is in seconds.
const year = 365 * 24 * 60 * 60

type leastLines struct {
	out  *bufio.Writer
	now  time.Time
	line []byte
}

func (l *leastLines) print(name, commit []byte) {
	var bits [8]byte
	hex.Decode(bits[:], commit[:min(16, len(commit))])
	age := time.Duration(binary.BigEndian.Uint32(bits[:])%year) * time.Second
	b := append(l.line[:0], name...)
	b = l.column(b, 10)
	b = append(b, commit[:min(10, len(commit))]...)
	b = l.column(b, 29)
	b = append(strconv.AppendInt(b, int64(age/time.Hour), 10), " hours ago"...)
	b = l.column(b, 46)
	b = l.now.Add(-age).AppendFormat(b, time.DateTime)
	b = l.column(b, 67)
	b = strconv.AppendUint(b, uint64(bits[4]), 10)
	b = l.column(b, 74)
	b = append(strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(bits[4:])), 10), " KiB"...)
	b = l.column(b, 85)
	b = append(append(b, "checkpoint "...), name...)
	b = append(b, '\n')
	l.out.Write(b)
	l.line = b
}

// column fills up to where the next one begins.
func (l *leastLines) column(b []byte, at int) []byte {
	for len(b) < at {
		b = append(b, ' ')
	}
	return b
}
