package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

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
