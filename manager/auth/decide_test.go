package auth_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// issued is when all tokens of these tests were; the brief ones expire an hour
// later.
var issued = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// Moments, in seconds after issued.
const (
	atFirst  = 0
	before   = 3599
	atExpiry = 3600
	later    = 7200
)

var (
	roles   = []Role{Operator, Emergency, Admin}
	actions = []Action{Rollback, Force, Judge, Declare, Configure, Tokens, Archive, Prune}
	ruleset = map[string]Rules{
		"open":             {},
		"open, op forces":  {ForceRole: Operator},
		"auth":             {Required: true},
		"auth, op forces":  {Required: true, ForceRole: Operator},
		"auth, adm forces": {Required: true, ForceRole: Admin},
	}
)

// fixture is a book and the secrets of its tokens, by names such as "admin brief".
type fixture struct {
	book    Book
	secrets map[string]Secret
}

// issue adds tokens named "role", "role brief" (for an hour), "role revoked" and
// "role brief revoked".
func (f *fixture) issue(t testing.TB, names ...string) {
	t.Helper()
	if f.secrets == nil {
		f.secrets = make(map[string]Secret)
	}
	for _, name := range names {
		role, _, _ := strings.Cut(name, " ")
		req := IssueRequest{Role: Role(role), Label: name, Now: issued}
		if strings.Contains(name, "brief") {
			req.Lifetime = time.Hour
		}
		secret, token, err := Issue(req)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, "revoked") {
			token.Revoked = issued.Add(time.Minute)
		}
		if err := f.book.Add(token); err != nil {
			t.Fatal(err)
		}
		f.secrets[name] = secret
	}
}

// fixtures are books in which every state of a token occurs. The secrets that are
// in none of them are in each list.
func fixtures(t testing.TB) map[string]*fixture {
	t.Helper()
	workers := []string{
		"operator", "operator brief", "operator revoked", "operator brief revoked",
		"emergency", "emergency brief", "emergency revoked", "emergency brief revoked",
	}
	all := make(map[string]*fixture)
	for name, admins := range map[string][]string{
		"workers":       nil,
		"admin":         {"admin", "admin brief", "admin revoked", "admin brief revoked"},
		"admin expired": {"admin brief"},
		"admin revoked": {"admin revoked"},
	} {
		all[name] = &fixture{}
		all[name].issue(t, append(workers, admins...)...)
	}
	all["nobody"] = &fixture{secrets: make(map[string]Secret)}
	var other fixture
	other.issue(t, "admin", "operator", "emergency")
	for _, f := range all {
		for _, role := range roles {
			unknown, _, err := Issue(IssueRequest{Role: role, Now: issued})
			if err != nil {
				t.Fatal(err)
			}
			f.secrets["unknown "+string(role)] = unknown
			f.secrets["other "+string(role)] = other.secrets[string(role)]
			f.secrets["mistyped "+string(role)] = mistype(unknown)
		}
		f.secrets["none"] = Secret{}
		f.secrets["malformed"] = Present("ghp_0123456789abcdefghijklmnopqrstuvwxyz")
	}
	return all
}

// mistype changes the last character but one.
func mistype(s Secret) Secret {
	raw := []byte(s.Reveal())
	i := len(raw) - 2
	raw[i] = map[bool]byte{true: '1', false: '0'}[raw[i] == '0']
	return Present(string(raw))
}

