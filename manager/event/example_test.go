package event_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/event"
)

// A program that wants to know of rollbacks that failed.
func ExampleBus_Subscribe() {
	bus := event.NewBus(event.Options{Source: "/srv/app"})
	bus.Subscribe(func(e event.Event) {
		data, err := e.Payload()
		if err != nil {
			fmt.Println(err)
			return
		}
		if d, ok := data.(*event.RollbackData); ok {
			fmt.Printf("%s: %s (%s)\n", e.Type, e.Subject, d.Error)
		}
	}, "rollback.failed", "rollback.refused")

	for _, t := range []event.Type{event.RollbackInitiated, event.RollbackFailed} {
		e, err := event.New(t, "/srv/app", "v1", time.Now(), event.RollbackData{Version: "v1", Error: "no space left"})
		if err != nil {
			fmt.Println(err)
			return
		}
		bus.Publish(context.Background(), e)
	}
	bus.Close(context.Background()) // Delivers what waits.
	// Output:
	// dev.evoseal.rollback.failed.v1: v1 (no space left)
}

// A sink that appends to a file of JSON lines, and how its lines are read.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	sink, err := event.Open(event.SinkConfig{
		Name: "audit", Kind: event.File, Path: "events.jsonl", Types: []string{"rollback.*"},
	}, event.Env{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	bus := event.NewBus(event.Options{Source: "/srv/app", Sinks: []event.Sink{sink}})
	bus.Publish(context.Background(), event.Event{Type: event.RollbackCompleted, Subject: "v1"})
	bus.Publish(context.Background(), event.Event{Type: event.PolicyChanged})
	bus.Close(context.Background())
	for _, r := range bus.Results() {
		fmt.Println(r.Sink, r.OK)
	}

	text, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(text)) {
		e, err := event.Decode([]byte(line))
		fmt.Println(e.Type, e.Source, e.Subject, err)
	}
	// Output:
	// audit true
	// dev.evoseal.rollback.completed.v1 file:///srv/app v1 <nil>
}
