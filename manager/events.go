package manager

import (
	"context"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
)

// events is the bus, and the sinks that it was made with. It is made anew when
// the policy names others.
type events struct {
	mu          sync.Mutex
	bus         *event.Bus
	sinks       []event.SinkConfig
	resultsPath string
	limit       time.Duration
	subscribers map[int]func(event.Event)
	cancels     map[int]func()
	next        int
	// retired are the buses that still deliver.
	retired sync.WaitGroup
}

func newEvents() *events {
	return &events{subscribers: make(map[int]func(event.Event)), cancels: make(map[int]func())}
}

// Subscribe has f called with every event that this Manager publishes, in order,
// from a goroutine of its own. One that is slow misses events and holds up
// nobody; one that panics is called no more.
func (m *Manager) Subscribe(f func(event.Event)) (cancel func()) {
	e := m.events
	e.mu.Lock()
	defer e.mu.Unlock()
	id := e.next
	e.next++
	e.subscribers[id] = f
	if e.bus != nil {
		e.cancels[id] = e.bus.Subscribe(f)
	}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.subscribers, id)
		if stop := e.cancels[id]; stop != nil {
			delete(e.cancels, id)
			stop()
		}
	}
}

// publish tells the subscribers and the sinks. Nothing that goes wrong here is an
// error of what is told.
func (m *Manager) publish(ctx context.Context, s *gitstore.Store, typ event.Type, subject string, data any) {
	sinks, limit := []event.SinkConfig(nil), defaultEventLimit
	if r, err := m.standingRules(s); err == nil {
		sinks, limit = r.Policy.Sinks, r.Policy.EventTimeout
	}
	e := m.events
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(sinks) == 0 && len(e.subscribers) == 0 {
		e.retire()
		return
	}
	if e.bus == nil || !reflect.DeepEqual(e.sinks, sinks) {
		e.retire()
		e.open(m, s, sinks, limit)
	}
	ev, err := event.New(typ, m.project.Root, subject, m.now(), data)
	if err != nil {
		m.log.Warn("an event can't be told", "type", typ, "error", err)
		return
	}
	e.bus.Publish(context.WithoutCancel(ctx), ev)
}

// defaultEventLimit bounds how long Close waits for sinks.
const defaultEventLimit = 5 * time.Second

// open makes the bus; e.mu is held.
func (e *events) open(m *Manager, s *gitstore.Store, configs []event.SinkConfig, limit time.Duration) {
	var sinks []event.Sink
	usable := configs
	if len(configs) > 0 {
		if err := m.trusts(s); err != nil {
			m.log.Warn("events go to no sink", "error", err)
			usable = nil
		}
	}
	for _, config := range usable {
		if config.Timeout == 0 {
			config.Timeout = limit
		}
		sink, err := event.Open(config, event.Env{Dir: m.project.Root, Logger: m.log})
		if err != nil {
			m.log.Warn("a sink of events can't be used", "sink", config.Name, "error", err)
			continue
		}
		sinks = append(sinks, sink)
	}
	e.bus = event.NewBus(event.Options{Logger: m.log.Named("events"), Now: m.opts.Now, Sinks: sinks})
	e.sinks, e.limit = configs, limit
	e.resultsPath = sinkResultsPath(s)
	for id, f := range e.subscribers {
		e.cancels[id] = e.bus.Subscribe(f)
	}
}

// retire lets the bus deliver what waits, within its sinks' limits, while others
// go on; e.mu is held.
func (e *events) retire() {
	if e.bus == nil {
		return
	}
	bus, limit, path, hasSinks := e.bus, e.longest()+time.Second, e.resultsPath, len(e.sinks) > 0
	e.bus = nil
	clear(e.cancels)
	e.retired.Go(func() {
		// Every sink bounds itself; this is for one that doesn't.
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		bus.Close(ctx)
		if hasSinks {
			// Of use to people only.
			_ = event.SaveResults(path, bus.Results())
		}
	})
}

func (e *events) longest() time.Duration {
	longest := e.limit
	for _, s := range e.sinks {
		longest = max(longest, s.Timeout)
	}
	return longest
}

// close waits until all that was published is delivered or given up.
func (e *events) close() {
	e.mu.Lock()
	e.retire()
	e.mu.Unlock()
	e.retired.Wait()
}

func sinkResultsPath(s *gitstore.Store) string {
	return filepath.Join(s.CacheDir(), "sinks.json")
}

// sinkResults are the last results of all processes' sinks.
func (m *Manager) sinkResults(s *gitstore.Store) map[string]event.Result {
	list, err := event.LoadResults(sinkResultsPath(s))
	if err != nil {
		m.log.Debug("results of sinks can't be read", "error", err)
	}
	results := make(map[string]event.Result, len(list))
	for _, r := range list {
		results[r.Sink] = r
	}
	return results
}

// tell publishes what came of a rollback or an undo.
func (m *Manager) tell(ctx context.Context, s *gitstore.Store, rec *Record) {
	data := rollbackData(rec)
	if rec.Action == ActionUndo {
		if rec.Outcome == Completed {
			m.publish(ctx, s, event.UndoCompleted, rec.Version, data)
		}
		return
	}
	types := map[Outcome]event.Type{
		Completed: event.RollbackCompleted, Failed: event.RollbackFailed, Denied: event.RollbackDenied, Refused: event.RollbackRefused,
	}
	if rec.Outcome == Completed && rec.Action != ActionDrill {
		m.publish(ctx, s, event.VerificationPassed, rec.Version, data)
	}
	if rec.notVerified {
		m.publish(ctx, s, event.VerificationFailed, rec.Version, data)
	}
	m.publish(ctx, s, types[rec.Outcome], rec.Version, data)
}

func rollbackData(r *Record) event.RollbackData {
	return event.RollbackData{
		RecordID: r.ID, Action: string(r.Action), Version: r.Version, FromVersion: r.FromVersion, Target: r.Target,
		Outcome: string(r.Outcome), Error: r.Error, Reason: r.Reason, Actor: r.Actor, Role: r.Role, Trigger: r.Trigger,
		VerdictID: r.Verdict, Chain: r.Chain, Incident: r.Incident, Verified: r.Verified,
		Files: r.Files, Bytes: r.Bytes, DurationMS: r.DurationMS,
	}
}
