package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/job"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// decidingWork judges, and changes by what is judged.
func decidingWork() []work {
	return []work{
		{name: "mark good", do: mark(verdict.MarkGood, 0)},
		{name: "mark bad", do: mark(verdict.MarkBad, 1)},
		{name: "mark what isn't there", want: gitstore.ErrNotFound, do: func(ctx context.Context, _ *busyUser, m *Manager) error {
			_, err := m.Mark(ctx, MarkRequest{Version: "no-such", Mark: verdict.MarkGood})
			return err
		}},
		{name: "auto that fails", do: judge(failing())},
		{name: "auto that passes", do: judge(passing())},
		{name: "auto that knows nothing", do: judge(verdict.Report{})},
		{name: "cascade", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.CascadingRollback(ctx, CascadeRequest{Failed: u.version(0)})
			return err
		}},
		{name: "guard that passes", do: guardBy("exit 0")},
		{name: "guard that fails", do: guardBy("echo broken >> a; exit 3")},
		{name: "guard that starts nothing", do: func(ctx context.Context, _ *busyUser, m *Manager) error {
			_, err := m.Guard(ctx, GuardRequest{Trial: Trial{Command: job.Command{Args: []string{"no-such-program"}}}, OnlyTests: true})
			return err
		}},
		{name: "guard with a command that takes too long", do: func(ctx context.Context, _ *busyUser, m *Manager) error {
			t := sh("sleep 60")
			t.Command.Timeout = 10 * time.Millisecond
			_, err := m.Guard(ctx, GuardRequest{Trial: t, OnlyTests: true})
			return err
		}},
		{name: "try", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Try(ctx, TryRequest{Version: u.version(1), Trial: sh("test -e a"), JudgeOnly: true})
			return err
		}},
		{name: "subscribe", do: subscribe},
		{name: "policy set", do: setPolicy(func(u *busyUser) []string {
			return []string{"rollback.threshold", fmt.Sprintf("%d%%", 5+u.round%5)}
		})},
		{name: "policy set to nonsense", want: policy.ErrInvalid, do: setPolicy(func(*busyUser) []string {
			return []string{"rollback.threshold", "nonsense"}
		})},
		{name: "other sinks", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.SetPolicy(ctx, SetPolicyRequest{Token: u.admin, Edit: func([]byte) ([]byte, error) { return []byte(u.sinks.policy(u.round)), nil }})
			return err
		}},
		{name: "undo that sinks are told of", do: func(ctx context.Context, _ *busyUser, m *Manager) error {
			_, err := m.Undo(ctx, UndoRequest{})
			return err
		}},
		{name: "no sinks", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.SetPolicy(ctx, SetPolicyRequest{Token: u.admin, Edit: func([]byte) ([]byte, error) { return nil, nil }})
			return err
		}},
	}
}

func mark(as verdict.Mark, back int) func(context.Context, *busyUser, *Manager) error {
	return func(ctx context.Context, u *busyUser, m *Manager) error {
		_, err := m.Mark(ctx, MarkRequest{Version: u.version(back), Mark: as, Reason: "test"})
		return err
	}
}

func judge(r verdict.Report) func(context.Context, *busyUser, *Manager) error {
	return func(ctx context.Context, u *busyUser, m *Manager) error {
		_, err := m.AutoRollback(ctx, AutoRequest{Version: u.version(0), Report: r})
		return err
	}
}

func guardBy(script string) func(context.Context, *busyUser, *Manager) error {
	return func(ctx context.Context, _ *busyUser, m *Manager) error {
		_, err := m.Guard(ctx, GuardRequest{Trial: sh(script)})
		return err
	}
}

func setPolicy(pairs func(u *busyUser) []string) func(context.Context, *busyUser, *Manager) error {
	return func(ctx context.Context, u *busyUser, m *Manager) error {
		p := pairs(u)
		_, err := m.SetPolicy(ctx, SetPolicyRequest{Token: u.admin, Edit: func(text []byte) ([]byte, error) { return policy.Set(text, p[0], p[1]) }})
		return err
	}
}

// subscribe listens to something, one time until it is over, one time not that long.
func subscribe(ctx context.Context, u *busyUser, m *Manager) error {
	heard := make(chan event.Event, 100)
	cancel := m.Subscribe(func(e event.Event) { heard <- e })
	defer cancel()
	deaf := m.Subscribe(func(event.Event) { panic("a bad subscriber") })
	defer deaf()
	if _, err := m.Undo(ctx, UndoRequest{}); err != nil {
		return err
	}
	if u.round%2 == 0 {
		<-heard
	}
	return nil
}

