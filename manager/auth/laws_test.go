package auth_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	. "github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// everyRequest calls check for all combinations of books, rules, actions, secrets
// and moments.
func everyRequest(t *testing.T, check func(name string, f *fixture, req Request, rules Rules, now time.Time)) {
	t.Helper()
	for bookName, f := range fixtures(t) {
		for rulesName, rules := range ruleset {
			for _, action := range append(actions, "", "erase", "ROLLBACK", "rollback ") {
				for _, show := range slices.Sorted(maps.Keys(f.secrets)) {
					for _, at := range []int{atFirst, before, atExpiry, later} {
						name := fmt.Sprintf("%s/%s/%s/%s/%d", action, rulesName, bookName, show, at)
						check(name, f, Request{action, f.secrets[show]}, rules, issued.Add(time.Duration(at)*time.Second))
					}
				}
			}
		}
	}
}

func TestOnlyEmergencyTokensDeclare(t *testing.T) {
	granted := 0
	everyRequest(t, func(name string, f *fixture, req Request, rules Rules, now time.Time) {
		if req.Action != Declare {
			return
		}
		d := f.book.Decide(req, rules, now)
		if d.Allowed {
			granted++
		}
		if d.Allowed != (d.Code == Granted && d.Role == Emergency) {
			t.Errorf("%s: %s, role %q", name, d.Code, d.Role)
		}
	})
	if granted == 0 {
		t.Error("nobody may declare an emergency")
	}
}

func TestUnknownActionsAreDenied(t *testing.T) {
	everyRequest(t, func(name string, f *fixture, req Request, rules Rules, now time.Time) {
		if slices.Contains(actions, req.Action) {
			return
		}
		if d := f.book.Decide(req, rules, now); d.Allowed && (d.Role != Admin || d.Code != Granted) {
			t.Errorf("%s: %s for the role %q", name, d.Code, d.Role)
		}
	})
}

func TestAddingTakesNothingAway(t *testing.T) {
	closed := 0
	extra := make(map[Role]Token)
	for _, role := range roles {
		_, token, err := Issue(IssueRequest{Role: role, Now: issued})
		if err != nil {
			t.Fatal(err)
		}
		extra[role] = token
	}
	everyRequest(t, func(name string, f *fixture, req Request, rules Rules, now time.Time) {
		was := f.book.Decide(req, rules, now)
		hadAdmin := slices.ContainsFunc(f.book.List(), func(tok Token) bool { return tok.Role == Admin })
		for role, token := range extra {
			more := f.book
			if err := more.Add(token); err != nil {
				t.Fatal(err)
			}
			is := more.Decide(req, rules, now)
			bootstrap := role == Admin && !hadAdmin && slices.Contains([]Action{Configure, Tokens, Archive, Prune}, req.Action)
			switch {
			case bootstrap && was.Allowed && !is.Allowed:
				closed++
			case is != was:
				t.Errorf("%s: an added %s turns %s into %s", name, role, was.Code, is.Code)
			}
			if again := f.book.Decide(req, rules, now); again != was {
				t.Errorf("%s: Add changed a copy of the book", name)
			}
		}
	})
	if closed == 0 {
		t.Error("the first admin token closes nothing")
	}
}

func TestRevokingGivesNothing(t *testing.T) {
	taken := 0
	everyRequest(t, func(name string, f *fixture, req Request, rules Rules, now time.Time) {
		was := f.book.Decide(req, rules, now)
		for _, token := range f.book.List() {
			less := f.book
			if _, err := less.Revoke(token.ID, now); errors.Is(err, ErrLastAdmin) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			is := less.Decide(req, rules, now)
			switch {
			case token.ID != was.TokenID && is != was:
				t.Errorf("%s: revoking %s turns %s into %s", name, token.Label, was.Code, is.Code)
			case token.ID == was.TokenID && is.Code != CodeRevoked:
				t.Errorf("%s: %s is revoked, and the answer is %s", name, token.Label, is.Code)
			case was.Allowed && !is.Allowed:
				taken++
			}
		}
	})
	if taken == 0 {
		t.Error("revoking takes nothing away")
	}
}

func TestTimeAndRulesOnlyTakeAway(t *testing.T) {
	everyRequest(t, func(name string, f *fixture, req Request, rules Rules, now time.Time) {
		is := f.book.Decide(req, rules, now)
		if next := f.book.Decide(req, rules, now.Add(time.Second)); !is.Allowed && next.Allowed {
			t.Errorf("%s: denied as %s, allowed a second later", name, is.Code)
		}
		strict := f.book.Decide(req, Rules{Required: true, ForceRole: rules.ForceRole}, now)
		if !is.Allowed && strict.Allowed {
			t.Errorf("%s: requiring tokens allows what was denied as %s", name, is.Code)
		}
		odd := f.book.Decide(req, Rules{Required: rules.Required, ForceRole: "janitor"}, now)
		if admin := f.book.Decide(req, Rules{Required: rules.Required, ForceRole: Admin}, now); odd != admin {
			t.Errorf("%s: an unknown ForceRole isn't admin: %s, %s", name, odd.Code, admin.Code)
		}
	})
}
