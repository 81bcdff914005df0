package manager

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/gitstore/gitstoretest"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/hashicorp/go-hclog"
)

// childVariable makes the test binary do one piece of work and exit.
const childVariable = "EVOSEAL_TEST_CHILD"

func TestMain(m *testing.M) {
	work, dir, _ := strings.Cut(os.Getenv(childVariable), " ")
	if work == "" {
		if err := gitstoretest.UseMemory(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		code := m.Run()
		if longHistoryDir != "" {
			os.RemoveAll(longHistoryDir)
		}
		os.Exit(code)
	}
	if err := childWork(work, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func childWork(work, dir string) error {
	ctx := context.Background()
	m, err := New(ctx, dir, Options{LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer m.Close()
	switch work {
	case "append":
		for range 10 {
			if _, err := m.Rollback(ctx, RollbackRequest{Version: "gone", Reason: fmt.Sprint(os.Getpid())}); !errors.Is(err, gitstore.ErrNotFound) {
				return err
			}
		}
		return nil
	case "cascade":
		_, err := m.CascadingRollback(ctx, CascadeRequest{Failed: "v6", MaxAttempts: 9})
		return err
	case "prune-to-and-fro":
		return pruneToAndFro(ctx, m)
	case "prune-for-good":
		_, err := m.Prune(ctx, pruneAllBut(1, 0))
		return err
	}
	return errors.New("no such work: " + work)
}

func (w *world) child(work string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+work+" "+w.dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestProcessesLoseNoRecord lets sixteen real processes add to one note.
func TestProcessesLoseNoRecord(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	w.line(m, "v1")
	const processes, each = 16, 10
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			if err := w.child("append").Run(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	records, err := m.History(context.Background(), HistoryFilter{Outcome: Refused})
	w.must(err)
	by := make(map[string]int)
	for _, r := range records {
		by[r.Reason]++
	}
	if len(records) != processes*each || len(by) != processes {
		t.Errorf("%d records by %d processes", len(records), len(by))
	}
	if _, err := m.VerifyHistory(context.Background(), ""); err != nil {
		t.Error(err)
	}
}

// TestAbandonedCascadeIsGoneOnWith stands for a process that died after its first
// step.
func TestAbandonedCascadeIsGoneOnWith(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2", "v3", "v4")
	w.corrupt(m, "v3")
	m = w.manager(Options{})
	s, err := m.Store(ctx)
	w.must(err)
	l, err := m.lineage(ctx, s)
	w.must(err)
	failed, err := s.Resolve(ctx, "v4")
	w.must(err)
	open := m.newRecord(ActionCascade, "", "died")
	c := &chain{m: m, s: s, open: open, action: ActionCascade, attempts: 1, tried: map[string]bool{}, out: &ChainResult{Chain: newID(m.now())},
		how: circumstances{action: ActionRollback, grant: open, admitted: true}}
	list := []candidate{describe(l, l.ancestors(failed)[0], "the parent")}
	w.must(c.begin(ctx, failed, list))
	if err := c.run(ctx, list); err == nil {
		t.Fatal("a damaged version was brought back")
	}
	unfinished, err := m.UnfinishedChains(ctx)
	if err != nil || len(unfinished) != 1 || unfinished[0].Failed != "v4" || len(unfinished[0].Steps) != 1 {
		t.Fatalf("unfinished: %+v %v", unfinished, err)
	}
	res, err := m.CascadingRollback(ctx, CascadeRequest{Failed: "v4"})
	w.must(err)
	if !res.Resumed || res.Chain != unfinished[0].Chain || len(res.Steps) != 1 || res.Steps[0].Version != "v2" || res.Steps[0].Step != 2 {
		t.Errorf("%+v", res)
	}
	if left, err := m.UnfinishedChains(ctx); err != nil || len(left) != 0 {
		t.Errorf("left: %+v %v", left, err)
	}
}

// TestKilledCascades kills real processes at random moments. Whatever the moment,
// what is left is reported and can be finished.
func TestKilledCascades(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	w := newWorld(t)
	m := w.manager(Options{})
	w.line(m, "v1", "v2", "v3", "v4", "v5", "v6")
	for _, v := range []string{"v5", "v4", "v3"} {
		w.corrupt(m, v)
		m = w.manager(Options{})
	}
	ctx := context.Background()
	resumed := 0
	for range 25 {
		cmd := w.child("cascade")
		cmd.Stderr = nil
		w.must(cmd.Start())
		time.Sleep(rand.N(60 * time.Millisecond))
		cmd.Process.Kill()
		cmd.Wait()
		before, err := m.UnfinishedChains(ctx)
		w.must(err)
		res, err := m.CascadingRollback(ctx, CascadeRequest{Failed: "v6", MaxAttempts: 9})
		w.must(err)
		if res.Resumed != (len(before) == 1) {
			t.Errorf("%d unfinished, resumed %v", len(before), res.Resumed)
		}
		if res.Resumed {
			resumed++
		}
		if w.target("a") != "content of v2" {
			t.Errorf("the target holds %q", w.target("a"))
		}
		if left, err := m.UnfinishedChains(ctx); err != nil || len(left) != 0 {
			t.Errorf("left: %+v %v", left, err)
		}
	}
	t.Logf("%d of 25 were killed in the middle", resumed)
	if out := w.git("--git-dir=.evoseal/.git", "rev-list", "--objects", "--all", "--quiet"); out != "" {
		t.Errorf("git finds: %s", out)
	}
	if _, err := m.VerifyHistory(ctx, ""); err != nil {
		t.Error(err)
	}
}

// TestNoSecretIsLeft runs everything that a token goes through, and looks for it in
// all that was written.
func TestNoSecretIsLeft(t *testing.T) {
	w := newWorld(t)
	var log strings.Builder
	m := w.manager(Options{Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log}), Sleep: func(context.Context, time.Duration) error { return nil }})
	ctx := context.Background()
	var events strings.Builder
	var mu sync.Mutex
	m.Subscribe(func(e event.Event) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&events, "%+v %s\n", e, e.Data)
	})
	w.line(m, "v1", "v2")
	admin := w.token(m, auth.Admin, auth.Secret{})
	operator, emergency := w.token(m, auth.Operator, admin), w.token(m, auth.Emergency, admin)
	stranger, _, err := auth.Issue(auth.IssueRequest{Role: auth.Operator, Now: time.Now()})
	w.must(err)
	_, err = m.SetPolicy(ctx, SetPolicyRequest{Token: admin, Edit: func(text []byte) ([]byte, error) {
		return append(text, "[rollback]\n\trequireAuth = true\n"...), nil
	}})
	w.must(err)
	_, err = m.Mark(ctx, MarkRequest{Version: "v1", Mark: verdict.MarkGood, Token: operator})
	w.must(err)
	var said strings.Builder
	for _, token := range []auth.Secret{operator, admin, emergency, stranger, {}} {
		_, e1 := m.Rollback(ctx, RollbackRequest{Version: "v1", Token: token})
		_, e2 := m.EmergencyRollback(ctx, EmergencyRequest{Reason: "x", Token: token})
		_, e3 := m.AutoRollback(ctx, AutoRequest{Report: failing(), Token: token})
		_, e4 := m.CascadingRollback(ctx, CascadeRequest{Failed: "v2", Token: token})
		fmt.Fprintln(&said, e1, e2, e3, e4, RollbackRequest{Token: token}, fmt.Sprintf("%+v %#v", token, token))
	}
	history, err := m.History(ctx, HistoryFilter{})
	w.must(err)
	tokens, err := m.Tokens(ctx)
	w.must(err)
	fmt.Fprintf(&said, "%+v %+v %#v", history, tokens, tokens)
	w.must(m.Close())
	stored := w.git("--git-dir=.evoseal/.git", "log", "--all", "-p", "--format=%B%N", "--notes=*")
	hashes := w.git("--git-dir=.evoseal/.git", "config", "--blob", "refs/evoseal/policy:tokens", "--get-regexp", "token.*.hash")
	for _, place := range []struct{ name, text string }{{"log", log.String()}, {"events", events.String()}, {"errors and results", said.String()}, {"store", stored}} {
		for _, secret := range []auth.Secret{admin, operator, emergency, stranger} {
			if strings.Contains(place.text, secret.Reveal()) || strings.Contains(place.text, secret.Reveal()[len("evr_operator_"):]) {
				t.Errorf("a token is in the %s", place.name)
			}
		}
		if place.name == "store" {
			continue
		}
		for line := range strings.Lines(hashes) {
			if hash := strings.Fields(line)[1]; strings.Contains(place.text, hash) {
				t.Errorf("a hash is in the %s", place.name)
			}
		}
	}
	if !strings.Contains(said.String(), "test operator") || strings.Count(hashes, "\n") < 2 || len(events.String()) == 0 {
		t.Error("there was nothing to look through")
	}
}
