package main

import (
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager"
)

// writeOpenMetrics prints the text form of OpenMetrics 1.0
// (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md).
// The values are gauges: a filter, or an archive, lets them go down.
// Each has the project as a label, so that those of several can be told apart.
func (c *call) writeOpenMetrics(project string, st *manager.Stats) {
	sample := func(name, label, value string, v float64) { c.sample(name, project, label, value, v) }
	c.gauge("evoseal_records", "Records in the history, by outcome.")
	for _, o := range []manager.Outcome{manager.Completed, manager.Denied, manager.Failed, manager.Refused, manager.Started} {
		sample("evoseal_records", "outcome", string(o), float64(st.Outcomes[o]))
	}
	for _, part := range []struct {
		label string
		list  []manager.Count
	}{{"action", st.ByAction}, {"trigger", st.ByTrigger}, {"actor", st.ByActor}} {
		name := "evoseal_records_by_" + part.label
		c.gauge(name, "Records in the history, by "+part.label+".")
		for _, n := range part.list {
			sample(name, part.label, n.Name, float64(n.Count))
		}
	}
	if st.SuccessRate != nil {
		c.gauge("evoseal_rollback_success_ratio", "Completed rollbacks, as a share of completed and failed ones.")
		sample("evoseal_rollback_success_ratio", "", "", *st.SuccessRate)
	}
	c.gauge("evoseal_rollback_duration_seconds", "Durations of completed rollbacks.")
	for _, q := range []struct {
		name string
		ms   int64
	}{{"0.5", st.Duration.P50}, {"0.95", st.Duration.P95}, {"1", st.Duration.Max}} {
		sample("evoseal_rollback_duration_seconds", "quantile", q.name, float64(q.ms)/1000)
	}
	c.writeSums(st, sample)
	if st.MeanRecoveryMS != nil {
		c.gauge("evoseal_time_to_recover_seconds", "Mean time from a failed version to a completed rollback.")
		sample("evoseal_time_to_recover_seconds", "", "", float64(*st.MeanRecoveryMS)/1000)
	}
	c.out.println("# EOF")
}

// writeSums prints the gauges that have one value.
func (c *call) writeSums(st *manager.Stats, sample func(name, label, value string, v float64)) {
	for _, g := range []struct {
		name, help string
		value      float64
	}{
		{"evoseal_rollback_files", "Files brought back.", float64(st.Files)},
		{"evoseal_rollback_bytes", "Bytes brought back.", float64(st.Bytes)},
		{"evoseal_cpu_seconds", "Processor time used.", float64(st.CPUMS) / 1000},
		{"evoseal_peak_memory_bytes", "The most memory that one request had.", float64(st.PeakMemory)},
		{"evoseal_recoveries", "Failed versions that a completed rollback followed.", float64(st.Recoveries)},
	} {
		c.gauge(g.name, g.help)
		sample(g.name, "", "", g.value)
	}
}

func (c *call) gauge(name, help string) {
	c.out.printf("# TYPE %s gauge\n# HELP %s %s\n", name, name, help)
}

// labelEscapes are those of the specification.
var labelEscapes = strings.NewReplacer("\\", `\\`, "\"", `\"`, "\n", `\n`)

func (c *call) sample(name, project, label, value string, v float64) {
	labels := `project="` + labelText(project) + `"`
	if label != "" {
		labels += "," + label + `="` + labelText(value) + `"`
	}
	c.out.printf("%s{%s} %v\n", name, labels, v)
}

func labelText(s string) string { return labelEscapes.Replace(strings.ToValidUTF8(s, "\uFFFD")) }
