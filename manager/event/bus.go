package event

import (
	"context"
	"crypto/rand"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	defaultBuffer = 256
	// subscriberLimit bounds how long Close waits for a subscriber.
	subscriberLimit = 5 * time.Second
	// sinkGrace is for a sink to notice that its time is up and to end what it
	// started.
	sinkGrace = time.Second
	// subscriberGrace is for a call that is about to return anyway.
	subscriberGrace = 50 * time.Millisecond
)

// Options say how a [Bus] works. The zero value works.
type Options struct {
	// Logger gets what goes wrong; nil is none.
	Logger hclog.Logger
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
	// Source is for events without one; an absolute path becomes a file URI.
	Source string
	// Sinks get every event whose type they want.
	Sinks []Sink
	// SubscriberBuffer is how many events may wait for one subscriber, and how
	// many for one sink; 0 is 256.
	SubscriberBuffer int
}

// Bus hands events to subscribers and sinks. It is safe for use by many
// goroutines. [Bus.Close] ends its goroutines.
type Bus struct {
	log     hclog.Logger
	now     func() time.Time
	source  string
	buffer  int
	dropped atomic.Uint64
	sinks   []*delivery

	mu     sync.Mutex
	lanes  map[*lane]bool
	closed bool
}

// NewBus starts a bus and a goroutine for each of its sinks.
func NewBus(opts Options) *Bus {
	b := &Bus{log: opts.Logger, now: opts.Now, source: sourceOf(opts.Source), buffer: opts.SubscriberBuffer, lanes: make(map[*lane]bool)}
	if b.log == nil {
		b.log = hclog.NewNullLogger()
	}
	if b.now == nil {
		b.now = time.Now
	}
	if b.buffer <= 0 {
		b.buffer = defaultBuffer
	}
	if b.source == "" {
		b.source = "urn:evoseal:rollback"
	}
	for _, sink := range opts.Sinks {
		d := &delivery{sink: sink.withDefaults(), log: b.log.With("sink", sink.Name), now: b.now}
		b.sinks = append(b.sinks, d)
		l := newLane(b.buffer, d.sink.Types, d.sink.Timeout, sinkGrace)
		l.handle, l.lost = d.deliver, d.lose
		b.start(l)
	}
	return b
}

// Publish queues an event for all who want it and returns at once. It never
// fails: an event that breaks the rules is logged and goes nowhere, and so does
// any event after [Bus.Close]. A missing id, source or time is filled in. The
// values of ctx reach the sinks; that it is cancelled changes nothing, since what
// is told has happened already.
func (b *Bus) Publish(ctx context.Context, e Event) {
	if e.ID == "" {
		e.ID = rand.Text()
	}
	if e.Source == "" {
		e.Source = b.source
	}
	if e.Time.IsZero() {
		e.Time = b.now()
	}
	e.Time = e.Time.UTC()
	if err := e.Validate(); err != nil {
		b.log.Warn("an event isn't told, since it is not valid", "type", string(e.Type), "error", err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		b.log.Debug("an event comes too late to be told", "type", string(e.Type), "id", e.ID)
		return
	}
	for l := range b.lanes {
		if matchesAny(l.types, e.Type) {
			l.push(queued{context.WithoutCancel(ctx), e})
		}
	}
}

// Subscribe has f called with each event whose type matches one of the patterns,
// which are those of [SinkConfig]; no pattern is all events. Calls come one after
// the other, in the order of publishing, from a goroutine of f's own. While f is
// behind by more than its queue holds, it loses the oldest events in it. If f
// panics it is called no more.
//
// The cancel function may be called often and from f itself. It drops what
// waits; a call that is under way may still be ending when it returns.
func (b *Bus) Subscribe(f func(Event), patterns ...string) (cancel func()) {
	l := newLane(b.buffer, slices.Clone(patterns), subscriberLimit, subscriberGrace)
	l.handle = func(_ context.Context, q queued) { b.call(l, f, q.Event) }
	var lost atomic.Uint64
	l.lost = func(n uint64, why string) {
		b.dropped.Add(n)
		if lost.Add(n) == n {
			b.log.Warn("a subscriber loses events", "events", n, "because", why)
		}
	}
	remove := func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.lanes, l)
		l.abandon()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return func() {}
	}
	b.start(l)
	return remove
}

// call guards the bus against a subscriber that panics or ends its goroutine.
func (b *Bus) call(l *lane, f func(Event), e Event) {
	returned := false
	defer func() {
		if returned {
			return
		}
		b.log.Error("a subscriber panicked and is called no more", "panic", recover(), "event", e.ID, "type", string(e.Type), "stack", string(debug.Stack()))
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.lanes, l)
		l.abandon()
	}()
	f(e)
	returned = true
}

// start takes a lane into the bus; b.mu is held, or nobody else knows b yet.
func (b *Bus) start(l *lane) {
	b.lanes[l] = true
	go l.run()
}

// Dropped counts the events that subscribers lost because they were too slow.
// What a cancelled or panicking subscriber had waiting doesn't count.
func (b *Bus) Dropped() uint64 { return b.dropped.Load() }

// Results says how each sink did last, in the order of [Options.Sinks]. Sinks
// that had nothing to do yet are left out.
func (b *Bus) Results() []Result {
	var all []Result
	for _, d := range b.sinks {
		if r, ok := d.result(); ok {
			all = append(all, r)
		}
	}
	return all
}

// Close takes no more events, lets those that wait be delivered and ends the
// bus's goroutines. Each sink gets the time of one delivery for all that waits
// for it and each subscriber five seconds, all of them at once; when that is
// over, or ctx is done, what still waits is lost, and [Bus.Results] says so. A
// subscriber that never returns keeps its goroutine. Close may be called again,
// but not from a subscriber, which would wait for itself.
func (b *Bus) Close(ctx context.Context) {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		for l := range b.lanes {
			l.finish()
		}
	}
	var wg sync.WaitGroup
	for l := range b.lanes {
		wg.Go(func() {
			if !l.wait(ctx) {
				b.log.Warn("who is told of events doesn't come to an end and is left behind")
			}
		})
	}
	b.mu.Unlock()
	wg.Wait()
}
