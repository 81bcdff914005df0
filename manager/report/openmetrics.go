package report

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// openMetrics reads the text form of OpenMetrics 1.0, and Prometheus' older one
// where "# EOF" ends it: without an end, a file that was cut off at a line looks
// whole. The parsers there are either don't know that end or come with the whole
// of Prometheus.
//
// A series becomes a metric by its name and labels, sorted by name. Histograms
// and summaries become the mean of what they observed, as "name_mean", since a sum
// or a count alone is neither good nor bad; a summary's quantiles stay. Buckets,
// creation times, infos and state sets are left out.
type openMetrics struct {
	lines *lines
	out   *series
	kinds map[string]string
	// sums and counts are those of histograms and summaries, by the name of the
	// mean.
	sums, counts map[string]float64
	order        []string
	// times says at which time stamps a series was seen, "" for none.
	times map[string]map[string]bool
	ended bool
}

func readOpenMetrics(r io.Reader, s *series) error {
	o := &openMetrics{
		lines: newLines(r), out: s, kinds: map[string]string{},
		sums: map[string]float64{}, counts: map[string]float64{}, times: map[string]map[string]bool{},
	}
	for {
		line, err := o.lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if o.lines.cut {
			return brokenf("line %d: it has more than %d bytes", o.lines.number, maxLine)
		}
		if err := o.line(strings.TrimRight(string(line), " \t")); err != nil {
			return err
		}
	}
	if !o.ended {
		return brokenf("it has no \"# EOF\" at its end, so it may have been cut off (Prometheus' own form has none: append that line)")
	}
	return o.means()
}

func (o *openMetrics) line(line string) error {
	switch {
	case line == "":
		return nil
	case o.ended:
		return brokenf("line %d: there is more after \"# EOF\"", o.lines.number)
	case line == "# EOF":
		o.ended = true
		return nil
	case line[0] != '#':
		return o.sample(line)
	}
	fields := strings.Fields(line)
	if len(fields) != 4 || fields[1] != "TYPE" {
		return nil
	}
	if len(o.kinds) == maxFamilies {
		return brokenf("line %d: it has more than %d families", o.lines.number, maxFamilies)
	}
	o.kinds[fields[2]] = strings.ToLower(fields[3])
	return nil
}

// maxFamilies bounds what is remembered of types: buckets and the like may come
// with every metric that counts.
const maxFamilies = 10 * verdict.MaxMetrics

// sample takes one line of a value.
func (o *openMetrics) sample(line string) error {
	s, problem := scanSample(line)
	if problem != "" {
		return brokenf("line %d: %s", o.lines.number, problem)
	}
	family, suffix := o.familyOf(s.name)
	kind := o.kinds[family]
	switch {
	case kind == "info" || kind == "stateset" || suffix == "_bucket" || suffix == "_created":
		return nil
	case suffix == "_sum" || suffix == "_gsum":
		return o.part(o.sums, s, family)
	case suffix == "_count" || suffix == "_gcount":
		return o.part(o.counts, s, family)
	}
	key := s.key(s.name)
	if err := o.once(key, s.stamp); err != nil {
		return err
	}
	return o.out.add(key, s.value)
}

// familyOf finds the family that a series belongs to, and the suffix that its
// type gives it.
func (o *openMetrics) familyOf(name string) (family, suffix string) {
	for kind, suffixes := range map[string][]string{
		"histogram":      {"_bucket", "_sum", "_count", "_created"},
		"gaugehistogram": {"_bucket", "_gsum", "_gcount"},
		"summary":        {"_sum", "_count", "_created"},
		"counter":        {"_created"},
		"info":           {"_info"},
	} {
		for _, end := range suffixes {
			if base, ok := strings.CutSuffix(name, end); ok && o.kinds[base] == kind {
				return base, end
			}
		}
	}
	return name, ""
}

// once refuses a series that appears twice at one time: which value counts?
func (o *openMetrics) once(key, stamp string) error {
	if o.times[key][stamp] {
		return &verdict.FormatError{Entry: "metric " + shown(key), Problem: "it appears twice"}
	}
	if o.times[key] == nil && len(o.times) >= maxFamilies {
		return brokenf("line %d: it has more than %d series", o.lines.number, maxFamilies)
	}
	if len(o.times[key]) >= verdict.MaxSamples {
		return brokenf("line %d: %s has more than %d samples", o.lines.number, shown(key), verdict.MaxSamples)
	}
	note(o.times, key, stamp)
	return nil
}

// part takes a sum or a count.
func (o *openMetrics) part(parts map[string]float64, s omSample, family string) error {
	key := s.key(family + "_mean")
	if err := o.once(s.key(s.name), ""); err != nil {
		return err
	}
	if _, known := o.sums[key]; !known {
		if _, known = o.counts[key]; !known {
			o.order = append(o.order, key)
		}
	}
	parts[key] = s.value
	return nil
}

// means turns sums and counts into metrics. What never observed anything has no
// mean.
func (o *openMetrics) means() error {
	slices.Sort(o.order)
	for _, key := range o.order {
		sum, hasSum := o.sums[key]
		count, hasCount := o.counts[key]
		if !hasSum || !hasCount || count == 0 {
			continue
		}
		if err := o.out.add(key, sum/count); err != nil {
			return err
		}
	}
	return nil
}
