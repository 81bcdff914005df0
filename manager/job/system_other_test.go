//go:build !linux

package job_test

func adopts() bool { return false }

func foreground() string { return "" }
