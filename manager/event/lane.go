package event

import (
	"context"
	"sync/atomic"
	"time"
)

// queued is an event on its way, with the context of who published it.
type queued struct {
	context.Context
	Event
}

// lane is the way of events to one receiver: a bounded queue and the goroutine
// that empties it.
type lane struct {
	types []string
	// limit is how long the lane may go on after finish; grace how long the
	// receiver then gets to notice.
	limit, grace time.Duration
	// handle is called in the lane's goroutine alone, with a context that ends
	// when the lane is abandoned.
	handle func(context.Context, queued)
	// lost is told how many events were dropped and why.
	lost func(n uint64, why string)

	queue chan queued
	// finished lanes get no more events.
	finished atomic.Bool
	ctx      context.Context
	abandon  context.CancelFunc
	done     chan struct{}
}

func newLane(buffer int, types []string, limit, grace time.Duration) *lane {
	l := &lane{types: types, limit: limit, grace: grace, queue: make(chan queued, buffer), done: make(chan struct{})}
	l.ctx, l.abandon = context.WithCancel(context.Background())
	return l
}

// push never waits: where the queue is full the oldest event makes room, since
// how something ended matters more than that it began. Only one push runs at a
// time, and none after finish; the bus's lock sees to that.
func (l *lane) push(q queued) {
	for {
		select {
		case l.queue <- q:
			return
		default:
		}
		select {
		case <-l.queue:
			l.lost(1, "the queue is full")
		default: // The receiver made room meanwhile.
		}
	}
}

// run hands over what is queued until the lane is finished or abandoned.
func (l *lane) run() {
	defer l.abandon()
	defer close(l.done)
	for {
		select {
		case <-l.ctx.Done():
			return
		case q, more := <-l.queue:
			if !more {
				return
			}
			if l.ctx.Err() != nil {
				l.giveUp(1)
				return
			}
			l.handle(l.ctx, q)
		}
	}
}

// finish says, once, that no event will follow. From then on the lane has its limit.
func (l *lane) finish() {
	l.finished.Store(true)
	close(l.queue)
	timer := time.AfterFunc(l.limit, l.abandon)
	context.AfterFunc(l.ctx, func() { timer.Stop() })
}

// wait returns when a finished lane has ended, and false if it didn't end by
// itself when its time or that of ctx was over. It counts what is left.
func (l *lane) wait(ctx context.Context) bool {
	select {
	case <-l.done:
	case <-l.ctx.Done():
	case <-ctx.Done():
		l.abandon()
	}
	grace := time.NewTimer(l.grace)
	defer grace.Stop()
	ended := true
	select {
	case <-l.done:
	case <-grace.C:
		ended = false
	}
	left := uint64(0)
	for range l.queue {
		left++
	}
	l.giveUp(left)
	return ended
}

// giveUp counts events that no time was left for. What waits for a subscriber
// that cancels isn't lost.
func (l *lane) giveUp(n uint64) {
	if n > 0 && l.finished.Load() {
		l.lost(n, "the time to deliver them was over")
	}
}
