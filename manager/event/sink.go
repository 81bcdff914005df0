package event

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const defaultTimeout = 5 * time.Second

// ErrConfig says that a sink can't be made of its configuration.
var ErrConfig = errors.New("invalid sink")

// Deliverer takes events to somewhere.
type Deliverer interface {
	// Deliver hands over one event and says how many attempts it made. It must
	// end when ctx does. Its error's text may be logged and kept, so it must hold
	// no secret. It is never called by two goroutines at once for one [Sink].
	Deliver(ctx context.Context, e Event) (attempts int, err error)
}

// Sink is where a [Bus] takes events to.
type Sink struct {
	// Name tells it from others in [Result].
	Name string
	// Kind is for people.
	Kind SinkKind
	// Timeout bounds one delivery; 0 is five seconds.
	Timeout time.Duration
	// Types are patterns of the types that it wants, as in [SinkConfig]; empty is
	// all.
	Types []string
	To    Deliverer
}

func (s Sink) withDefaults() Sink {
	if s.Timeout <= 0 {
		s.Timeout = defaultTimeout
	}
	return s
}

// Env is what sinks work in.
type Env struct {
	// Dir is where programs run and where relative paths start; empty is the
	// working directory.
	Dir string
	// Logger gets the output of programs, at level debug; nil is none.
	Logger hclog.Logger
	// Now is the clock for signatures; nil is [time.Now].
	Now func() time.Time
}

// Open makes a sink. It touches nothing that is outside: a file that can't be
// written, a server that is away or a secret that can't be read shows at the
// first delivery. Errors match [ErrConfig].
func Open(config SinkConfig, env Env) (Sink, error) {
	if env.Logger == nil {
		env.Logger = hclog.NewNullLogger()
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	to, err := open(config, env)
	if err == nil {
		err = checkConfig(config)
	}
	if err != nil {
		return Sink{}, fmt.Errorf("%w %q: %w", ErrConfig, config.Name, err)
	}
	for _, p := range config.Types {
		if !slices.ContainsFunc(Types(), func(t TypeInfo) bool { return Matches(p, t.Type) }) {
			env.Logger.Warn("a sink's pattern matches no type of event", "sink", config.Name, "pattern", p)
		}
	}
	return Sink{
		Name: config.Name, Kind: config.Kind, Timeout: config.Timeout, Types: slices.Clone(config.Types), To: to,
	}.withDefaults(), nil
}

func checkConfig(config SinkConfig) error {
	switch {
	case config.Name == "":
		return errors.New("it has no name")
	case config.Timeout < 0:
		return fmt.Errorf("the timeout %s is negative", config.Timeout)
	case config.Retries < 0:
		return fmt.Errorf("%d retries are negative", config.Retries)
	case slices.Contains(config.Types, ""):
		return errors.New("an empty pattern matches nothing")
	}
	return nil
}

func open(config SinkConfig, env Env) (Deliverer, error) {
	switch config.Kind {
	case Exec:
		return newExecSink(config, env)
	case File:
		return newFileSink(config, env)
	case Webhook:
		return newWebhookSink(config, env)
	}
	return nil, fmt.Errorf("the kind %q is not known", config.Kind)
}

// pathIn joins a configured path to env's directory. "~/" is the home directory,
// as it is in Git's configuration.
func pathIn(env Env, path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		return filepath.Join(home, rest), err
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	return filepath.Join(env.Dir, path), nil
}

// delivery takes events to one sink of a bus and keeps how that went.
type delivery struct {
	sink Sink
	log  hclog.Logger
	now  func() time.Time

	mu   sync.Mutex
	last Result
}

// deliver is called from the goroutine of the sink's lane.
func (d *delivery) deliver(lane context.Context, q queued) {
	ctx, cancel := context.WithTimeout(q.Context, d.sink.Timeout)
	defer cancel()
	defer context.AfterFunc(lane, cancel)()
	attempts, err := d.guarded(ctx, q.Event)
	switch {
	case err == nil:
		d.log.Debug("an event was delivered", "event", q.ID, "type", string(q.Type), "attempts", attempts)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("not done within %s: %w", d.sink.Timeout, err)
	case lane.Err() != nil:
		err = fmt.Errorf("given up at closing: %w", err)
	}
	if err != nil {
		d.log.Warn("an event was not delivered", "event", q.ID, "type", string(q.Type), "attempts", attempts, "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = Result{
		Sink: d.sink.Name, Kind: d.sink.Kind, Time: d.now().UTC(), OK: err == nil, Error: errorText(err),
		EventID: q.ID, EventType: q.Type, Attempts: attempts, Dropped: d.last.Dropped,
	}
}

// guarded turns a panic into an error.
func (d *delivery) guarded(ctx context.Context, e Event) (attempts int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the sink panicked: %v", p)
		}
	}()
	if d.sink.To == nil {
		return 0, errors.New("the sink leads nowhere")
	}
	return d.sink.To.Deliver(ctx, e)
}

// lose counts events that never came to be delivered.
func (d *delivery) lose(n uint64, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.last.Dropped + n
	d.last = Result{
		Sink: d.sink.Name, Kind: d.sink.Kind, Time: d.now().UTC(), Dropped: all,
		Error: fmt.Sprintf("%d events were lost: %s", all, why),
	}
	if all == n {
		d.log.Warn("a sink loses events", "events", n, "because", why)
	}
}

func (d *delivery) result() (Result, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last, !d.last.Time.IsZero()
}

// errorText keeps a result short, whatever a server or a program made of it.
func errorText(err error) string {
	const most = 500
	if err == nil {
		return ""
	}
	s := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
