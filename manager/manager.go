package manager

import (
	"context"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/safety"
	"github.com/hashicorp/go-hclog"
)

// Options of a Manager. The zero value works.
type Options struct {
	// Logger takes warnings and traces; nil discards them.
	Logger hclog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Actor is who asks, for the history; empty is the system's user.
	Actor string
	// Identity signs commits; zero fields come from Git's configuration or the
	// system's user.
	Identity gitstore.Identity
	// ToolVersion is recorded with each checkpoint.
	ToolVersion string
	// Target is the directory that rollbacks fill when the request names none.
	// Like evoseal.target in Git's configuration, which it outranks, it gives
	// way to the default when it is unsafe.
	Target string
	// AllowProjects are directories that may be recorded although they are "/"
	// or somebody's home, beside those that evoseal.allowProject names.
	AllowProjects []string
	// Workers is how many goroutines do the heavy work; zero is one a processor.
	Workers int
	// LockTimeout is how long to wait for other processes; zero is five seconds.
	LockTimeout time.Duration
	// Authorizer decides who may do what in place of the store's tokens; nil
	// leaves it to them.
	Authorizer auth.Authorizer
	// Triggers are custom ones, by the names that they have in the policy.
	Triggers map[string]CustomTrigger
	// Sleep waits before a token is looked at after many wrong ones; nil is a
	// timer.
	Sleep func(context.Context, time.Duration) error
}

// Manager does the work for one project.
type Manager struct {
	opts    Options
	log     hclog.Logger
	project *gitstore.Project

	mu     sync.Mutex
	store  *gitstore.Store
	rules  *rules
	events *events
}

// New finds the project that dir lies in. It makes nothing.
func New(_ context.Context, dir string, opts Options) (*Manager, error) {
	p, err := gitstore.FindProject(dir)
	if err != nil {
		return nil, err
	}
	m := &Manager{opts: opts, log: opts.Logger, project: p, events: newEvents()}
	if m.log == nil {
		m.log = hclog.NewNullLogger()
	}
	for _, err := range p.Config.Problems() {
		m.log.Warn("some of Git's configuration is passed over", "error", err)
	}
	return m, nil
}

// Close delivers the events that wait, within the limits of their sinks, and
// releases the store's files.
func (m *Manager) Close() error {
	m.events.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == nil {
		return nil
	}
	s := m.store
	m.store = nil
	return s.Close()
}

// Project is the project that the manager works for.
func (m *Manager) Project() *gitstore.Project { return m.project }

// Store opens the project's store; [gitstore.ErrNoStore] when there is none. It
// belongs to the manager, which closes it.
func (m *Manager) Store(ctx context.Context) (*gitstore.Store, error) {
	return m.open(ctx, gitstore.Open)
}

// Init makes the project's store if there is none. A project that is "/" or a
// home directory is refused with [safety.ErrUnsafe] unless it is allowed by
// name.
func (m *Manager) Init(ctx context.Context) (*gitstore.Store, error) {
	guard, err := m.guard(m.project.StoreDir(), nil)
	if err != nil {
		return nil, err
	}
	allowed := append(m.project.Config.All("evoseal", "allowProject"), m.opts.AllowProjects...)
	if err := guard.CheckProject(allowed); err != nil {
		return nil, err
	}
	return m.open(ctx, gitstore.Init)
}

func (m *Manager) open(ctx context.Context, how func(context.Context, *gitstore.Project, gitstore.Options) (*gitstore.Store, error)) (*gitstore.Store, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store != nil {
		return m.store, nil
	}
	s, err := how(ctx, m.project, gitstore.Options{
		Logger: m.log.Named("store"), Now: m.opts.Now, Identity: m.opts.Identity, ToolVersion: m.opts.ToolVersion,
		CheckName: safety.CheckEntry, Workers: m.opts.Workers, LockTimeout: m.opts.LockTimeout,
	})
	if err != nil {
		return nil, err
	}
	m.store = s
	return s, nil
}

func (m *Manager) guard(store string, owned func(*os.File) bool) (*safety.Guard, error) {
	return safety.NewGuard(safety.Options{Project: m.project.Root, Store: store, Owned: owned})
}

func (m *Manager) now() time.Time {
	if m.opts.Now != nil {
		return m.opts.Now().UTC()
	}
	return time.Now().UTC()
}

func (m *Manager) actor() string {
	if m.opts.Actor != "" {
		return m.opts.Actor
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
