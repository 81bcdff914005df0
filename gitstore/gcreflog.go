package gitstore

import (
	"bytes"
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
)

// How long reflogs keep what they name, as gc.reflogExpire and
// gc.reflogExpireUnreachable have it in git: the second is for what no ref leads to
// any more.
const (
	reflogExpire            = 90 * 24 * time.Hour
	reflogExpireUnreachable = 30 * 24 * time.Hour
)

// expireReflogs drops old lines from the logs of refs, which otherwise keep
// everything that a ref ever named. A log that is in use stays as it is, and its newest
// line always does: it is what tells that a ref is lost, and what it was.
func (s *Store) expireReflogs(ctx context.Context, live *odb.Reach) error {
	names, err := s.refs.Logged("refs/")
	if err != nil {
		return err
	}
	limit, limitUnreachable := s.gcAge("reflogExpire", reflogExpire), s.gcAge("reflogExpireUnreachable", reflogExpireUnreachable)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(s.dir, "logs", filepath.FromSlash(name))
		keep := func(line []byte) bool {
			when, next, ok := parseLogLine(line)
			age := s.now().Sub(when)
			return !ok || (limit < 0 || age < limit) && (limitUnreachable < 0 || age < limitUnreachable || live.Has(next))
		}
		if data, err := durable.ReadFile(path); err != nil || len(filterLines(data, keep)) == len(data) {
			continue
		}
		if err := s.filterLog(ctx, name, path, keep); err != nil {
			s.log.Debug("reflog not expired", "ref", name, "error", err)
		}
	}
	return nil
}

// filterLog changes a log while its ref is locked, as git does.
func (s *Store) filterLog(ctx context.Context, name, path string, keep func([]byte) bool) error {
	held, err := s.refs.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer held.Release()
	data, err := durable.ReadFile(path)
	if err != nil {
		return err
	}
	// Beside the log, git would take the new one for a log of another ref.
	tmp, err := durable.Create(filepath.Join(s.dir, cacheDir), tempLog, 0o644)
	if err != nil {
		return err
	}
	defer tmp.Discard()
	if _, err := tmp.Write(filterLines(data, keep)); err != nil {
		return err
	}
	return tmp.Publish(path)
}

func filterLines(data []byte, keep func([]byte) bool) []byte {
	var out []byte
	at := 0
	for line := range bytes.Lines(data) {
		at += len(line)
		if at == len(data) || keep(line) {
			out = append(out, line...)
		}
	}
	return out
}

// parseLogLine reads "<old> <new> <name> <<address>> <seconds> <zone>\t<message>".
func parseLogLine(line []byte) (when time.Time, next ID, ok bool) {
	head, _, _ := strings.Cut(string(line), "\t")
	fields := strings.Fields(head)
	if len(fields) < 4 {
		return when, next, false
	}
	next, err := ParseID(fields[1])
	seconds, err2 := strconv.ParseInt(fields[len(fields)-2], 10, 64)
	return time.Unix(seconds, 0), next, err == nil && err2 == nil
}

// never is an age that nothing reaches.
const never time.Duration = -1

// gcAge reads gc.<key> of the store's configuration, in the forms that people use:
// never, now, 2.weeks.ago, "30 days". What can't be read keeps everything.
func (s *Store) gcAge(key string, otherwise time.Duration) time.Duration {
	var c Config
	c.readFile(filepath.Join(s.dir, "config"), s.dir, 0)
	value, ok := c.Get("gc", key)
	if !ok {
		return otherwise
	}
	return parseAge(value)
}

// parseAge returns [never] for what it doesn't understand.
func parseAge(value string) time.Duration {
	words := strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return r == '.' || r == ' ' || r == '_' })
	if len(words) > 0 && words[len(words)-1] == "ago" {
		words = words[:len(words)-1]
	}
	if len(words) == 1 && (words[0] == "now" || words[0] == "all") {
		return 0
	}
	if len(words) != 2 {
		return never
	}
	n, err := strconv.Atoi(words[0])
	unit, ok := map[string]time.Duration{
		"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
		"week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour, "year": 365 * 24 * time.Hour,
	}[strings.TrimSuffix(words[1], "s")]
	if err != nil || !ok || n < 0 {
		return never
	}
	return time.Duration(n) * unit
}
