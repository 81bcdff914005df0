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
		top, width := int64(-1), c.barWidth(what, p)
		if p.TotalBytes > 0 && width > 0 {
			// A bar that is full counts as finished and stops.
			top = max(p.TotalBytes, p.Bytes+1)
		}
		if s.bar != nil && (s.bar.GetMax64() < 0) != (top < 0) {
			s.bar.Clear()
			s.bar = nil
		}
		if s.bar == nil {
			s.bar = newBar(s.w, top, width)
		}
		if s.bar.GetMax64() != top {
			s.bar.ChangeMax64(top)
		}
		s.bar.Describe(describe(what, p, c.room(top, width)))
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

func newBar(w io.Writer, top int64, width int) *progressbar.ProgressBar {
	// Bytes are in the description: the bar's own count would begin when the bar
	// does, which is late.
	return progressbar.NewOptions64(top, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(width),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetSpinnerChangeInterval(0))
}

const (
	// around is the most that stands around description and bar, in columns: share,
	// frame, and the times gone and to come. A line that is longer than the
	// terminal is wide leaves its beginning behind.
	around        = len(" 100% ||  [10m00s:10m00s] ")
	aroundSpinner = len("|   [10m00s]  ")
	// A bar of fewer columns says nothing.
	leastBar, mostBar = 8, 20
)

// columns is the width of the terminal that shows the progress.
func (c *call) columns() int {
	if c.errWidth != nil {
		if w := c.errWidth(); w > 0 {
			return w
		}
	}
	return 80
}

// room is what a bar leaves to the description, in columns; without a total there
// is no bar, and only the time gone stands behind it.
func (c *call) room(top int64, width int) int {
	if top < 0 {
		return c.columns() - aroundSpinner
	}
	return c.columns() - around - width
}

// barWidth is the room beside the longest description with which a bar fits, in
// columns; 0 when it doesn't.
func (c *call) barWidth(what string, p gitstore.Progress) int {
	whole := p
	whole.Files, whole.Bytes = p.TotalFiles, p.TotalBytes
	for _, form := range forms(what, whole)[:2] {
		if room := c.columns() - around - len(form); room >= leastBar {
			return min(mostBar, room)
		}
	}
	return 0
}

// describe is the longest description that fits.
func describe(what string, p gitstore.Progress, room int) string {
	all := forms(what, p)
	for _, form := range all {
		if len(form) <= room {
			return form
		}
	}
	return clip(all[len(all)-1], max(1, room))
}

// forms are descriptions, longest first; all are ASCII.
func forms(what string, p gitstore.Progress) []string {
	if p.TotalFiles > 0 {
		return []string{
			fmt.Sprintf("%s: %s of %s files, %s of %s", what, humanize.Comma(p.Files), humanize.Comma(p.TotalFiles), size(p.Bytes), size(p.TotalBytes)),
			fmt.Sprintf("%s: %s of %s", what, size(p.Bytes), size(p.TotalBytes)),
			fmt.Sprintf("%s: %d%%", what, 100*p.Bytes/max(1, p.TotalBytes)),
			what,
		}
	}
	if p.Files == 0 && p.TotalBytes > 0 {
		// Packing counts no files.
		return []string{
			fmt.Sprintf("%s: %s of %s", what, size(p.Bytes), size(p.TotalBytes)),
			fmt.Sprintf("%s: %d%%", what, 100*p.Bytes/max(1, p.TotalBytes)),
			what,
		}
	}
	return []string{fmt.Sprintf("%s: %s files, %s", what, humanize.Comma(p.Files), size(p.Bytes)), fmt.Sprintf("%s: %s", what, size(p.Bytes)), what}
}
