package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/spf13/pflag"
)

type statsOptions struct {
	filter filterFlags
	format string
}

func (o *statsOptions) addFlags(fs *pflag.FlagSet) {
	o.filter.addFlags(fs)
	fs.StringVar(&o.format, "format", "text", "print `text|openmetrics`; openmetrics is for Prometheus's textfile collector")
}

func (o *statsOptions) run(ctx context.Context, c *call) error {
	if o.format != "text" && o.format != "openmetrics" {
		return &usageError{msg: fmt.Sprintf("--format takes text or openmetrics, not %q", o.format), cmd: c.cmd}
	}
	filter, err := o.filter.filter(c)
	if err != nil {
		return err
	}
	m, err := c.manager(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	st, err := m.Stats(ctx, filter)
	if errors.Is(err, gitstore.ErrNoStore) {
		return c.nothingYet()
	}
	if err != nil {
		return err
	}
	if st.Records == 0 {
		if err := c.noRecords(ctx, m, filter != manager.HistoryFilter{}); err != nil {
			return err
		}
	}
	switch {
	case c.json:
		return c.out.object(struct {
			Schema int `json:"schema"`
			*manager.Stats
		}{schema, st})
	case o.format == "openmetrics":
		c.writeOpenMetrics(m.Project().Root, st)
	default:
		c.tellStats(st)
	}
	return nil
}

func (c *call) tellStats(st *manager.Stats) {
	if st.Records == 0 {
		return
	}
	rate := "none yet"
	if st.SuccessRate != nil {
		rate = fmt.Sprintf("%.1f %% completed", *st.SuccessRate*100)
	}
	c.out.table(func(w io.Writer) {
		fmt.Fprintf(w, "records\t%s, from %s to %s\n", count(int64(st.Records), "record"), clock(*st.First), clock(*st.Last))
		fmt.Fprintf(w, "rollbacks\t%s, %s\n", count(int64(st.Rollbacks), "rollback"), rate)
		fmt.Fprintf(w, "duration\tp50 %s, p95 %s, max %s\n", millis(st.Duration.P50), millis(st.Duration.P95), millis(st.Duration.Max))
		fmt.Fprintf(w, "content\t%s, %s\n", count(st.Files, "file"), size(st.Bytes))
		fmt.Fprintf(w, "resources\t%s of processor time, at most %s of memory\n", millis(st.CPUMS), size(st.PeakMemory))
		if st.MeanRecoveryMS != nil {
			fmt.Fprintf(w, "recovery\t%s on average from a failed version to a completed rollback (%d)\n", millis(*st.MeanRecoveryMS), st.Recoveries)
		}
		if len(st.Days) > 1 {
			fmt.Fprintf(w, "by day\t%s\n", spark(st.Days))
		}
	})
	var outcomes []manager.Count
	for _, o := range []manager.Outcome{manager.Completed, manager.Failed, manager.Refused, manager.Denied, manager.Started} {
		if n := st.Outcomes[o]; n > 0 {
			outcomes = append(outcomes, manager.Count{Name: string(o), Count: n})
		}
	}
	for _, part := range []struct {
		title string
		list  []manager.Count
	}{{"outcome", outcomes}, {"action", st.ByAction}, {"trigger", st.ByTrigger}, {"actor", st.ByActor}, {"reason", st.ByReason}} {
		c.tellCounts(part.title, part.list, st.Records)
	}
}

// mostCounts bounds a list of counts.
const mostCounts = 8

func (c *call) tellCounts(title string, list []manager.Count, all int) {
	c.out.printf("\n%s\n", c.out.paint(bold, "by "+title))
	c.out.table(func(w io.Writer) {
		for _, n := range list[:min(mostCounts, len(list))] {
			fmt.Fprintf(w, "  %s\t%d\t%s\n", clip(firstLine(n.Name), 50), n.Count, bar(n.Count, all))
		}
	})
	if n := len(list) - mostCounts; n > 0 {
		c.out.printf("  and %d more\n", n)
	}
}

func clip(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// bar is a share of 20 columns; what isn't nothing is seen.
func bar(n, all int) string {
	const width = 20
	return strings.Repeat("█", max(1, n*width/max(1, all)))
}

// spark draws one column a day, the newest sixty.
func spark(days []manager.Day) string {
	const most, levels = 60, "▁▂▃▄▅▆▇█"
	days = days[max(0, len(days)-most):]
	top := 1
	for _, d := range days {
		top = max(top, d.Completed+d.Failed)
	}
	var b strings.Builder
	glyphs := []rune(levels)
	for _, d := range days {
		n := d.Completed + d.Failed
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(glyphs[(n*len(glyphs)-1)/top])
	}
	return fmt.Sprintf("%s  (%s to %s, at most %d a day)", b.String(), days[0].Date, days[len(days)-1].Date, top)
}
