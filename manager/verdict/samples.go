package verdict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// MarshalJSON writes one value as a number and any other count as an array.
// What is no finite number becomes one of the strings "NaN", "+Inf" and "-Inf", so
// that the evidence of a broken report can be kept.
func (s Samples) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return appendValue(nil, s[0]), nil
	}
	out := []byte{'['}
	for i, x := range s {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendValue(out, x)
	}
	return append(out, ']'), nil
}

func appendValue(out []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.AppendQuote(out, strconv.FormatFloat(x, 'g', -1, 64))
	}
	return strconv.AppendFloat(out, x, 'g', -1, 64)
}

// UnmarshalJSON reads what MarshalJSON writes; null is no samples. It is for
// evidence: reports from elsewhere are read by [ParseMetrics], which refuses what
// isn't finite.
func (s *Samples) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if bytes.Equal(data, []byte("null")) {
		*s = nil
		return nil
	}
	var values []json.RawMessage
	if len(data) > 0 && data[0] == '[' {
		if err := json.Unmarshal(data, &values); err != nil {
			return fmt.Errorf("samples: %w", err)
		}
	} else {
		values = []json.RawMessage{data}
	}
	out := make(Samples, 0, len(values))
	for _, v := range values {
		x, err := readValue(v)
		if err != nil {
			return fmt.Errorf("samples: %w", err)
		}
		out = append(out, x)
	}
	*s = out
	return nil
}

func readValue(v json.RawMessage) (float64, error) {
	switch string(v) {
	case `"NaN"`:
		return math.NaN(), nil
	case `"+Inf"`:
		return math.Inf(1), nil
	case `"-Inf"`:
		return math.Inf(-1), nil
	case "null":
		return 0, fmt.Errorf("null is no number")
	}
	var x float64
	if err := json.Unmarshal(v, &x); err != nil {
		return 0, err
	}
	return x, nil
}
