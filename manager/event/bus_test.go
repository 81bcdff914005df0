package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSubscribersGetAllInOrder(t *testing.T) {
	checkLeaks(t)
	const publishers, each = 4, 200
	bus := NewBus(Options{SubscriberBuffer: publishers * each})
	var got [3][]Event
	for i := range got {
		bus.Subscribe(func(e Event) { got[i] = append(got[i], e) })
	}
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				bus.Publish(context.Background(), testEvent(RollbackCompleted, fmt.Sprint(p), fmt.Sprint(i)))
			}
		})
	}
	wg.Wait()
	bus.Close(testContext(t))
	for i := range got {
		next := make(map[string]int)
		for n, e := range got[i] {
			if e.ID != got[0][n].ID {
				t.Fatalf("subscriber %d has another order", i)
			}
			var data RollbackData
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Fatal(err)
			}
			if data.Reason != fmt.Sprint(next[e.Subject]) {
				t.Fatalf("publisher %s: %s before %d", e.Subject, data.Reason, next[e.Subject])
			}
			next[e.Subject]++
		}
		if len(got[i]) != publishers*each {
			t.Errorf("subscriber %d got %d", i, len(got[i]))
		}
	}
	if bus.Dropped() != 0 {
		t.Errorf("%d dropped", bus.Dropped())
	}
}

func TestASlowSubscriberLosesTheOldestAndHoldsUpNobody(t *testing.T) {
	checkLeaks(t)
	var log bytes.Buffer
	bus := NewBus(Options{SubscriberBuffer: 3, Logger: logTo(&log)})
	entered, leave := make(chan string, 20), make(chan struct{})
	var slow []string
	bus.Subscribe(func(e Event) {
		entered <- e.Subject
		<-leave
		slow = append(slow, e.Subject)
	})
	publish := func(i int) { bus.Publish(context.Background(), testEvent(RollbackCompleted, fmt.Sprint(i), "")) }
	publish(0)
	receive(t, entered)
	fast := make(chan string, 20)
	bus.Subscribe(func(e Event) { fast <- e.Subject })
	for i := 1; i <= 10; i++ {
		publish(i)
		if got := receive(t, fast); got != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", got, i)
		}
	}
	if bus.Dropped() != 7 {
		t.Errorf("%d dropped", bus.Dropped())
	}
	close(leave)
	bus.Close(testContext(t))
	if got := strings.Join(slow, " "); got != "0 8 9 10" {
		t.Errorf("got %s", got)
	}
	if strings.Count(log.String(), "loses events") != 1 {
		t.Errorf("log: %s", log.String())
	}
}

func TestAPanickingSubscriberIsCalledNoMore(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("oh") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			var log bytes.Buffer
			bus := NewBus(Options{Logger: logTo(&log)})
			calls, others := 0, make(chan Event, 3)
			bus.Subscribe(func(Event) { calls++; end() })
			bus.Subscribe(func(e Event) { others <- e })
			for range 3 {
				bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
				receive(t, others)
			}
			bus.Close(testContext(t))
			if calls != 1 || !strings.Contains(log.String(), "called no more") {
				t.Errorf("%d calls; log: %s", calls, log.String())
			}
		})
	}
}

func TestCancel(t *testing.T) {
	checkLeaks(t)
	bus := NewBus(Options{})
	got := make(chan Event, 9)
	var cancel func()
	cancel = bus.Subscribe(func(e Event) {
		cancel() // From inside, and more than once.
		cancel()
		got <- e
	})
	bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	receive(t, got)
	bus.Publish(context.Background(), testEvent(RollbackFailed, "v2", ""))
	bus.Close(testContext(t))
	cancel()
	if len(got) != 0 || bus.Dropped() != 0 {
		t.Errorf("%d more, %d dropped", len(got), bus.Dropped())
	}
}

func TestSubscribersChoose(t *testing.T) {
	checkLeaks(t)
	bus := NewBus(Options{})
	var got []Type
	bus.Subscribe(func(e Event) { got = append(got, e.Type) }, "*.failed", "emergency.*")
	for _, typ := range []Type{RollbackCompleted, RollbackFailed, EmergencyDeclared, PolicyChanged} {
		bus.Publish(context.Background(), testEvent(typ, "x", ""))
	}
	bus.Close(testContext(t))
	if len(got) != 2 || got[0] != RollbackFailed || got[1] != EmergencyDeclared {
		t.Errorf("got %v", got)
	}
}

func TestPublishFillsInAndRefusesWhatIsInvalid(t *testing.T) {
	checkLeaks(t)
	bus := NewBus(Options{Source: "/srv/app", Now: func() time.Time { return testTime }})
	var got []Event
	bus.Subscribe(func(e Event) { got = append(got, e) })
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	bus.Publish(cancelled, Event{Type: RollbackFailed})
	bus.Publish(context.Background(), Event{})
	bus.Publish(context.Background(), Event{Type: RollbackFailed, Subject: "a\x00"})
	bus.Close(testContext(t))
	if len(got) != 1 || got[0].ID == "" || got[0].Source != "file:///srv/app" || !got[0].Time.Equal(testTime) {
		t.Errorf("got %+v", got)
	}
}