// keepingWork is about rights, what is kept and what goes.
func keepingWork() []work {
	return []work{
		{name: "token issue", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, token, err := m.IssueToken(ctx, IssueTokenRequest{Role: auth.Operator, Label: "round", Token: u.admin})
			u.tokenID = token.ID
			return err
		}},
		{name: "token revoke", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.RevokeToken(ctx, u.tokenID, "the round is over", u.admin)
			return err
		}},
		{name: "token that isn't there", want: auth.ErrNoToken, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.RevokeToken(ctx, "ffffffffffff", "", u.admin)
			return err
		}},
		{name: "emergency without the right", want: auth.ErrDenied, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "test", Token: u.operator})
			return err
		}},
		{name: "drill", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.EmergencyDrill(ctx, EmergencyRequest{Reason: "test", Token: u.emergency})
			return err
		}},
		{name: "emergency", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			r, err := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "test", Token: u.emergency})
			if err != nil {
				return err
			}
			_, err = m.CloseIncident(ctx, r.Incident, "a test", u.emergency)
			return err
		}},
		{name: "history and stats", do: readHistory},
		{name: "history archive", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			if u.round%10 != 0 {
				return nil
			}
			u.archives++
			_, err := m.ArchiveHistory(ctx, "it is long", u.admin)
			return err
		}},
		{name: "verify", do: verifyAll},
		{name: "verify broken off", want: context.Canceled, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			return verifyAll(u.impatient(ctx), u, m)
		}},
		{name: "prune that can be taken back", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			req := pruneAllBut(16, fortnight)
			req.Token = u.operator
			r, err := m.Prune(ctx, req)
			if err != nil || len(r.Pruned) == 0 {
				return err
			}
			_, err = m.RestorePruned(ctx, RestorePrunedRequest{Versions: []string{r.Pruned[0].Version}, Token: u.operator})
			return err
		}},
		{name: "prune", do: func(ctx context.Context, u *busyUser, m *Manager) error {
			req := pruneAllBut(12, 0)
			req.Token = u.operator
			_, err := m.Prune(ctx, req)
			return err
		}},
		{name: "prune without the right", want: auth.ErrDenied, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.Prune(ctx, pruneAllBut(1, 0))
			return err
		}},
		{name: "doctor", do: func(ctx context.Context, _ *busyUser, m *Manager) error {
			_, err := m.Doctor(ctx)
			return err
		}},
		{name: "repair of nothing", do: func(ctx context.Context, _ *busyUser, m *Manager) error {
			_, err := m.Repair(ctx, RepairRequest{DryRun: true})
			return err
		}},
		{name: "gc broken off", want: context.Canceled, do: func(ctx context.Context, u *busyUser, m *Manager) error {
			_, err := m.GC(u.impatient(ctx), gitstore.GCRequest{})
			return err
		}},
		{name: "gc without descriptors", do: short(gc(gitstore.GCRequest{}))},
		{name: "gc", do: gc(gitstore.GCRequest{})},
	}
}

func gc(req gitstore.GCRequest) func(context.Context, *busyUser, *Manager) error {
	return func(ctx context.Context, _ *busyUser, m *Manager) error {
		_, err := m.GC(ctx, req)
		return err
	}
}

func readHistory(ctx context.Context, _ *busyUser, m *Manager) error {
	_, err := m.History(ctx, HistoryFilter{Limit: 20})
	_, err2 := m.Stats(ctx, HistoryFilter{})
	_, err3 := m.VerifyHistory(ctx, "")
	_, err4 := m.PolicyLog(ctx)
	return errors.Join(err, err2, err3, err4)
}

func verifyAll(ctx context.Context, _ *busyUser, m *Manager) error {
	s, err := m.Store(ctx)
	if err != nil {
		return err
	}
	all, err := s.Checkpoints(ctx)
	if err != nil {
		return err
	}
	report, err := s.VerifyStore(ctx, gitstore.VerifyRequest{Checkpoints: all, Refs: true})
	if err == nil && len(report.Damage) > 0 {
		err = fmt.Errorf("%+v", report.Damage[0])
	}
	return err
}

// sinkServer is where events go.
type sinkServer struct{ url, dir string }

func newSinkServer(w *world) sinkServer {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.Cleanup(server.Close)
	return sinkServer{server.URL, w.TempDir()}
}

// policy names other sinks each round.
func (s sinkServer) policy(round int) string {
	return strings.Join([]string{
		`[sink "file"]`, "type = file", "path = " + filepath.Join(s.dir, fmt.Sprintf("events%d.jsonl", round%2)),
		`[sink "web"]`, "type = webhook", fmt.Sprintf("url = %s/%d", s.url, round%3),
		`[sink "program"]`, "type = exec", "command = cat > /dev/null", "events = undo.*", "",
	}, "\n")
}
