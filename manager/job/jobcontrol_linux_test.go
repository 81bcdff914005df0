package job_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// shell is an interactive bash on a terminal.
type shell struct {
	*screen
	cmd    *exec.Cmd
	self   string
	result string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	s := newScreen(t)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sh := &shell{screen: s, self: self, result: filepath.Join(t.TempDir(), "result")}
	sh.cmd = exec.Command(bash, "--norc", "-i")
	sh.cmd.Env = append(os.Environ(), "PS1=prompt> ", "HISTFILE=", "TERM=dumb")
	sh.cmd.Stdin, sh.cmd.Stdout, sh.cmd.Stderr = s.slave, s.slave, s.slave
	sh.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := sh.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A failed test leaves it, and jobs that are stopped.
	t.Cleanup(func() {
		if sh.cmd.ProcessState == nil {
			sh.cmd.Process.Kill()
			_ = sh.cmd.Wait()
		}
	})
	s.shows("prompt>")
	return sh
}

// runs has the shell start a runner; after is what stands behind its command.
func (s *shell) runs(script, after string) {
	s.Helper()
	file := filepath.Join(s.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		s.Fatal(err)
	}
	s.types(fmt.Sprintf("%s=%s %s sh %s%s\n", childVariable, s.result, s.self, file, after))
}

// answers waits until the shell has the terminal and works.
func (s *shell) answers(n int) {
	s.Helper()
	s.types(fmt.Sprintf("echo answer $((%d+1))\n", n-1))
	s.shows(fmt.Sprintf("answer %d\r\n", n))
}

// stops types Ctrl-Z for the n-th time. What is typed before the shell has the
// terminal again may get lost.
func (s *shell) stops(n int) {
	s.Helper()
	s.types("\x1a")
	s.showsTimes("Stopped", n)
}

// foreground has the shell continue the job, and waits until it let the terminal go.
func (s *shell) foreground(after string) {
	s.Helper()
	s.types("fg" + after + "\n")
	eventually(s.T, "the job in the foreground", func() bool {
		front, err := unix.IoctlGetInt(s.ptmx, unix.TIOCGPGRP)
		return err == nil && front != s.cmd.Process.Pid
	})
}

func (s *shell) ended(want string) {
	s.Helper()
	eventually(s.T, "the result", func() bool {
		_, err := os.Stat(s.result)
		return err == nil
	})
	s.answers(1000)
	s.types("exit\n")
	_ = s.cmd.Wait()
	if got, err := os.ReadFile(s.result); err != nil || !strings.HasPrefix(string(got), want) {
		s.Errorf("result %q %v, want %s", got, err, want)
	}
}

// Ctrl-Z stops the command and us, as a shell expects; fg goes on with both.
func TestCtrlZ(t *testing.T) {
	s := newShell(t)
	list := filepath.Join(t.TempDir(), "pids")
	s.runs("echo $$ > "+list+"; echo ready; read -r line; echo \"got $line\"; exit 6", "")
	s.shows("ready")
	pid := pids(t, list, 1)[0]
	for i := range 3 {
		s.stops(i + 1)
		s.answers(10 + i)
		s.foreground("")
		// SIGCONT takes away a stop that comes before.
		eventually(t, "the command to go on", func() bool { return state(pid) != "T" })
	}
	s.types("words\n")
	s.shows("got words")
	s.ended("6 0 0 <nil> foreground")
}

// A command that is stopped finds its modes again, and meanwhile the shell has its
// own.
func TestModesOfStoppedCommand(t *testing.T) {
	s := newShell(t)
	s.runs("stty -echo -icrnl; echo ready; read -r line; stty -a | grep -q -e '-icrnl' && echo ke''pt; exit 6", "; stty -a | grep -o ' icrnl'")
	s.shows("ready")
	s.stops(1)
	s.answers(10)
	s.foreground("; stty -a | grep -o ' icrnl' | tr a-z A-Z")
	s.types("\n")
	s.shows("kept")
	s.shows("ICRNL")
	s.ended("6 0 0 <nil> foreground")
}

func TestBackground(t *testing.T) {
	s := newShell(t)
	fifo := filepath.Join(t.TempDir(), "go")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// A shell that is just about to start a program can't always be stopped, since it
	// waits in vfork(2) for one that is. So this one starts none.
	s.runs("echo ready; read -r line <"+fifo+"; exit 6", "")
	s.shows("ready")
	s.stops(1)
	s.answers(10)
	s.types("bg\n")
	s.answers(11)
	if err := os.WriteFile(fifo, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.ended("6 0 0 <nil> background")
}

// Somebody else may stop us alone, and the shell takes the terminal from the command.
func TestStoppedFromOutside(t *testing.T) {
	s := newShell(t)
	dir := t.TempDir()
	file, list := filepath.Join(dir, "go"), filepath.Join(dir, "pids")
	s.runs("echo $PPID $$ > "+list+"; until [ -e "+file+" ]; do sleep 0.01; done; read -r line; echo \"got $line\"; exit 6", "")
	all := pids(t, list, 2)
	if err := syscall.Kill(all[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.shows("Stopped")
	s.answers(10)
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// It reads in the background now.
	eventually(t, "the command to stop", func() bool { return state(all[1]) == "T" })
	s.foreground("")
	s.types("words\n")
	s.shows("got words")
	s.ended("6 0 0 <nil> foreground")
}

// In the background there is no terminal to be had: the job stops until it is in
// the foreground.
func TestBackgroundReads(t *testing.T) {
	s := newShell(t)
	s.runs("read -r line; echo \"got $line\"; exit 6", " &")
	eventually(t, "the stop", func() bool {
		s.types("jobs\n")
		return s.times("Stopped") > 0
	})
	s.answers(10)
	s.foreground("")
	s.types("words\n")
	s.shows("got words")
	s.ended("6 0 0 <nil> foreground")
}

// The others of a pipeline keep the terminal until the command needs it.
func TestPipeline(t *testing.T) {
	s := newShell(t)
	s.runs("echo ready >/dev/tty; read -r line; echo \"got $line\"; stty -echo; exit 6", " | cat")
	s.shows("ready")
	s.types("words\n")
	s.shows("got words")
	s.ended("6 0 0 <nil> foreground")
	s = newShell(t)
	s.runs("echo ready >/dev/tty; exec sleep 1000", " | cat")
	s.shows("ready")
	s.types("\x03")
	s.ended("130 2 0 <nil> foreground")
}

// A command without any terminal may ask for it all the same, as ssh does.
func TestPasswordPrompt(t *testing.T) {
	s := newShell(t)
	s.runs("read -r line </dev/tty; echo \"got $line\" >/dev/tty; exit 6", " </dev/null >/dev/null 2>&1")
	s.types("words\n")
	s.shows("got words")
	s.ended("6 0 0 <nil>")
}

// A shell in the shell makes groups of its own, and hands the terminal around.
func TestShellAsCommand(t *testing.T) {
	s := newShell(t)
	s.types(fmt.Sprintf("%s=%s PS1='in''ner> ' %s bash --norc -i\n", childVariable, s.result, s.self))
	s.shows("inner>")
	s.types("sh -c 'echo st\"\"arted; exec sleep 1000'\n")
	s.shows("started")
	s.stops(1)
	s.answers(10)
	s.types("exec 2>/dev/null; kill -KILL $$\n")
	s.ended("137 0 ")
}
