package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/retention"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// Policy is what a text says, with a default for all that it doesn't. Each field
// is described in [Keys]. Reading one from several goroutines is safe.
type Policy struct {
	AutoRollback  bool
	Threshold     float64
	MaxAttempts   int
	AttemptWindow time.Duration
	RequireAuth   bool
	ForceRole     auth.Role
	Cascade       bool
	Recovery      bool
	KeepPrevious  bool
	// OldAfter is the age from which a checkpoint is warned of; zero is never.
	OldAfter time.Duration
	GitFile  bool
	// MaxGiB is the size of a rollback, in GiB, beyond which it must be forced.
	MaxGiB int

	// Retention says which checkpoints prune leaves, Grace for how long it leaves the
	// others a way back.
	Retention retention.Rules
	Grace     time.Duration

	Level      float64
	MinEffect  float64
	MinSamples int

	EventTimeout time.Duration

	// Triggers are the built-in ones, then the others in the order of the text.
	Triggers []verdict.Trigger
	Metrics  map[string]verdict.Metric
	// Sinks are in the order of the text.
	Sinks []event.SinkConfig

	// Warnings are what is valid and yet odd, in the order of the lines.
	Warnings []Warning

	set map[string]bool
}

// Warning is something in a text that is valid and probably not what was meant.
type Warning struct {
	// Line counts from one.
	Line int
	// Key is the full name.
	Key  string
	Text string
}

// String is one line for people.
func (w Warning) String() string { return fmt.Sprintf("line %d: %s: %s", w.Line, w.Key, w.Text) }

// Default is the policy of an empty text.
func Default() *Policy {
	p := &Policy{Triggers: verdict.DefaultTriggers(), Metrics: make(map[string]verdict.Metric), set: make(map[string]bool)}
	for _, k := range Keys() {
		if k.Default != "" && !k.Named() {
			// The table's own defaults are valid; a test holds it to that.
			_ = k.assign(p, "", k.Default)
		}
	}
	return p
}

// IsSet says that the text sets a key, by its full name, rather than leaving it at
// its default.
func (p *Policy) IsSet(name string) bool {
	section, subsection, key := splitName(name)
	return p.set[identity(section, subsection, key)]
}

// Rules are what verdicts are reached by. The caller owns the result.
func (p *Policy) Rules() verdict.Rules {
	return verdict.Rules{
		Threshold: p.Threshold, Level: p.Level, MinEffect: p.MinEffect, MinSamples: p.MinSamples,
		Triggers: slices.Clone(p.Triggers), Metrics: maps.Clone(p.Metrics),
	}
}

// AuthRules are the policy's part in who may do what.
func (p *Policy) AuthRules() auth.Rules {
	return auth.Rules{Required: p.RequireAuth, ForceRole: p.ForceRole}
}

// trigger returns the trigger of a name, made if it isn't there. Names are
// compared as git compares subsections, with regard to case.
func (p *Policy) trigger(name string) *verdict.Trigger {
	at := slices.IndexFunc(p.Triggers, func(t verdict.Trigger) bool { return t.Name == name })
	if at < 0 {
		at = len(p.Triggers)
		p.Triggers = append(p.Triggers, verdict.Trigger{Name: name})
	}
	return &p.Triggers[at]
}

func (p *Policy) sink(name string) *event.SinkConfig {
	at := slices.IndexFunc(p.Sinks, func(s event.SinkConfig) bool { return s.Name == name })
	if at < 0 {
		at = len(p.Sinks)
		p.Sinks = append(p.Sinks, event.SinkConfig{Name: name})
	}
	return &p.Sinks[at]
}

// identity is equal for names that git takes for the same.
func identity(section, subsection, key string) string {
	return strings.ToLower(section) + "\x00" + subsection + "\x00" + strings.ToLower(key)
}

// splitName takes section.key or section.subsection.key apart; the subsection may
// have dots of its own.
func splitName(name string) (section, subsection, key string) {
	section, rest, _ := strings.Cut(name, ".")
	at := strings.LastIndexByte(rest, '.')
	if at < 0 {
		return section, "", rest
	}
	return section, rest[:at], rest[at+1:]
}
