package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// prepareTrees sets Go's runtime up for work on whole trees, and returns how many
// workers are to share it. It takes a moment, which quick commands do without.
func prepareTrees() (workers int) {
	collectFrom(heapFloor)
	return spareProcessor()
}

// heapFloor is the memory below which no garbage is collected: most commands end
// before they reach it.
const heapFloor = 96 << 20

// collectFrom puts off the first collection until that much memory is in use; from
// then on all is as usual. Somebody who tunes the collector by its own variables
// has the last word.
func collectFrom(floor int64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := debug.SetMemoryLimit(floor)
	percent := debug.SetGCPercent(-1)
	// Cleaned up by the first collection, whatever makes it run.
	canary := new(*int)
	runtime.AddCleanup(canary, func(struct{}) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}, struct{}{})
}

// spareProcessor gives Go's scheduler one processor more than there is work for, and
// returns how many workers are to share the others. While every processor is taken,
// the scheduler hands on those that wait for a system call, at the cost of two
// changes of thread; with one to spare it waits. A rollback of many small files is
// all short system calls: measured on two processors, it takes a quarter less time.
func spareProcessor() (workers int) {
	n := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(n + 1)
	}
	return n
}
