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
)

// screen is the master's side of a pseudo-terminal.
type screen struct {
	*testing.T
	// ptmx is the master's descriptor, since asking for it would make it blocking.
	ptmx          int
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
	s := &screen{T: t, ptmx: fd, master: master, slave: slave}
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
	s.showsTimes(text, 1)
}

// times is how often a text was shown.
func (s *screen) times(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.seen.String(), text)
}

func (s *screen) showsTimes(text string, n int) {
	s.Helper()
	defer func() {
		if s.times(text) < n {
			s.Logf("the terminal shows %q", s.seen.String())
		}
	}()
	eventually(s.T, fmt.Sprintf("%q %d times on the terminal", text, n), func() bool { return s.times(text) >= n })
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
	if got, err := os.ReadFile(result); err != nil || !strings.HasPrefix(string(got), want+" ") || !strings.HasSuffix(string(got), " foreground") {
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
	s = newScreen(t)
	cmd, result = s.on("echo ready; exec sleep 1000")
	s.shows("ready")
	s.types("\x1c")
	s.ends(cmd, result, "131 3")
	// Most test programs take it for a reason to fail.
	s = newScreen(t)
	cmd, result = s.on("trap 'exit 2' INT; echo ready; while :; do sleep 0.01; done")
	s.shows("ready")
	s.types("\x03")
	s.ends(cmd, result, "2 2")
	// A command may have its own idea of Ctrl-C.
	s = newScreen(t)
	cmd, result = s.on("trap 'echo not yet' INT; echo ready; read -r line; read -r line; exit 0")
	s.shows("ready")
	s.types("\x03")
	s.shows("not yet")
	s.types("\n\n")
	s.ends(cmd, result, "0 0")
}

// The system tells the command of a new size, and so do we where we get the word.
func TestWindowSize(t *testing.T) {
	s := newScreen(t)
	cmd, result := s.on("trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.01; done")
	s.shows("ready")
	if err := unix.IoctlSetWinsize(int(s.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 21, Col: 43}); err != nil {
		t.Fatal(err)
	}
	s.shows("21 43")
	s.ends(cmd, result, "4 0")
}

// Without a shell that would continue us, Ctrl-Z is nothing.
func TestCtrlZWithoutShell(t *testing.T) {
	s := newScreen(t)
	cmd, result := s.on("trap 'echo goes on' CONT; echo ready; until read -r line; do :; done; exit 5")
	s.shows("ready")
	s.types("\x1a")
	s.shows("goes on")
	s.types("\n")
	s.ends(cmd, result, "5 0")
}

func TestTerminalModesArePutBack(t *testing.T) {
	s := newScreen(t)
	before, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd, result := s.on("stty raw -echo; kill -KILL $$")
	s.ends(cmd, result, "137 0")
	after, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil || *before != *after {
		t.Errorf("the modes changed: %+v, %+v, %v", before, after, err)
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
