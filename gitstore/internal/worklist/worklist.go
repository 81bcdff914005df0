// Package worklist runs tasks that make more tasks, on a fixed number of
// goroutines, last in first out. A walk of a tree goes deep before it goes wide
// that way, which bounds the directory handles that are open at once.
package worklist

import (
	"cmp"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// List is the tasks to do. S is the state that each goroutine keeps from task
// to task, such as its buffers.
type List[S any] struct {
	ctx context.Context
	// stopped is asked once a file.
	stopped atomic.Bool

	mu     sync.Mutex
	wake   *sync.Cond
	stack  []func(S)
	active int
	err    error
}

// New returns an empty list.
func New[S any](ctx context.Context) *List[S] {
	l := &List[S]{ctx: ctx}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// Push adds a task. Tasks and the caller of Run may call it.
func (l *List[S]) Push(task func(S)) {
	l.mu.Lock()
	l.stack = append(l.stack, task)
	l.mu.Unlock()
	l.wake.Signal()
}

// Run does all tasks on so many goroutines (zero is one a processor), each with
// a state of its own, and returns what Stop was given first.
func (l *List[S]) Run(workers int, state func() S) error {
	if err := l.ctx.Err(); err != nil {
		l.Stop(err)
	}
	defer context.AfterFunc(l.ctx, func() { l.Stop(l.ctx.Err()) })()
	var wg sync.WaitGroup
	for range cmp.Or(workers, runtime.GOMAXPROCS(0)) {
		s := state()
		wg.Go(func() { l.work(s) })
	}
	wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *List[S]) work(s S) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.stack) == 0 && l.active > 0 {
			l.wake.Wait()
		}
		if len(l.stack) == 0 {
			l.wake.Broadcast()
			return
		}
		last := len(l.stack) - 1
		task := l.stack[last]
		l.stack[last] = nil
		l.stack = l.stack[:last]
		l.active++
		l.mu.Unlock()
		task(s)
		l.mu.Lock()
		l.active--
	}
}

// Stop makes Run return err. Tasks that are left still run, to let go of what
// they hold, and find Stopped true.
func (l *List[S]) Stop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	l.stopped.Store(true)
}

// Stopped says whether the work is called off, by Stop or by the context.
func (l *List[S]) Stopped() bool { return l.stopped.Load() }
