package policy

import (
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/retention"
)

// defaultGrace is how long a pruned checkpoint can be brought back.
const defaultGrace = "14d"

func retentionKeys() []Key {
	const most = 1000000
	count := func(name, help, more string, to func(*Policy) *int) Key {
		return Key{Name: "retention." + name, Kind: Integer, Default: "0", Range: "0 to 1000000", Help: help, More: more,
			assign: put(integer(0, most), func(p *Policy, _ string) *int { return to(p) })}
	}
	return []Key{
		count("keepLast", "How many of the newest checkpoints stay.", "", func(p *Policy) *int { return &p.Retention.Last }),
		count("keepHourly", "How many hours, of those in which anything was recorded, keep their newest checkpoint.",
			"", func(p *Policy) *int { return &p.Retention.Hourly }),
		count("keepDaily", "The same for days, of the calendar where prune runs.", "", func(p *Policy) *int { return &p.Retention.Daily }),
		count("keepWeekly", "The same for weeks, from Monday to Sunday.", "", func(p *Policy) *int { return &p.Retention.Weekly }),
		count("keepMonthly", "The same for months.", "", func(p *Policy) *int { return &p.Retention.Monthly }),
		count("keepYearly", "The same for years.", "", func(p *Policy) *int { return &p.Retention.Yearly }),
		{Name: "retention.keepWithin", Kind: Duration, Default: "0s", Range: "0s to 3650d",
			Help:   "Keep all that is no older than this, counted from the newest checkpoint.",
			assign: put(duration(0, maxDuration), func(p *Policy, _ string) *time.Duration { return &p.Retention.Within })},
		count("keepGood", "How many of the newest versions that were verified good stay.",
			"The last one stays whatever this says.", func(p *Policy) *int { return &p.Retention.Good }),
		{Name: "retention.keepTagged", Kind: List,
			Help:   "Keep versions whose names match.",
			More:   "Only names that somebody gave are looked at: a single star keeps all these, and none whose name was made from the time.",
			assign: add(parsePattern, func(p *Policy, _ string) *[]string { return &p.Retention.Tagged })},
		{Name: "retention.grace", Kind: Duration, Default: defaultGrace, Range: "0s to 3650d",
			Help:   "How long a pruned checkpoint can be brought back.",
			More:   "It takes its room until then.",
			assign: put(duration(0, maxDuration), func(p *Policy, _ string) *time.Duration { return &p.Grace })},
	}
}

// RetentionRules are what prune decides by. The caller owns the result.
func (p *Policy) RetentionRules() retention.Rules {
	r := p.Retention
	r.Tagged = append([]string(nil), r.Tagged...)
	return r
}
