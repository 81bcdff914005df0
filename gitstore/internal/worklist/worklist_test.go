package worklist

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

// grow pushes a tree of tasks and counts them.
func grow(l *List[*int], depth int, done *atomic.Int64) func(*int) {
	return func(mine *int) {
		*mine++
		done.Add(1)
		if depth > 0 && !l.Stopped() {
			for range 3 {
				l.Push(grow(l, depth-1, done))
			}
		}
	}
}

func TestEveryTaskIsDoneOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 7} {
		l := New[*int](context.Background())
		var done atomic.Int64
		var states []*int
		l.Push(grow(l, 7, &done))
		err := l.Run(workers, func() *int {
			n := new(int)
			states = append(states, n)
			return n
		})
		const want = (2187*3 - 1) / 2
		sum := 0
		for _, n := range states {
			sum += *n
		}
		if err != nil || done.Load() != want || sum != want || workers > 0 && len(states) != workers {
			t.Errorf("%d workers did %d tasks (%d by their own count) of %d: %v", workers, done.Load(), sum, want, err)
		}
	}
}

func TestLastInFirstOut(t *testing.T) {
	l := New[struct{}](context.Background())
	var order []int
	for i := range 3 {
		l.Push(func(struct{}) { order = append(order, i) })
	}
	if err := l.Run(1, func() struct{} { return struct{}{} }); err != nil {
		t.Fatal(err)
	}
	if len(order) != 3 || order[0] != 2 || order[2] != 0 {
		t.Errorf("order %v", order)
	}
}

func TestStopLetsTheRestLetGo(t *testing.T) {
	l := New[struct{}](context.Background())
	first, released := errors.New("first"), 0
	for range 5 {
		l.Push(func(struct{}) {
			released++
			if !l.Stopped() {
				l.Stop(first)
				l.Stop(errors.New("second"))
			}
		})
	}
	if err := l.Run(1, func() struct{} { return struct{}{} }); !errors.Is(err, first) || released != 5 {
		t.Errorf("%v after %d tasks", err, released)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := New[struct{}](ctx)
	c.Push(func(struct{}) {
		if !c.Stopped() {
			t.Error("goes on though cancelled")
		}
	})
	if err := c.Run(0, func() struct{} { return struct{}{} }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