func TestDecide(t *testing.T) {
	books := fixtures(t)
	for _, c := range []struct {
		action      Action
		rules, book string
		show        string
		at          int
		code        Code
		allowed     bool
	}{
		// Where tokens aren't required, anybody may roll back, judge and force.
		{Rollback, "open", "nobody", "none", atFirst, Open, true},
		{Rollback, "open", "workers", "none", atFirst, Open, true},
		{Rollback, "open", "admin", "none", atFirst, Open, true},
		{Judge, "open", "admin", "none", atFirst, Open, true},
		{Force, "open", "admin", "none", atFirst, Open, true},
		{Force, "open, op forces", "admin", "none", atFirst, Open, true},
		{Rollback, "open", "admin", "operator", atFirst, Granted, true},
		{Rollback, "open", "admin", "emergency", atFirst, Granted, true},
		{Judge, "open", "admin", "emergency", atFirst, Granted, true},
		{Force, "open", "admin", "operator", atFirst, Granted, true},
		{Force, "open", "admin", "admin", atFirst, Granted, true},
		// A wrong token is denied even there.
		{Rollback, "open", "nobody", "unknown admin", atFirst, Unknown, false},
		{Rollback, "open", "nobody", "malformed", atFirst, Malformed, false},
		{Rollback, "open", "admin", "mistyped operator", atFirst, Mistyped, false},
		{Rollback, "open", "admin", "other operator", atFirst, Unknown, false},
		{Rollback, "open", "admin", "operator revoked", atFirst, CodeRevoked, false},
		{Rollback, "open", "admin", "operator brief", later, CodeExpired, false},
		{Judge, "open", "admin", "operator brief", atExpiry, CodeExpired, false},
		{Force, "open", "admin", "admin brief revoked", later, CodeRevoked, false},

		// Where they are, it takes an operator or an admin.
		{Rollback, "auth", "admin", "none", atFirst, Missing, false},
		{Rollback, "auth", "nobody", "none", atFirst, Missing, false},
		{Rollback, "auth", "admin", "operator", atFirst, Granted, true},
		{Rollback, "auth", "workers", "operator", later, Granted, true},
		{Rollback, "auth", "admin", "admin", atFirst, Granted, true},
		{Rollback, "auth", "admin", "emergency", atFirst, WrongRole, false},
		{Rollback, "auth", "admin", "operator brief", atFirst, Granted, true},
		{Rollback, "auth", "admin", "operator brief", before, Granted, true},
		{Rollback, "auth", "admin", "operator brief", atExpiry, CodeExpired, false},
		{Rollback, "auth", "admin", "operator brief", later, CodeExpired, false},
		{Rollback, "auth", "admin", "operator revoked", atFirst, CodeRevoked, false},
		{Rollback, "auth", "admin", "operator brief revoked", before, CodeRevoked, false},
		{Rollback, "auth", "admin", "operator brief revoked", later, CodeRevoked, false},
		{Rollback, "auth", "admin", "unknown operator", atFirst, Unknown, false},
		{Rollback, "auth", "admin", "other admin", atFirst, Unknown, false},
		{Rollback, "auth", "admin", "mistyped admin", atFirst, Mistyped, false},
		{Rollback, "auth", "admin", "malformed", atFirst, Malformed, false},
		{Rollback, "auth", "admin expired", "admin brief", before, Granted, true},
		{Rollback, "auth", "admin expired", "admin brief", later, CodeExpired, false},
		{Rollback, "auth", "admin revoked", "admin revoked", atFirst, CodeRevoked, false},
		{Rollback, "auth", "admin", "emergency brief", later, CodeExpired, false},
		{Judge, "auth", "admin", "none", atFirst, Missing, false},
		{Judge, "auth", "admin", "operator", atFirst, Granted, true},
		{Judge, "auth", "admin", "admin", atFirst, Granted, true},
		{Judge, "auth", "admin", "emergency", atFirst, WrongRole, false},
		{Judge, "auth, op forces", "workers", "operator", atFirst, Granted, true},

		// To override limits takes the role that the policy names.
		{Force, "auth", "admin", "none", atFirst, Missing, false},
		{Force, "auth", "admin", "operator", atFirst, WrongRole, false},
		{Force, "auth", "admin", "admin", atFirst, Granted, true},
		{Force, "auth", "admin", "emergency", atFirst, WrongRole, false},
		{Force, "auth, adm forces", "admin", "operator", atFirst, WrongRole, false},
		{Force, "auth, adm forces", "admin", "admin", atFirst, Granted, true},
		{Force, "auth, op forces", "admin", "operator", atFirst, Granted, true},
		{Force, "auth, op forces", "admin", "admin", atFirst, Granted, true},
		{Force, "auth, op forces", "admin", "emergency", atFirst, WrongRole, false},
		{Force, "auth, op forces", "nobody", "none", atFirst, Missing, false},
		{Force, "auth, op forces", "admin", "operator brief", atExpiry, CodeExpired, false},
		{Force, "auth", "admin", "admin brief", before, Granted, true},
		{Force, "auth", "admin", "admin brief", atExpiry, CodeExpired, false},
		{Force, "auth", "nobody", "none", atFirst, Missing, false},

		// An emergency takes its own role, whatever the policy says.
		{Declare, "open", "nobody", "none", atFirst, Missing, false},
		{Declare, "open", "workers", "none", atFirst, Missing, false},
		{Declare, "open", "admin", "none", atFirst, Missing, false},
		{Declare, "auth", "admin", "none", atFirst, Missing, false},
		{Declare, "open", "workers", "emergency", atFirst, Granted, true},
		{Declare, "auth", "admin", "emergency", later, Granted, true},
		{Declare, "auth", "admin revoked", "emergency", later, Granted, true},
		{Declare, "open", "admin", "operator", atFirst, WrongRole, false},
		{Declare, "open", "admin", "admin", atFirst, WrongRole, false},
		{Declare, "auth, op forces", "admin", "admin", atFirst, WrongRole, false},
		{Declare, "open", "workers", "emergency brief", before, Granted, true},
		{Declare, "open", "workers", "emergency brief", atExpiry, CodeExpired, false},
		{Declare, "open", "workers", "emergency brief", later, CodeExpired, false},
		{Declare, "open", "workers", "emergency revoked", atFirst, CodeRevoked, false},
		{Declare, "open", "workers", "emergency brief revoked", later, CodeRevoked, false},
		{Declare, "open", "workers", "unknown emergency", atFirst, Unknown, false},
		{Declare, "open", "nobody", "other emergency", atFirst, Unknown, false},
		{Declare, "open", "workers", "mistyped emergency", atFirst, Mistyped, false},
		{Declare, "open", "workers", "malformed", atFirst, Malformed, false},
		{Declare, "open", "admin", "admin brief", later, CodeExpired, false},

		// Until an admin token was issued, anybody may configure.
		{Configure, "open", "nobody", "none", atFirst, Open, true},
		{Tokens, "open", "nobody", "none", atFirst, Open, true},
		{Archive, "open", "nobody", "none", atFirst, Open, true},
		{Configure, "auth", "workers", "none", atFirst, Open, true},
		{Tokens, "auth", "workers", "none", atFirst, Open, true},
		{Configure, "auth", "workers", "operator", atFirst, Granted, true},
		{Tokens, "open", "workers", "emergency", atFirst, Granted, true},
		{Tokens, "open", "nobody", "unknown admin", atFirst, Unknown, false},
		{Tokens, "open", "workers", "operator revoked", atFirst, CodeRevoked, false},
		{Configure, "open", "workers", "operator brief", atExpiry, CodeExpired, false},

		// Then it takes one that can be used,
		{Configure, "open", "admin", "none", atFirst, Missing, false},
		{Configure, "open", "admin", "operator", atFirst, WrongRole, false},
		{Configure, "open", "admin", "emergency", atFirst, WrongRole, false},
		{Configure, "open", "admin", "admin", atFirst, Granted, true},
		{Configure, "auth, op forces", "admin", "operator", atFirst, WrongRole, false},
		{Configure, "open", "admin", "admin brief", before, Granted, true},
		{Configure, "open", "admin", "admin brief", atExpiry, CodeExpired, false},
		{Configure, "open", "admin", "admin revoked", atFirst, CodeRevoked, false},
		{Configure, "open", "admin", "admin brief revoked", later, CodeRevoked, false},
		{Configure, "open", "admin", "other admin", atFirst, Unknown, false},
		{Configure, "open", "admin", "unknown admin", atFirst, Unknown, false},
		{Configure, "open", "admin", "mistyped admin", atFirst, Mistyped, false},
		{Configure, "open", "admin", "malformed", atFirst, Malformed, false},
		{Tokens, "open", "admin", "none", atFirst, Missing, false},
		{Tokens, "open", "admin", "operator", atFirst, WrongRole, false},
		{Tokens, "auth", "admin", "admin", later, Granted, true},
		{Archive, "open", "admin", "none", atFirst, Missing, false},
		{Archive, "open", "admin", "operator", atFirst, WrongRole, false},
		{Archive, "open", "admin", "admin", atFirst, Granted, true},
		// and time or revoking doesn't open it again.
		{Configure, "open", "admin expired", "none", before, Missing, false},
		{Configure, "open", "admin expired", "none", later, Missing, false},
		{Tokens, "open", "admin expired", "none", later, Missing, false},
		{Tokens, "open", "admin expired", "operator", later, WrongRole, false},
		{Tokens, "open", "admin expired", "admin brief", later, CodeExpired, false},
		{Configure, "open", "admin revoked", "none", later, Missing, false},
		{Tokens, "open", "admin revoked", "none", atFirst, Missing, false},
		{Archive, "open", "admin revoked", "none", atFirst, Missing, false},
		{Tokens, "open", "admin revoked", "admin revoked", atFirst, CodeRevoked, false},
		// Pruning is closed by either.
		{Prune, "open", "nobody", "none", atFirst, Open, true},
		{Prune, "open", "workers", "none", atFirst, Open, true},
		{Prune, "auth", "workers", "none", atFirst, Missing, false},
		{Prune, "auth", "workers", "operator", atFirst, Granted, true},
		{Prune, "auth", "workers", "emergency", atFirst, WrongRole, false},
		{Prune, "open", "admin", "none", atFirst, Missing, false},
		{Prune, "open", "admin", "operator", atFirst, Granted, true},
		{Prune, "open", "admin", "admin", atFirst, Granted, true},
		{Prune, "open", "admin", "emergency", atFirst, WrongRole, false},
		{Prune, "open", "admin expired", "none", later, Missing, false},
		// Rolling back stays as open as the policy has it.
		{Rollback, "open", "admin expired", "none", later, Open, true},
		{Rollback, "auth", "admin revoked", "operator", later, Granted, true},
	} {
		name := fmt.Sprintf("%s/%s/%s/%s/%d", c.action, c.rules, c.book, c.show, c.at)
		t.Run(name, func(t *testing.T) {
			f := books[c.book]
			rules, haveRules := ruleset[c.rules]
			secret, haveSecret := f.secrets[c.show]
			if !haveRules || !haveSecret {
				t.Fatal("the case names what isn't there")
			}
			d := f.book.Decide(Request{c.action, secret}, rules, issued.Add(time.Duration(c.at)*time.Second))
			if d.Code != c.code || d.Allowed != c.allowed {
				t.Fatalf("%s, allowed %t; want %s, %t", d.Code, d.Allowed, c.code, c.allowed)
			}
			if said := d.Message != "" && d.Hint != ""; said == d.Allowed {
				t.Errorf("message %q, hint %q", d.Message, d.Hint)
			}
			known := slices.Contains([]Code{Granted, WrongRole, CodeExpired, CodeRevoked}, c.code)
			role, _, _ := strings.Cut(c.show, " ")
			if known && (string(d.Role) != role || d.Label != c.show || len(d.TokenID) != 8) || !known && (d.Role != "" || d.TokenID != "" || d.Label != "") {
				t.Errorf("the decision names %s, %s, %q", d.Role, d.TokenID, d.Label)
			}
			if wrong := strings.Contains("malformed mistyped unknown expired revoked", string(c.code)); c.code.Wrong() != wrong {
				t.Errorf("%s counts as wrong: %t", c.code, c.code.Wrong())
			}
		})
	}
}

