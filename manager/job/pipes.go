package job

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// pipes copy between the command and readers and writers that are no files. They
// are ours and not exec's, because what the command leaves behind may hold them
// open, and is to be ended before anybody waits for them.
type pipes struct {
	ours, theirs []*os.File
	outputs      []*os.File
	begin        []func()
	copying      sync.WaitGroup
}

const (
	// drain is how long a pipe may be silent when nobody of the command is left to
	// write: whoever holds it still has escaped.
	drain = 2 * time.Second
	// lastOutput bounds what is taken from a pipe after that: the most that a pipe
	// holds by default on Linux.
	lastOutput = 1 << 20
)

func (p *pipes) connect(cmd *exec.Cmd, c Command) error {
	in, err := p.input(c.Stdin)
	if err != nil {
		return err
	}
	out, err := p.output(c.Stdout)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = in, out
	if same(c.Stdout, c.Stderr) {
		cmd.Stderr = out
		return nil
	}
	cmd.Stderr, err = p.output(c.Stderr)
	return err
}

// same says that two writers are one, which must not be written to from two sides.
// Writers need not be comparable.
func same(a, b io.Writer) (yes bool) {
	defer func() { _ = recover() }()
	return a != nil && a == b
}

func (p *pipes) null(flag int) (*os.File, error) {
	f, err := os.OpenFile(os.DevNull, flag, 0)
	if err == nil {
		p.theirs = append(p.theirs, f)
	}
	return f, err
}

func (p *pipes) input(r io.Reader) (*os.File, error) {
	if r == nil {
		return p.null(os.O_RDONLY)
	}
	if f, ok := r.(*os.File); ok {
		return f, nil
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.theirs, p.ours = append(p.theirs, theirs), append(p.ours, ours)
	// Nobody waits for a reader that never ends.
	p.begin = append(p.begin, func() {
		go func() {
			io.Copy(ours, r)
			ours.Close()
		}()
	})
	return theirs, nil
}

func (p *pipes) output(w io.Writer) (*os.File, error) {
	if w == nil {
		return p.null(os.O_WRONLY)
	}
	if f, ok := w.(*os.File); ok {
		return f, nil
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.theirs, p.ours, p.outputs = append(p.theirs, theirs), append(p.ours, ours), append(p.outputs, ours)
	p.begin = append(p.begin, func() { p.copying.Go(func() { copyOutput(w, ours) }) })
	return theirs, nil
}

// copyOutput copies until the end of the pipe, or, once drain has set a deadline,
// what the pipe holds and no more.
func copyOutput(w io.Writer, pipe *os.File) {
	_, err := io.Copy(w, pipe)
	if err == nil || errors.Is(err, os.ErrClosed) {
		return
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		// The command must not block on a writer that broke.
		io.Copy(io.Discard, pipe)
		return
	}
	// The deadline may have passed in a slow writer, with output still to read.
	_ = pipe.SetReadDeadline(time.Now().Add(drain / 10))
	io.Copy(w, io.LimitReader(pipe, lastOutput))
}

// started begins to copy, and lets go of what is the command's.
func (p *pipes) started() {
	for _, f := range p.theirs {
		f.Close()
	}
	for _, begin := range p.begin {
		begin()
	}
}

// drain waits until all output is copied, but not for ever: somebody who escaped
// may hold a pipe.
func (p *pipes) drain() {
	for _, f := range p.outputs {
		_ = f.SetReadDeadline(time.Now().Add(drain))
	}
	p.copying.Wait()
	for _, f := range p.ours {
		f.Close()
	}
}

func (p *pipes) close() {
	for _, f := range append(p.ours, p.theirs...) {
		f.Close()
	}
}
