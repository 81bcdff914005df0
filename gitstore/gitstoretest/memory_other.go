//go:build !linux

package gitstoretest

// UseMemory does nothing where no place is known to be memory.
func UseMemory() error { return nil }
