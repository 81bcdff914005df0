package report

import (
	"errors"
	"strings"
)

// ErrNoPath says that a source names no file.
var ErrNoPath = errors.New("there is no file's name")

// ParseSource reads a source as people write it: a path or pattern, whose format is
// told from its content, or format:path, as in junit:build/*.xml. A path that
// begins with what looks like a format is written with ./ before it.
func ParseSource(s string) (Source, error) {
	if name, path, ok := strings.Cut(s, ":"); ok {
		if f := Format(name); f.HoldsTests() || f.HoldsMetrics() {
			if path == "" {
				return Source{}, ErrNoPath
			}
			return Source{Format: f, Path: path}, nil
		}
	}
	if s == "" {
		return Source{}, ErrNoPath
	}
	return Source{Path: s}, nil
}
