package manager_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/manager"
)

// A project is recorded, damaged, and brought back beside itself.
func Example() {
	ctx := context.Background()
	project, err := os.MkdirTemp("", "project")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(project)
	file := filepath.Join(project, "main.go")
	os.WriteFile(file, []byte("package main\n"), 0o644)

	m, err := manager.New(ctx, project, manager.Options{Actor: "pipeline"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Checkpoint(ctx, manager.CheckpointRequest{Version: "v1"}); err != nil {
		log.Fatal(err)
	}
	os.WriteFile(file, []byte("broken"), 0o644)

	r, err := m.Rollback(ctx, manager.RollbackRequest{Version: "v1", Reason: "tests fail"})
	if err != nil {
		log.Fatal(err)
	}
	restored, _ := os.ReadFile(filepath.Join(r.Record.Target, "main.go"))
	live, _ := os.ReadFile(file)
	fmt.Printf("verified %v: %slive: %s\n", r.Record.Verified, restored, live)

	history, err := m.History(ctx, manager.HistoryFilter{})
	if err != nil {
		log.Fatal(err)
	}
	for _, rec := range history {
		fmt.Println(rec.Actor, rec.Action, rec.Version, rec.Outcome, "-", rec.Reason)
	}
	// Output:
	// verified true: package main
	// live: broken
	// pipeline rollback v1 completed - tests fail
}
