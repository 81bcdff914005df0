package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/programtest"
	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary stand on PATH under the program's name, so that
// git finds it as it finds the real one.
func TestMain(m *testing.M) {
	testscript.Main(prepared{m}, map[string]func(){
		"git-evoseal-rollback": func() { os.Exit(mainCode()) },
	})
}

// prepared are the tests with what they need around them.
type prepared struct{ *testing.M }

func (p prepared) Run() int {
	// Under nohup(1) the programs that are started here would not die of it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	dir, err := p.begin()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	return p.M.Run()
}

func (p prepared) begin() (string, error) {
	// The race detector's runtime sleeps for a second at the end of each process;
	// there are hundreds of them.
	if os.Getenv("GORACE") == "" {
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			return "", err
		}
	}
	if err := gitstoretest.UseMemory(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "evoseal-program-")
	shippedDir = dir
	return dir, err
}

// shippedDir is where the program is built as it ships, once it is asked for.
var shippedDir string

var shipped = sync.OnceValues(func() (string, error) { return programtest.Build(shippedDir) })

// useShipped lets a test find the program on PATH as it ships, and not the test
// binary under its name.
func useShipped(t *testing.T) {
	t.Helper()
	path, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(path)+string(filepath.ListSeparator)+os.Getenv("PATH"))
}
