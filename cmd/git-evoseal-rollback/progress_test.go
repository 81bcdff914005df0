package main

import (
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// TestColour is on for terminals only, and only while nobody objects.
func TestColour(t *testing.T) {
	for _, test := range []struct {
		tty  bool
		env  map[string]string
		want bool
	}{
		{true, nil, true},
		{false, nil, false},
		{true, map[string]string{"NO_COLOR": "1"}, false},
		{true, map[string]string{"NO_COLOR": ""}, true},
		{true, map[string]string{"TERM": "dumb"}, false},
	} {
		p, _, _ := testProcess(test.env)
		p.stdoutTTY = test.tty
		if got := newOutput(p).color; got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestLogLevel is what -v, -q and EVOSEAL_LOG say, the last above all.
func TestLogLevel(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		flags, env string
		info, warn bool
	}{
		{"", "", false, true}, {"-v", "", true, true}, {"-q", "", false, false},
		{"-q", "debug", true, true}, {"-v", "off", false, false}, {"", "nonsense", false, true},
	} {
		p, _, stderr := testProcess(map[string]string{"EVOSEAL_LOG": test.env})
		c := &call{process: p, screen: &screen{w: stderr}, cmd: commands()[0]}
		c.quiet, c.verbose = test.flags == "-q", test.flags == "-v"
		if err := c.settle(); err != nil {
			t.Fatal(err)
		}
		c.log.Info("some info")
		c.log.Warn("some warning")
		if strings.Contains(stderr.String(), "some info") != test.info || strings.Contains(stderr.String(), "some warning") != test.warn {
			t.Errorf("%+v: %q", test, stderr)
		}
	}
}

// TestProgress is for terminals, and leaves a clean line behind.
func TestProgress(t *testing.T) {
	p, _, stderr := testProcess(nil)
	c := &call{process: p, screen: &screen{w: stderr}}
	if tell, done := c.progress("work"); tell != nil {
		t.Error("progress without a terminal")
	} else {
		done()
	}
	p.stderrTTY = true
	for _, off := range []*bool{&c.quiet, &c.noProgress, &c.json} {
		*off = true
		if tell, _ := c.progress("work"); tell != nil {
			t.Error("progress although it was not wanted")
		}
		*off = false
	}
	tell, done := c.progress("work")
	tell(gitstore.Progress{Files: 1})
	if stderr.Len() > 0 {
		t.Errorf("a bar for what is done at once: %q", stderr)
	}
	time.Sleep(patience)
	tell(gitstore.Progress{Files: 1234, Bytes: 1 << 20})
	tell(gitstore.Progress{Files: 2345, TotalFiles: 5000, Bytes: 2 << 20, TotalBytes: 8 << 20})
	tell(gitstore.Progress{Files: 5000, TotalFiles: 5000, Bytes: 8 << 20, TotalBytes: 8 << 20})
	if !strings.Contains(stderr.String(), "work: 2,345 of 5,000 files, 2.0 MiB of 8.0 MiB") {
		t.Errorf("progress: %q", stderr)
	}
	done()
	if !strings.HasSuffix(strings.TrimRight(stderr.String(), " "), "\r") {
		t.Errorf("the bar was not wiped away: %q", stderr.String()[max(0, stderr.Len()-200):])
	}
	if c.screen.bar != nil {
		t.Error("the bar is still there")
	}
}

// TestProgressFits draws on terminals of all widths: no line may be wider.
func TestProgressFits(t *testing.T) {
	for _, columns := range []int{20, 30, 40, 50, 60, 70, 80, 120} {
		p, _, stderr := testProcess(nil)
		p.stderrTTY, p.errWidth = true, func() int { return columns }
		c := &call{process: p, screen: &screen{w: stderr}}
		for _, at := range []gitstore.Progress{
			{Files: 123456, Bytes: 999 << 30},
			{Files: 1, TotalFiles: 123456, Bytes: 1 << 10, TotalBytes: 999 << 30},
			{Files: 123456, TotalFiles: 123456, Bytes: 999 << 30, TotalBytes: 999 << 30},
		} {
			width := c.barWidth("rolling back", at)
			top := at.TotalBytes
			if width == 0 || top == 0 {
				top = -1
			}
			bar := newBar(stderr, top, width)
			bar.Describe(describe("rolling back", at, c.room(top, width)))
			bar.Set64(at.Bytes - 1)
		}
		for line := range strings.SplitSeq(stderr.String(), "\r") {
			if n := len([]rune(line)); n > columns {
				t.Errorf("%d columns are wider than the terminal's %d: %q", n, columns, line)
			}
			if strings.Contains(line, "||") {
				t.Errorf("a bar without width: %q", line)
			}
		}
	}
}
