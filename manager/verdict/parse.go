package verdict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// DefaultLimit bounds a metrics or tests file, in bytes, where a caller names no
// limit.
const DefaultLimit = 8 << 20

// Errors of the parsers, for [errors.Is].
var (
	// ErrTooLarge says that a file exceeds a limit of size or number.
	ErrTooLarge = errors.New("report too large")
	// ErrFormat says that a file isn't in the form that it should have.
	ErrFormat = errors.New("report not in the expected form")
)

// FormatError says which entry of a file is wrong. It matches [ErrFormat].
type FormatError struct {
	// Entry names the metric or test, empty where the whole file is meant.
	Entry string
	// Problem is what is wrong with it.
	Problem string
}

// Error names the entry and the problem.
func (e *FormatError) Error() string {
	if e.Entry == "" {
		return e.Problem
	}
	return e.Entry + ": " + e.Problem
}

// Is matches ErrFormat.
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// readAll reads up to limit bytes, or DefaultLimit where limit isn't positive,
// and takes away the byte order mark that some programs write.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	data, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if int64(len(data)) == limit {
		// One byte more tells a file that ends at the limit from one that goes on.
		n, err := io.ReadFull(r, make([]byte, 1))
		if n > 0 {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
		}
		if !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read report: %w", err)
		}
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
}

// ParseMetrics reads metrics in the form {"name": number} or {"name": [numbers]}
// from at most limit bytes, or [DefaultLimit] where limit isn't positive. It is
// strict: a name that appears twice, a nested value, null, text, a number that no
// float64 holds and anything after the object are a [FormatError] that names the
// metric; too many metrics or samples match [ErrTooLarge].
func ParseMetrics(r io.Reader, limit int64) (map[string]Samples, error) {
	data, err := readAll(r, limit)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, &FormatError{Problem: `metrics must be an object such as {"latency_ms": 12.5}`}
	}
	metrics := map[string]Samples{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, &FormatError{Problem: syntaxProblem(err)}
		}
		// In an object that isn't at its end the decoder gives a string here.
		name, _ := tok.(string)
		entry := "metric " + quoted(name)
		if _, twice := metrics[name]; twice {
			return nil, &FormatError{Entry: entry, Problem: "the name appears twice"}
		}
		if name == "" || len(name) > MaxName {
			return nil, &FormatError{Entry: entry, Problem: fmt.Sprintf("a name has 1 to %d bytes", MaxName)}
		}
		if len(metrics) == MaxMetrics {
			return nil, fmt.Errorf("%w: more than %d metrics", ErrTooLarge, MaxMetrics)
		}
		if metrics[name], err = readSamples(d, entry); err != nil {
			return nil, err
		}
	}
	if err := endOf(d); err != nil {
		return nil, err
	}
	return metrics, nil
}

// readSamples reads the value of one metric.
func readSamples(d *json.Decoder, entry string) (Samples, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, &FormatError{Entry: entry, Problem: syntaxProblem(err)}
	}
	if tok != json.Delim('[') {
		x, err := readNumber(tok, entry)
		return Samples{x}, err
	}
	samples := Samples{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, &FormatError{Entry: entry, Problem: syntaxProblem(err)}
		}
		x, err := readNumber(tok, entry)
		if err != nil {
			return nil, err
		}
		if len(samples) == MaxSamples {
			return nil, fmt.Errorf("%w: %s has more than %d samples", ErrTooLarge, entry, MaxSamples)
		}
		samples = append(samples, x)
	}
	if _, err := d.Token(); err != nil {
		return nil, &FormatError{Entry: entry, Problem: syntaxProblem(err)}
	}
	if len(samples) == 0 {
		return nil, &FormatError{Entry: entry, Problem: "the array is empty"}
	}
	return samples, nil
}

func readNumber(tok json.Token, entry string) (float64, error) {
	switch v := tok.(type) {
	case json.Number:
		x, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return 0, &FormatError{Entry: entry, Problem: fmt.Sprintf("%s is out of range", shortened(v.String(), 40))}
		}
		return x, nil
	case nil:
		return 0, &FormatError{Entry: entry, Problem: "null is no number"}
	case string:
		return 0, &FormatError{Entry: entry, Problem: fmt.Sprintf("the text %s is no number", quoted(shortened(v, 40)))}
	case bool:
		return 0, &FormatError{Entry: entry, Problem: fmt.Sprintf("%v is no number", v)}
	}
	return 0, &FormatError{Entry: entry, Problem: "a value is a number or an array of numbers, not nested any further"}
}

// endOf takes the closing bracket and makes sure that nothing follows.
func endOf(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return &FormatError{Problem: syntaxProblem(err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &FormatError{Problem: "there is more after the end"}
	}
	return nil
}

// syntaxProblem says what broke. Programs that write NaN as a bare word are the
// usual reason.
func syntaxProblem(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends in the middle"
	}
	return fmt.Sprintf("%v (JSON has no NaN and no infinities)", err)
}
