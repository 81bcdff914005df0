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
	begin        []func()
	copying      sync.WaitGroup
}

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
	if c.Stderr != nil && c.Stderr == c.Stdout {
		cmd.Stderr = out
		return nil
	}
	cmd.Stderr, err = p.output(c.Stderr)
	return err
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
	p.theirs, p.ours = append(p.theirs, theirs), append(p.ours, ours)
	p.begin = append(p.begin, func() {
		p.copying.Go(func() {
			if _, err := io.Copy(w, ours); err != nil && !errors.Is(err, os.ErrClosed) {
				// The command must not block on a writer that broke.
				io.Copy(io.Discard, ours)
			}
		})
	})
	return theirs, nil
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
func (p *pipes) drain(most time.Duration) {
	done := make(chan struct{})
	go func() {
		p.copying.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(most):
	}
	for _, f := range p.ours {
		f.Close()
	}
	<-done
}

func (p *pipes) close() {
	for _, f := range append(p.ours, p.theirs...) {
		f.Close()
	}
}
