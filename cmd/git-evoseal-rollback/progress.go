package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/schollz/progressbar/v3"
)

// screen is stderr as the log and the progress bar share it: a line of the log
// first wipes the bar away, which the next step paints again.
type screen struct {
	mu  sync.Mutex
	w   io.Writer
	bar *progressbar.ProgressBar
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		s.bar.Clear()
	}
	return s.w.Write(b)
}

// patience is how long work may take before a bar appears: what is done at once
// needs none.
const patience = 300 * time.Millisecond

// progress returns what to tell of the progress, nil when nobody is to see it,
// and a function that wipes the bar away.
func (c *call) progress(what string) (tell func(gitstore.Progress), done func()) {
	if !c.stderrTTY || c.quiet || c.noProgress || c.json || c.getenv("TERM") == "dumb" {
		return nil, func() {}
	}
	start := time.Now()
	s := c.screen
	tell = func(p gitstore.Progress) {
		if time.Since(start) < patience {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		top := int64(-1)
		if p.TotalBytes > 0 {
			// A bar that is full counts as finished and stops.
			top = max(p.TotalBytes, p.Bytes+1)
		}
		if s.bar != nil && (s.bar.GetMax64() < 0) != (top < 0) {
			s.bar.Clear()
			s.bar = nil
		}
		if s.bar == nil {
			s.bar = newBar(s.w, top)
		}
		if s.bar.GetMax64() != top {
			s.bar.ChangeMax64(top)
		}
		s.bar.Describe(describe(what, p))
		s.bar.Set64(p.Bytes)
	}
	done = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bar != nil {
			s.bar.Exit()
			s.bar.Clear()
			s.bar = nil
		}
	}
	return tell, done
}

func newBar(w io.Writer, top int64) *progressbar.ProgressBar {
	// Bytes are in the description: the bar's own count would begin when the bar
	// does, which is late.
	return progressbar.NewOptions64(top, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetSpinnerChangeInterval(0))
}

func describe(what string, p gitstore.Progress) string {
	if p.TotalFiles > 0 {
		return fmt.Sprintf("%s: %s of %s files, %s of %s", what, humanize.Comma(p.Files), humanize.Comma(p.TotalFiles), size(p.Bytes), size(p.TotalBytes))
	}
	return fmt.Sprintf("%s: %s files, %s", what, humanize.Comma(p.Files), size(p.Bytes))
}
