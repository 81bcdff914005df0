package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// ReadMetrics reads one report of metrics, strictly: a value that is no finite
// number, a name that is empty or longer than [verdict.MaxName] bytes, too many
// metrics or samples, and whatever the format doesn't allow end it with an error
// that names the metric or the line. There are no metrics beside an error. Errors
// match [verdict.ErrFormat] or [verdict.ErrTooLarge], or [ErrUnknownFormat] for a
// format that holds no metrics. It reads r no further than it has to and doesn't
// close it.
func ReadMetrics(r io.Reader, f Format, l Limits) (map[string]verdict.Samples, error) {
	if !f.HoldsMetrics() {
		return nil, unknownFormat(f, "metrics")
	}
	l = l.withDefaults()
	if f == MetricsJSON {
		return verdict.ParseMetrics(r, l.JSON)
	}
	in := limit(r, l.Bytes)
	s := &series{metrics: map[string]verdict.Samples{}}
	var err error
	switch f {
	case GoBench:
		err = readGoBench(in, s)
	case OpenMetrics:
		err = readOpenMetrics(in, s)
	case CSV:
		err = readCSV(in, s)
	}
	if err != nil {
		return nil, asMetricsError(err)
	}
	return s.metrics, nil
}

// asMetricsError gives what a reader found wrong the errors that verdict's own
// readers give.
func asMetricsError(err error) error {
	var b *broken
	switch {
	case errors.As(err, &b):
		return &verdict.FormatError{Problem: b.reason}
	case errors.Is(err, errTooLong):
		return fmt.Errorf("%w: %w", verdict.ErrTooLarge, err)
	}
	return err
}

// maxValues bounds all samples of one file together: the limits of a verdict alone
// would let a file fill the memory.
const maxValues = 20 * verdict.MaxSamples

// series collects the samples of metrics within the limits of a verdict.
type series struct {
	metrics map[string]verdict.Samples
	values  int
}

func (s *series) add(name string, x float64) error {
	entry := "metric " + shown(name)
	switch {
	case name == "" || len(name) > verdict.MaxName:
		return &verdict.FormatError{Entry: entry, Problem: fmt.Sprintf("a name has 1 to %d bytes", verdict.MaxName)}
	case math.IsNaN(x):
		return &verdict.FormatError{Entry: entry, Problem: "NaN is no number to compare"}
	case math.IsInf(x, 0):
		return &verdict.FormatError{Entry: entry, Problem: "an infinite value can't be compared"}
	}
	samples, known := s.metrics[name]
	if !known && len(s.metrics) == verdict.MaxMetrics {
		return fmt.Errorf("%w: more than %d metrics", verdict.ErrTooLarge, verdict.MaxMetrics)
	}
	if len(samples) == verdict.MaxSamples {
		return fmt.Errorf("%w: %s has more than %d samples", verdict.ErrTooLarge, entry, verdict.MaxSamples)
	}
	if s.values == maxValues {
		return fmt.Errorf("%w: more than %d samples", verdict.ErrTooLarge, maxValues)
	}
	s.values++
	s.metrics[name] = append(samples, x)
	return nil
}

// addText reads a value as a report writes it.
func (s *series) addText(name, text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(x, 0) || strings.ContainsAny(text, "_xX") {
		return &verdict.FormatError{Entry: "metric " + shown(name), Problem: fmt.Sprintf("%s is no number", shown(text))}
	}
	return s.add(name, x)
}
