package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// keptOutput is how much of a program's output is logged.
	keptOutput = 4 << 10
	// killGrace is for killed processes to be gone.
	killGrace = 500 * time.Millisecond
)

// execSink runs a program for each event.
type execSink struct {
	command string
	dir     string
	log     hclog.Logger
}

func newExecSink(config SinkConfig, env Env) (*execSink, error) {
	if config.Command == "" {
		return nil, errors.New("it has no command")
	}
	if strings.ContainsRune(config.Command, 0) {
		return nil, errors.New("the command has a NUL byte")
	}
	return &execSink{config.Command, env.Dir, env.Logger.With("sink", config.Name)}, nil
}

// Deliver waits for the program and for all who still hold its output, which is
// what a shell's $(...) does.
func (s *execSink) Deliver(ctx context.Context, e Event) (int, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	cmd := s.program(e, append(line, '\n'), w)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return 1, fmt.Errorf("the program can't be started: %w", err)
	}
	output := readOutput(r)
	err = supervise(ctx, cmd, r, output)
	if s.log.IsDebug() {
		s.log.Debug("a program took an event", "event", e.ID, "output", output.String())
	}
	return 1, err
}

func (s *execSink) program(e Event, stdin []byte, out *os.File) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", s.command)
	cmd.Dir = s.dir
	cmd.Env = append(cleanEnviron(os.Environ()), "EVOSEAL_EVENT_TYPE="+string(e.Type), "EVOSEAL_EVENT_ID="+e.ID)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = out, out
	// A session of its own: a signal to its group reaches its children too, and
	// it can't ask the terminal anything and wait for ever.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// Wait also waits until the event is read; a program that ended won't.
	cmd.WaitDelay = killGrace
	return cmd
}

// cleanEnviron leaves out what would lead a git in the program to the wrong
// repository, and the token, which is none of its business.
func cleanEnviron(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "EVOSEAL_EVENT_") || name == "EVOSEAL_TOKEN" {
			continue
		}
		kept = append(kept, entry)
	}
	return kept
}

// supervise returns when the program and its output have ended. When ctx ends
// first, it kills the whole process group.
func supervise(ctx context.Context, cmd *exec.Cmd, r *os.File, output *boundedOutput) error {
	select {
	case <-output.done:
	case <-ctx.Done():
		// As long as nobody waits for the program its number, which is the group's
		// as well, can't become another's.
		killGroup(cmd)
		_ = cmd.Wait()
		// A process that left the group may hold the pipe for ever.
		_ = r.SetReadDeadline(time.Now().Add(killGrace))
		<-output.done
		return fmt.Errorf("the program was killed: %w", ctx.Err())
	}
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }()
	select {
	case status := <-exit:
		if status == nil || errors.Is(status, exec.ErrWaitDelay) {
			return nil // ErrWaitDelay: it ended well and left the event unread.
		}
		return fmt.Errorf("the program failed: %w", status)
	case <-ctx.Done():
		killGroup(cmd)
		<-exit
		return fmt.Errorf("the program was killed: %w", ctx.Err())
	}
}

// killGroup has no error to tell of: a group that is gone needs no killing.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// boundedOutput is the beginning of what a program writes. The rest is read as
// well, so that the program isn't held up.
type boundedOutput struct {
	done chan struct{}
	text bytes.Buffer
}

func readOutput(r io.Reader) *boundedOutput {
	o := &boundedOutput{done: make(chan struct{})}
	go func() {
		defer close(o.done)
		// An error is the end of the output, too.
		_, _ = io.CopyN(&o.text, r, keptOutput)
		_, _ = io.Copy(io.Discard, r)
	}()
	return o
}

// String may be called when done is closed.
func (o *boundedOutput) String() string {
	return strings.ToValidUTF8(o.text.String(), "\uFFFD")
}
