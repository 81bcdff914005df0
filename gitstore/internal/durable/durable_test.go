package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const childEnv = "DURABLE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		f, err := Create(dir, "tmp_", 0o644)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		f.WriteString("unfinished")
		fmt.Println("made")
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestPublishAndDiscard(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(dir, "tmp_", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("whole")
	final := filepath.Join(dir, "final")
	if err := f.Publish(final); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if data, err := os.ReadFile(final); err != nil || string(data) != "whole" {
		t.Errorf("%q %v", data, err)
	}
	if g, err := Create(dir, "tmp_", 0o600); err != nil {
		t.Fatal(err)
	} else {
		g.Discard()
		g.Discard()
	}
	if err := WriteFile(final, []byte("new"), 0o640); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(final); err != nil || fi.Size() != 3 || fi.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", fi, err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
	if err := WriteFile(filepath.Join(dir, "none", "x"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// TestSweepTellsTheDeadFromTheLiving kills a real process in the middle of a
// file.
func TestSweepTellsTheDeadFromTheLiving(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n, _ := out.Read(buf); string(buf[:n]) != "made\n" {
		t.Fatalf("child says %q", buf[:n])
	}
	os.WriteFile(filepath.Join(dir, "other"), nil, 0o644)
	if freed, err := Sweep(dir, "tmp_"); freed != 0 || err != nil || len(names(t, dir)) != 2 {
		t.Errorf("swept a living process's file: %d %v", freed, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if freed, err := Sweep(dir, "tmp_"); freed != 10 || err != nil || len(names(t, dir)) != 1 {
		t.Errorf("after the kill: %d bytes, %v, left %v", freed, err, names(t, dir))
	}
	if freed, err := Sweep(filepath.Join(dir, "none"), "tmp_"); freed != 0 || err != nil {
		t.Errorf("no directory: %v", err)
	}
}
