package report

import (
	"slices"
	"strconv"
	"strings"
)

// omSample is one line of a value: name{label="text",…} value [time] [# exemplar].
type omSample struct {
	name   string
	labels []omLabel
	value  float64
	stamp  string
}

type omLabel struct{ name, text string }

// key is name and labels in a form that doesn't depend on their order.
func (s omSample) key(name string) string {
	if len(s.labels) == 0 {
		return name
	}
	labels := slices.Clone(s.labels)
	slices.SortFunc(labels, func(a, b omLabel) int { return strings.Compare(a.name, b.name) })
	var out strings.Builder
	out.WriteString(name)
	for i, l := range labels {
		out.WriteByte("{,"[min(i, 1)])
		out.WriteString(l.name + "=" + strconv.Quote(l.text))
	}
	out.WriteByte('}')
	return out.String()
}

// scanSample reads a line, or says what is wrong with it.
func scanSample(line string) (s omSample, problem string) {
	end := strings.IndexAny(line, "{ \t")
	if end <= 0 || !isMetricName(line[:end]) {
		return s, shown(line) + " doesn't begin with the name of a metric"
	}
	s.name = line[:end]
	rest := line[end:]
	if rest[0] == '{' {
		if s.labels, rest, problem = scanLabels(rest[1:]); problem != "" {
			return s, "metric " + shown(s.name) + ": " + problem
		}
	}
	rest, _, _ = strings.Cut(rest, " # ")
	fields := strings.Fields(rest)
	if len(fields) < 1 || len(fields) > 2 {
		return s, "metric " + shown(s.name) + " has to have a value, and may have a time"
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || strings.ContainsAny(fields[0], "_xX") {
		return s, "metric " + shown(s.name) + ": " + shown(fields[0]) + " is no number"
	}
	s.value = value
	if len(fields) == 2 {
		if _, err := strconv.ParseFloat(fields[1], 64); err != nil {
			return s, "metric " + shown(s.name) + ": " + shown(fields[1]) + " is no time"
		}
		s.stamp = fields[1]
	}
	return s, ""
}

// scanLabels reads up to the closing brace and returns what follows.
func scanLabels(text string) (labels []omLabel, rest, problem string) {
	for {
		text = strings.TrimLeft(text, " \t")
		if strings.HasPrefix(text, "}") {
			return labels, text[1:], ""
		}
		name, after, ok := strings.Cut(text, "=")
		name = strings.TrimSpace(name)
		after = strings.TrimLeft(after, " \t")
		if !ok || !isMetricName(name) || !strings.HasPrefix(after, `"`) {
			return nil, "", `a label has the form name="text"`
		}
		if slices.ContainsFunc(labels, func(l omLabel) bool { return l.name == name }) {
			return nil, "", "the label " + shown(name) + " appears twice"
		}
		if len(labels) == maxLabels {
			return nil, "", "it has more than " + strconv.Itoa(maxLabels) + " labels"
		}
		value, after, ok := scanText(after[1:])
		if !ok {
			return nil, "", "the text of label " + shown(name) + " has no end"
		}
		labels = append(labels, omLabel{name: name, text: value})
		text = strings.TrimLeft(after, " \t")
		if !strings.HasPrefix(text, "}") {
			if text, ok = strings.CutPrefix(text, ","); !ok {
				return nil, "", "labels are separated by commas"
			}
		}
	}
}

// maxLabels bounds the labels of a series, which are searched one by one.
const maxLabels = 256

// scanText reads a label's text up to its closing quote.
func scanText(text string) (value, rest string, ok bool) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return out.String(), text[i+1:], true
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] == 'n' {
				out.WriteByte('\n')
			} else {
				out.WriteByte(text[i])
			}
		default:
			out.WriteByte(c)
		}
	}
	return "", "", false
}

func isMetricName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == ':'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