func TestAClosedBusTakesNothing(t *testing.T) {
	checkLeaks(t)
	bus := NewBus(Options{})
	calls := 0
	bus.Subscribe(func(Event) { calls++ })
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { bus.Close(context.Background()) })
	}
	wg.Wait()
	bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	bus.Subscribe(func(Event) { calls++ })()
	bus.Close(context.Background())
	if calls != 0 {
		t.Errorf("%d calls", calls)
	}
}

func TestCloseGivesUpOnASubscriberThatHangs(t *testing.T) {
	checkLeaks(t)
	bus := NewBus(Options{})
	entered, leave := make(chan Event, 9), make(chan struct{})
	bus.Subscribe(func(e Event) { entered <- e; <-leave })
	for range 4 {
		bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	}
	receive(t, entered)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	bus.Close(ctx)
	if bus.Dropped() != 3 {
		t.Errorf("%d dropped", bus.Dropped())
	}
	close(leave)
}

type deliver func(context.Context, Event) (int, error)

func (f deliver) Deliver(ctx context.Context, e Event) (int, error) { return f(ctx, e) }

type traceKey struct{}

func TestSinksDeliverBesideEachOther(t *testing.T) {
	checkLeaks(t)
	hanging := make(chan struct{})
	var delivered, trace []string
	var log bytes.Buffer
	bus := NewBus(Options{Logger: logTo(&log), Now: func() time.Time { return testTime }, Sinks: []Sink{
		{Name: "hangs", Timeout: 100 * time.Millisecond, To: deliver(func(ctx context.Context, _ Event) (int, error) {
			close(hanging)
			<-ctx.Done()
			return 1, ctx.Err()
		}), Types: []string{"rollback.failed"}},
		{Name: "panics", To: deliver(func(context.Context, Event) (int, error) { panic("oh") })},
		{Name: "nowhere"},
		{Name: "idle", Types: []string{"emergency.*"}, To: deliver(nil)},
		{Name: "works", To: deliver(func(ctx context.Context, e Event) (int, error) {
			<-hanging // So it works while the other hangs.
			delivered = append(delivered, e.Subject)
			trace = append(trace, fmt.Sprint(ctx.Value(traceKey{})))
			return 1, nil
		})},
	}})
	ctx := context.WithValue(context.Background(), traceKey{}, "t1")
	bus.Publish(ctx, testEvent(RollbackFailed, "v1", ""))
	bus.Publish(ctx, testEvent(RollbackCompleted, "v2", ""))
	until(t, func() bool {
		return slices.ContainsFunc(bus.Results(), func(r Result) bool { return r.Sink == "hangs" })
	})
	bus.Close(testContext(t))
	if got := strings.Join(append(delivered, trace...), " "); got != "v1 v2 t1 t1" {
		t.Errorf("delivered %s", got)
	}
	var got []string
	for _, r := range bus.Results() {
		got = append(got, fmt.Sprintf("%s %v %d %s", r.Sink, r.OK, r.Attempts, r.Error))
	}
	want := `hangs false 1 not done within 100ms: context deadline exceeded
panics false 0 the sink panicked: oh
nowhere false 0 the sink leads nowhere
works true 1 `
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("results: %s", s)
	}
}

func TestCloseGivesUpOnSinks(t *testing.T) {
	checkLeaks(t)
	entered := make(chan struct{}, 9)
	bus := NewBus(Options{SubscriberBuffer: 4, Sinks: []Sink{{Name: "slow", Timeout: time.Hour, To: deliver(func(ctx context.Context, _ Event) (int, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return 1, errors.New("oh")
	})}}})
	bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	receive(t, entered)
	for range 6 {
		bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	}
	if r := bus.Results(); len(r) != 1 || r[0].Dropped != 2 {
		t.Errorf("results: %+v", r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	bus.Close(ctx)
	if r := bus.Results(); len(r) != 1 || r[0].Dropped != 6 || r[0].OK || !strings.Contains(r[0].Error, "6 events were lost") {
		t.Errorf("results: %+v", r)
	}
}

// A sink that doesn't listen can't be ended; nobody waits for it either.
func TestCloseLeavesASinkThatDoesNotListen(t *testing.T) {
	checkLeaks(t)
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	bus := NewBus(Options{Sinks: []Sink{{Name: "deaf", Timeout: time.Millisecond, To: deliver(func(context.Context, Event) (int, error) {
		entered <- struct{}{}
		<-leave
		return 1, nil
	})}}})
	bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	receive(t, entered)
	bus.Close(context.Background())
	close(leave)
}