func TestDecisionsGiveNothingAway(t *testing.T) {
	f := fixtures(t)["admin"]
	hashes := make(map[string]string)
	for _, token := range f.book.List() {
		var alone Book
		if err := alone.Add(token); err != nil {
			t.Fatal(err)
		}
		hashes[token.Label] = hashOf(t, alone)
	}
	for show, secret := range f.secrets {
		if secret.IsZero() {
			continue
		}
		hidden := []string{secret.Reveal()[len(secret.Reveal())-36:]}
		if hash := hashes[show]; hash != "" {
			hidden = append(hidden, hash)
		}
		for _, action := range append(actions, "erase") {
			d := f.book.Decide(Request{action, secret}, Rules{Required: true}, issued.Add(later*time.Second))
			err := &DeniedError{Action: action, Decision: d}
			if form := leak(fmt.Sprintf("%+v %#v %v %+v", d, d, err, *err), hidden...); form != "" {
				t.Errorf("%s with %s: the decision gives it away, %s: %+v", action, show, form, d)
			}
		}
	}
}

func TestDeniedError(t *testing.T) {
	f := fixtures(t)["admin"]
	texts := make(map[string]Action)
	for _, action := range actions {
		d := f.book.Decide(Request{action, f.secrets["malformed"]}, Rules{}, issued)
		err := fmt.Errorf("first: %w", &DeniedError{Action: action, Decision: d})
		var denied *DeniedError
		if !errors.Is(err, ErrDenied) || !errors.As(err, &denied) || denied.Decision != d {
			t.Errorf("%s: %v is no DeniedError", action, err)
		}
		if other, taken := texts[err.Error()]; taken || !strings.HasSuffix(err.Error(), ": "+d.Message) {
			t.Errorf("%s: %q, as for %q", action, err, other)
		}
		texts[err.Error()] = action
	}
	for want, err := range map[string]*DeniedError{
		`not authorised to take the action "erase": no`: {Action: "erase", Decision: Decision{Message: "no"}},
		`not authorised to roll back`:                   {Action: Rollback},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
