package verdict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// EntrySchema is the number of the form in which entries are written.
const EntrySchema = 1

// EntryKind says what an entry of a version's note is.
type EntryKind string

// The kinds of entries.
const (
	// EntryVerdict is a verdict with all that it depends on.
	EntryVerdict EntryKind = "verdict"
	// EntryMark is what a person or a program declared, see [Mark].
	EntryMark EntryKind = "mark"
	// EntryReport is a report without a verdict, such as the metrics that were
	// recorded with a checkpoint.
	EntryReport EntryKind = "report"
)

// Mark is a declared standing.
type Mark string

// The marks.
const (
	MarkGood Mark = "good"
	MarkBad  Mark = "bad"
)

// ErrEntry says that a line is no entry that this program knows.
var ErrEntry = errors.New("not an entry of verdicts")

// Evidence is a verdict with everything that it was reached by, so that anyone
// can reach it again: see [Replay].
type Evidence struct {
	Input   Input   `json:"input"`
	Verdict Verdict `json:"verdict"`
}

// Entry is one line of a version's note: one JSON object, whose fields are added
// to and never renamed.
type Entry struct {
	Schema int       `json:"schema"`
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Kind   EntryKind `json:"kind"`
	// Version and Commit are what the entry is about.
	Version string `json:"version,omitempty"`
	Commit  string `json:"commit,omitempty"`
	Actor   string `json:"actor,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Mark is set in an [EntryMark], Report in an [EntryReport].
	Mark   Mark    `json:"mark,omitempty"`
	Report *Report `json:"report,omitempty"`
	// Evidence is set in an [EntryVerdict]; its fields stand beside the others.
	*Evidence
}

// NewVerdict judges in and returns the entry that keeps the verdict. What is
// judged is the input as the note will hold it, names that are no UTF-8 mended,
// so that a replay can't differ. It fails only for rules that JSON can't hold,
// such as a threshold that is no number.
func NewVerdict(id string, at time.Time, actor string, in Input) (Entry, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return Entry{}, fmt.Errorf("evidence of a verdict: %w", err)
	}
	var kept Input
	if err := json.Unmarshal(data, &kept); err != nil {
		return Entry{}, fmt.Errorf("evidence of a verdict: %w", err)
	}
	return Entry{
		Schema: EntrySchema, ID: id, Time: at.UTC(), Kind: EntryVerdict,
		Version: kept.Version, Commit: kept.Commit, Actor: actor,
		Evidence: &Evidence{Input: kept, Verdict: Judge(kept)},
	}, nil
}

// NewMark is the entry of a declared standing.
func NewMark(id string, at time.Time, actor, version, commit string, m Mark, reason string) Entry {
	return Entry{
		Schema: EntrySchema, ID: id, Time: at.UTC(), Kind: EntryMark,
		Version: version, Commit: commit, Actor: actor, Mark: m, Reason: reason,
	}
}

// NewReport is the entry of a report that nobody judged yet.
func NewReport(id string, at time.Time, actor, version, commit string, r Report) Entry {
	return Entry{
		Schema: EntrySchema, ID: id, Time: at.UTC(), Kind: EntryReport,
		Version: version, Commit: commit, Actor: actor, Report: &r,
	}
}

// Line is the entry as one line of JSON, without the line's end.
func (e Entry) Line() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	line, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("entry of verdicts: %w", err)
	}
	return line, nil
}

// check says what an entry of its kind lacks.
func (e Entry) check() error {
	problem := ""
	switch {
	case e.Schema != EntrySchema:
		problem = fmt.Sprintf("schema %d", e.Schema)
	case e.Kind == EntryVerdict && (e.Evidence == nil || severity(e.Verdict.Outcome) < 0):
		problem = "a verdict without an outcome"
	case e.Kind == EntryMark && e.Mark != MarkGood && e.Mark != MarkBad:
		problem = fmt.Sprintf("the mark %s", quoted(string(e.Mark)))
	case e.Kind == EntryReport && e.Report == nil:
		problem = "a report that is missing"
	case !slices.Contains([]EntryKind{EntryVerdict, EntryMark, EntryReport}, e.Kind):
		problem = fmt.Sprintf("kind %s", quoted(string(e.Kind)))
	}
	if problem != "" {
		return fmt.Errorf("%w: %s", ErrEntry, problem)
	}
	return nil
}

// DecodeEntry reads one line. Whatever is no entry, or one of a newer schema,
// matches [ErrEntry].
func DecodeEntry(line []byte) (Entry, error) {
	var e Entry
	if err := affordable(line); err != nil {
		return Entry{}, err
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// affordable refuses what decodes to many times its own length: an object of two bytes
// may be a test of a hundred. An entry has two reports at most.
func affordable(line []byte) error {
	objects, values := bytes.Count(line, []byte("{")), bytes.Count(line, []byte(","))
	if objects > 4*MaxTests || values > 20*MaxTests+40*MaxSamples {
		return fmt.Errorf("%w: more than %d tests or %d samples", ErrEntry, MaxTests, 20*MaxSamples)
	}
	return nil
}

// DecodeEntries reads a note. People write notes by hand and newer programs add
// kinds, so lines that are no entries are skipped and counted; empty lines are
// neither.
func DecodeEntries(note []byte) (entries []Entry, skipped int) {
	for line := range bytes.Lines(note) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		e, err := DecodeEntry(line)
		if err != nil {
			skipped++
			continue
		}
		entries = append(entries, e)
	}
	return entries, skipped
}

// Replay reaches the verdict of a line again, from the line alone. Same says that
// the JSON of both verdicts is equal byte for byte; where it isn't, either the
// line was edited or it was written by a version that judged otherwise. A line
// that holds no verdict matches [ErrEntry].
func Replay(line []byte) (stored, again Verdict, same bool, err error) {
	e, err := DecodeEntry(line)
	if err != nil {
		return Verdict{}, Verdict{}, false, err
	}
	var raw struct {
		Verdict json.RawMessage `json:"verdict"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return Verdict{}, Verdict{}, false, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	if e.Kind != EntryVerdict {
		return Verdict{}, Verdict{}, false, fmt.Errorf("%w: no verdict but a %s", ErrEntry, e.Kind)
	}
	stored, again = e.Verdict, Judge(e.Input)
	reached, err := json.Marshal(again)
	if err != nil {
		return stored, again, false, fmt.Errorf("replay of a verdict: %w", err)
	}
	// Fields that a decoder would drop count as well, so raw bytes are compared.
	var kept bytes.Buffer
	if err := json.Compact(&kept, raw.Verdict); err != nil {
		return stored, again, false, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	return stored, again, bytes.Equal(kept.Bytes(), reached), nil
}
