package event

import "time"

// SinkKind is how a sink takes events.
type SinkKind string

// The kinds of sinks.
const (
	// Exec runs a program for each event, which it finds on its standard input.
	Exec SinkKind = "exec"
	// File appends each event as a line to a file.
	File SinkKind = "file"
	// Webhook posts each event.
	Webhook SinkKind = "webhook"
)

// SinkConfig describes a sink. It holds no secret, only where one is found.
type SinkConfig struct {
	Name string
	Kind SinkKind
	// Command is for [Exec], Path for [File], URL for [Webhook].
	Command, Path, URL string
	// SecretFile and SecretEnv name a file or a variable of the environment whose
	// content signs what is posted; both empty is no signature.
	SecretFile, SecretEnv string
	// Timeout bounds one delivery with all its attempts; zero is five seconds.
	Timeout time.Duration
	// Retries is how often a webhook that doesn't answer well is tried again.
	Retries int
	// Types are patterns of the event types that are wanted, in which * stands
	// for any text; empty is all. The "dev.evoseal." before a type and the version
	// behind it may be left out: "rollback.*".
	Types []string
}
