package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// said is what is held of a checkpoint, and the metrics that were recorded with
// it: empty, not nil, without any.
func said(s *gitstore.Store, cp gitstore.Checkpoint) (verdict.Standing, map[string]verdict.Samples, error) {
	metrics := map[string]verdict.Samples{}
	note, err := s.ReadNote(gitstore.Verdicts, cp.Commit)
	if err != nil {
		return verdict.Standing{}, metrics, err
	}
	entries, _ := verdict.DecodeEntries(note)
	for _, e := range entries {
		if e.Kind == verdict.EntryReport {
			maps.Copy(metrics, e.Report.Metrics)
		}
	}
	return verdict.Latest(entries), metrics, nil
}

// standingRows are for the table of a checkpoint's fields.
func (c *call) standingRows(cp gitstore.Checkpoint, standing verdict.Standing, metrics map[string]verdict.Samples) [][2]string {
	state := fmt.Sprintf("%s, by a %s of %s on %s%s", standing.State, standing.By, standing.Actor, clock(standing.Time), because(standing.Reason))
	if standing.State == verdict.Unknown {
		state = "nothing was found of it yet: " + c.shown("auto "+shellQuote(cp.Version)) + " judges it"
	}
	rows := [][2]string{{"Standing", state}}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		rows = append(rows, [2]string{"Metric", name + " = " + samples(metrics[name])})
	}
	return rows
}

// because is a reason behind a colon, nothing for none.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + firstLine(reason)
}

// samples shows the first few values.
func samples(list verdict.Samples) string {
	var shown []string
	for _, x := range list[:min(fewPaths, len(list))] {
		shown = append(shown, strconv.FormatFloat(x, 'g', 6, 64))
	}
	s := strings.Join(shown, ", ")
	if n := len(list) - fewPaths; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}
