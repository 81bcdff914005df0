package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// fileSink appends events to a file, one a line.
type fileSink struct {
	path string
}

func newFileSink(config SinkConfig, env Env) (*fileSink, error) {
	if config.Path == "" {
		return nil, errors.New("it has no path")
	}
	path, err := pathIn(env, config.Path)
	if err != nil {
		return nil, err
	}
	// A line in a repository's ref, hook or configuration would do harm.
	inRepository := func(part string) bool { return strings.EqualFold(part, ".git") }
	if slices.ContainsFunc(strings.Split(path, string(filepath.Separator)), inRepository) {
		return nil, errors.New("the path is inside a .git directory")
	}
	return &fileSink{path}, nil
}

// Deliver appends the event in one write, under the file's lock, so that the
// lines of many processes never mix.
func (s *fileSink) Deliver(ctx context.Context, e Event) (int, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	f, err := s.open()
	if err != nil {
		return 1, err
	}
	defer f.Close()
	if err := lock(ctx, f); err != nil {
		return 1, err
	}
	if err := appendLine(f, line); err != nil {
		return 1, err
	}
	return 1, f.Close()
}

func (s *fileSink) open() (*os.File, error) {
	// Without waiting for the other end of a named pipe, and without following
	// a link that somebody put there.
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE | unix.O_NONBLOCK | unix.O_NOFOLLOW
	f, err := os.OpenFile(s.path, flags, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link, not a regular file", s.path)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(fmt.Errorf("%s is not a regular file", s.path), err)
	}
	return f, nil
}

// appendLine leaves the file as it was when the line doesn't fit. A last line
// that somebody broke off is ended first, so that it spoils no other.
func appendLine(f *os.File, line []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	last := []byte{'\n'}
	if size := info.Size(); size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	whole := append(slices.Clone(line), '\n')
	if last[0] != '\n' {
		whole = append([]byte{'\n'}, whole...)
	}
	n, err := f.Write(whole)
	if err == nil {
		return nil
	}
	if n > 0 {
		err = errors.Join(err, f.Truncate(info.Size()))
	}
	return fmt.Errorf("append: %w", err)
}
