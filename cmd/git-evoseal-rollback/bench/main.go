// Bench times git-evoseal-rollback beside git, in one run, on the same tree: each
// pair of commands in turn, after a warm-up, so that a machine that gets faster
// or slower does so for both. It prints medians and their ratio, also where the
// ratio is not in our favour.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	var b bench
	var memory, disk string
	flag.StringVar(&b.binary, "binary", "bin/git-evoseal-rollback", "the program to time")
	flag.StringVar(&b.source, "source", "", "the `tree` to record; a copy is used, and of GOROOT by default")
	flag.StringVar(&memory, "memory", "/dev/shm", "a `directory` in memory; empty leaves it out")
	flag.StringVar(&disk, "disk", os.TempDir(), "a `directory` on disk; empty leaves it out")
	flag.IntVar(&b.rounds, "rounds", 5, "counted rounds of each pair")
	flag.Parse()
	if b.source == "" {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench: no go to ask for GOROOT; name a tree with -source:", err)
			os.Exit(1)
		}
		b.source = strings.TrimSpace(string(out))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx, memory, disk); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, memory, disk string) error {
	binary, err := filepath.Abs(b.binary)
	if err != nil {
		return err
	}
	b.binary = binary
	fmt.Println(machine())
	for _, place := range []struct{ name, dir string }{{"memory", memory}, {"disk", disk}} {
		if place.dir == "" {
			continue
		}
		if _, err := os.Stat(place.dir); err != nil {
			fmt.Printf("\n%s: left out, %v\n", place.name, err)
			continue
		}
		if err := b.at(ctx, place.name, place.dir); err != nil {
			return err
		}
	}
	return nil
}

// machine describes what the figures were measured on.
func machine() string {
	var u unix.Utsname
	kernel := "unknown"
	if unix.Uname(&u) == nil {
		kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	git, err := exec.Command("git", "--version").Output()
	if err != nil {
		git = []byte("no git")
	}
	return fmt.Sprintf("%d cores, %s, %s, %s", runtime.NumCPU(), kernel, runtime.Version(), strings.TrimSpace(string(git)))
}
