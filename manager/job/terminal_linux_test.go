package job_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is the master's side of a pseudo-terminal.
type screen struct {
	*testing.T
	master, slave *os.File
	mu            sync.Mutex
	seen          bytes.Buffer
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	// Not blocking, so that closing it ends the read below.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals")
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	master := os.NewFile(uintptr(fd), "/dev/ptmx")
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{T: t, master: master, slave: slave}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			s.mu.Lock()
			s.seen.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { slave.Close(); master.Close() })
	return s
}

func (s *screen) shows(text string) {
	s.Helper()
	eventually(s.T, fmt.Sprintf("%q on the terminal", text), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(s.seen.String(), text)
	})
}

func (s *screen) types(keys string) {
	s.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.Fatal(err)
	}
}

// on starts a runner as the leader of a session on the terminal.
func (s *screen) on(script string) (cmd *exec.Cmd, result string) {
	s.Helper()
	cmd, result = runner(s.T, script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.slave, s.slave, s.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	return cmd, result
}

func (s *screen) ends(cmd *exec.Cmd, result, want string) {
	s.Helper()
	_ = cmd.Wait()
	if got, err := os.ReadFile(result); err != nil || !strings.HasPrefix(string(got), want+" ") {
		s.Errorf("result %q %v, want %s …", got, err, want)
	}
}

func TestTerminalIsPassedThrough(t *testing.T) {
	s := newScreen(t)
	if err := unix.IoctlSetWinsize(int(s.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}); err != nil {
		t.Fatal(err)
	}
	cmd, result := s.on(`test -t 0 && test -t 1 && test -t 2 && stty size; read -r line; echo "got $line"; exit 5`)
	s.shows("33 77")
	s.types("words\n")
	s.shows("got words")
	s.ends(cmd, result, "5 0")
}

func TestCtrlC(t *testing.T) {
	s := newScreen(t)
	cmd, result := s.on("echo ready; exec sleep 1000")
	s.shows("ready")
	s.types("\x03")
	s.ends(cmd, result, "130 2")
	// A command may have its own idea of Ctrl-C.
	s = newScreen(t)
	cmd, result = s.on("trap 'echo not yet' INT; echo ready; read -r line; read -r line; exit 0")
	s.shows("ready")
	s.types("\x03")
	s.shows("not yet")
	s.types("\n\n")
	s.ends(cmd, result, "0 0")
}

func TestTerminalModesArePutBack(t *testing.T) {
	s := newScreen(t)
	before, err := term.GetState(int(s.slave.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	cmd, result := s.on("stty raw -echo; kill -KILL $$")
	s.ends(cmd, result, "137 0")
	after, err := term.GetState(int(s.slave.Fd()))
	if err != nil || *before != *after {
		t.Errorf("the modes changed: %+v, %+v, %v", before, after, err)
	}
}

// Ctrl-Z stops the command and us, as a shell expects; fg goes on with both.
func TestCtrlZ(t *testing.T) {
	s := newScreen(t)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	result := filepath.Join(t.TempDir(), "result")
	shell := exec.Command(bash, "--norc", "-i")
	shell.Env = append(os.Environ(), "PS1=prompt> ", "HISTFILE=", "TERM=dumb")
	shell.Stdin, shell.Stdout, shell.Stderr = s.slave, s.slave, s.slave
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	s.shows("prompt>")
	s.types(fmt.Sprintf("%s=%s %s sh -c 'echo ready; read -r line; echo \"got $line\"; exit 6'\n", childVariable, result, self))
	s.shows("ready")
	s.types("\x1a")
	s.shows("Stopped")
	s.types("echo shell $((40+2)) is back\n")
	s.shows("shell 42 is back")
	s.types("fg\n")
	s.types("words\n")
	s.shows("got words")
	s.types("exit\n")
	_ = shell.Wait()
	if got, err := os.ReadFile(result); err != nil || !strings.HasPrefix(string(got), "6 0 ") {
		t.Errorf("result %q %v", got, err)
	}
}

// When the terminal goes away the command hears of it, and nothing is left.
func TestHangUp(t *testing.T) {
	s := newScreen(t)
	list := filepath.Join(t.TempDir(), "pids")
	cmd, _ := s.on("echo $$ >> " + list + "; echo ready; exec sleep 1000")
	s.shows("ready")
	all := pids(t, list, 1)
	s.slave.Close()
	s.master.Close()
	_ = cmd.Wait()
	for _, pid := range all {
		eventually(t, "all to be gone", func() bool { return gone(pid) })
	}
}
