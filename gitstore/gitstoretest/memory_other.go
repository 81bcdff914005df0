//go:build !linux

package gitstoretest

import "testing"

// UseMemory does nothing where no place is known to be memory.
func UseMemory() error { return nil }

// UseDisk has nothing to take back.
func UseDisk(testing.TB) {}
