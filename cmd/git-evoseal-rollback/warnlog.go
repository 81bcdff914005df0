package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// newLog is the log of a run. Asked for, by EVOSEAL_LOG or -v, it is a log as
// programs write them; else its warnings are lines like all other warnings.
func (c *call) newLog() hclog.Logger {
	level := hclog.LevelFromString(c.getenv("EVOSEAL_LOG"))
	if level == hclog.NoLevel && c.verbose {
		level = hclog.Info
	}
	if level != hclog.NoLevel {
		return hclog.New(&hclog.LoggerOptions{Name: "evoseal", Level: level, Output: c.screen, DisableTime: level > hclog.Debug})
	}
	level = hclog.Warn
	if c.quiet {
		level = hclog.Error
	}
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "evoseal", Level: level, Output: io.Discard})
	log.RegisterSink(&warnings{c: c, level: level})
	return log
}

// warnings shows what is logged as warnings for people.
type warnings struct {
	c     *call
	level hclog.Level
}

// toldOtherwise are messages of which the command's own output says as much.
var toldOtherwise = []string{"EMERGENCY declared"}

// Accept is called from any goroutine.
func (w *warnings) Accept(name string, level hclog.Level, msg string, args ...any) {
	if level < w.level || slices.Contains(toldOtherwise, msg) {
		return
	}
	cause, about := "", []string{}
	sink := strings.HasSuffix(name, ".events")
	for i := 0; i+1 < len(args); i += 2 {
		switch key := fmt.Sprint(args[i]); key {
		case "error", "because":
			cause = fmt.Sprintf(": %v", args[i+1])
		case "event", "stack", "attempts":
			// Of use to who looks for a fault, which EVOSEAL_LOG is for.
		default:
			sink = sink || key == "sink"
			about = append(about, fmt.Sprintf("%s %v", key, args[i+1]))
		}
	}
	line := msg + cause
	if len(about) > 0 {
		line += " (" + strings.Join(about, ", ") + ")"
	}
	line = "warning: " + printable(strings.ReplaceAll(line, "\n", "; ")) + "\n"
	if sink {
		line += "hint: " + w.c.shown("status --all") + " shows each sink\n"
	}
	io.WriteString(w.c.screen, line)
}
