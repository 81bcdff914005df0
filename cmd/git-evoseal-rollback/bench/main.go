// Bench times git-evoseal-rollback beside git, restic, bup, rsync, cp and tar, in
// one run, on the same trees.
//
// The programs take turns, so that a machine that gets faster or slower does so
// for all of them, and a first round that isn't counted warms the caches for all
// of them. Each row is printed as soon as it is measured, also where it is not in
// our favour, and everything is written to a document at the end. A program that
// isn't installed leaves its lines out, with a note that says so.
//
//	go run ./cmd/git-evoseal-rollback/bench -binary bin/git-evoseal-rollback -only '^source/'
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// settings are what the command line asks for.
type settings struct {
	binary, out string
	dirs        []string
	rounds      int
	only        *regexp.Regexp
	scale       float64
	everywhere  bool
	// histories and growths are how many checkpoints those rows make, before scale.
	histories, growths int
	// patience is how long making the long history may take.
	patience time.Duration
	// goRoot is where Go's own tree lies.
	goRoot string
}

func main() {
	if code, served := serve(os.Args[1:]); served {
		os.Exit(code)
	}
	s, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serve does what this program starts itself for.
func serve(args []string) (code int, served bool) {
	switch {
	case len(args) > 0 && args[0] == launcherName:
		return launch(args[1:]), true
	case len(args) > 0 && args[0] == leastName:
		if err := least(args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

func parse(args []string) (settings, error) {
	var s settings
	var dirs, only string
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&s.binary, "binary", "bin/git-evoseal-rollback", "the `program` to time")
	flags.StringVar(&dirs, "dirs", "/dev/shm,"+os.TempDir(), "`directories` to work below, one a medium; what takes long runs on the first only")
	flags.BoolVar(&s.everywhere, "everywhere", false, "run what takes long, and what is slow, on every medium")
	flags.IntVar(&s.rounds, "rounds", 3, "counted `rounds` of each row; what takes milliseconds gets five times as many")
	flags.StringVar(&only, "only", "", "measure only rows whose name matches `regexp`; -only list prints the names")
	flags.Float64Var(&s.scale, "scale", 1, "`fraction` of the files, bytes and checkpoints")
	flags.IntVar(&s.histories, "history-count", 10_000, "`checkpoints` of the long history")
	flags.DurationVar(&s.patience, "history-limit", 8*time.Minute, "make no more of them after this `time`, and say how many there are")
	flags.IntVar(&s.growths, "growth-count", 100, "`checkpoints` by which the stores' growth is measured")
	flags.StringVar(&s.out, "out", "", "`file` to write the table to, in Markdown")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.rounds < 1 || s.scale <= 0 || s.scale > 1 {
		return s, fmt.Errorf("-rounds is at least 1, -scale above 0 and at most 1")
	}
	s.dirs = strings.Split(dirs, ",")
	var err error
	s.only, err = regexp.Compile(only)
	return s, err
}

// scaled is n at the run's scale, and not less than least.
func (s *settings) scaled(n, least int) int { return max(least, int(float64(n)*s.scale)) }
