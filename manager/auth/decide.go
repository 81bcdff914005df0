package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Code says in one stable word why a decision is what it is.
type Code string

// The codes. The first two allow.
const (
	// Open is for what needs no token, Granted for a token that is good enough.
	Open    Code = "open"
	Granted Code = "granted"
	// Missing is for no token where one is needed, WrongRole for a good token with
	// another role.
	Missing   Code = "missing"
	WrongRole Code = "wrong_role"
	// The others are wrong tokens.
	Malformed   Code = "malformed"
	Mistyped    Code = "mistyped"
	Unknown     Code = "unknown"
	CodeExpired Code = "expired"
	CodeRevoked Code = "revoked"
)

// Wrong says that a token was shown and isn't one that can be used. Such ones are
// counted, because somebody may be trying them out.
func (c Code) Wrong() bool {
	return slices.Contains([]Code{Malformed, Mistyped, Unknown, CodeExpired, CodeRevoked}, c)
}

// Request asks whether somebody may do something.
type Request struct {
	Action Action
	// Secret is what was shown; zero for nothing.
	Secret Secret
}

// Decision is the answer.
type Decision struct {
	Allowed bool
	Code    Code
	// Role, TokenID and Label are the token's, where one was known.
	Role    Role
	TokenID string
	Label   string
	// Message is a sentence without a secret in it, Hint what to do; both are empty
	// for what is allowed.
	Message, Hint string
}

// Authorizer decides in place of a [Book], for programs that know their users
// from elsewhere. It may be called by several goroutines at once. An error is
// not a denial: the request then fails.
type Authorizer interface {
	Authorize(ctx context.Context, req Request) (Decision, error)
}

// ErrDenied says that somebody may not do what was asked. See [DeniedError].
var ErrDenied = errors.New("not authorised")

// DeniedError says what was denied and why.
type DeniedError struct {
	Action   Action
	Decision Decision
}

func (e *DeniedError) Error() string {
	verb, known := verbs[e.Action]
	if !known {
		verb = fmt.Sprintf("take the action %q", e.Action)
	}
	if e.Decision.Message == "" {
		return "not authorised to " + verb
	}
	return fmt.Sprintf("not authorised to %s: %s", verb, e.Decision.Message)
}

// Is matches [ErrDenied].
func (e *DeniedError) Is(target error) bool { return target == ErrDenied }

var verbs = map[Action]string{
	Rollback: "roll back", Force: "override limits", Judge: "judge a version", Declare: "declare or close an emergency",
	Configure: "change the policy", Tokens: "change tokens", Archive: "archive the history", Prune: "prune checkpoints, or bring them back",
}

// Decide answers a request. It depends on nothing but what it is given.
func (b Book) Decide(req Request, rules Rules, now time.Time) Decision {
	needed := b.needed(req.Action, rules)
	if req.Secret.IsZero() {
		if len(needed) == 0 {
			return Decision{Allowed: true, Code: Open}
		}
		return deny(Missing, "it takes a token with the role "+names(needed), hintShow(needed))
	}
	switch err := req.Secret.check(); {
	case errors.Is(err, ErrMistyped):
		return deny(Mistyped, ErrMistyped.Error(), "copy it whole, from evr_ to its end")
	case err != nil:
		return deny(Malformed, ErrMalformed.Error(), "a token begins with evr_ and is one line")
	}
	t, ok := b.find(req.Secret)
	if !ok {
		return deny(Unknown, "the token is not one of this project's", "`git evoseal-rollback token list` shows which there are")
	}
	d := Decision{Role: t.Role, TokenID: t.ID, Label: t.Label}
	switch state := t.State(now); {
	case state == Revoked:
		d.refuse(CodeRevoked, "the token was revoked at "+t.Revoked.Format(time.RFC3339), hintIssue(t.Role))
	case state == Expired:
		d.refuse(CodeExpired, "the token expired at "+t.Expires.Format(time.RFC3339), hintIssue(t.Role))
	case len(needed) > 0 && !slices.Contains(needed, t.Role):
		d.refuse(WrongRole, fmt.Sprintf("the token's role is %s, and it takes %s", t.Role, names(needed)), hintShow(needed))
	default:
		d.Allowed, d.Code = true, Granted
	}
	return d
}

func hintShow(needed []Role) string {
	return "show one with --token-file or in EVOSEAL_TOKEN; `git evoseal-rollback token issue --role " + string(needed[0]) + "` makes one"
}

func hintIssue(role Role) string {
	return "`git evoseal-rollback token issue --role " + string(role) + "` makes another"
}

func deny(code Code, message, hint string) Decision {
	return Decision{Code: code, Message: message, Hint: hint}
}

func (d *Decision) refuse(code Code, message, hint string) {
	d.Code, d.Message, d.Hint = code, message, hint
}

// needed are the roles of which one is needed; none where anybody may.
func (b Book) needed(action Action, rules Rules) []Role {
	switch action {
	case Rollback, Judge:
		if rules.Required {
			return []Role{Operator, Admin}
		}
		return nil
	case Force:
		switch {
		case !rules.Required:
			return nil
		case rules.ForceRole == Operator:
			return []Role{Operator, Admin}
		}
		return []Role{Admin}
	case Prune:
		// It takes away ways back, so it is no less guarded than the rules are.
		if rules.Required || b.hasAdmin() {
			return []Role{Operator, Admin}
		}
		return nil
	case Declare:
		return []Role{Emergency}
	case Configure, Tokens, Archive:
		if !b.hasAdmin() {
			return nil
		}
	}
	// An action that nobody thought of is not one that anybody may take.
	return []Role{Admin}
}

// find compares with all tokens in constant time, so that the time it takes says
// nothing of how near a guess was.
func (b Book) find(s Secret) (found Token, ok bool) {
	hash := []byte(s.hash())
	for _, t := range b.tokens {
		if subtle.ConstantTimeCompare(hash, []byte(t.hash.text())) == 1 {
			found, ok = t, true
		}
	}
	return found, ok
}

func names(roles []Role) string {
	if len(roles) == 1 {
		return string(roles[0])
	}
	return fmt.Sprintf("%s or %s", roles[0], roles[1])
}

// Backoff is how long to wait before the next token is looked at, by how many
// wrong ones were shown in the last minute: nothing for fewer than five, then a
// second, doubled for each further one, and ten at most.
func Backoff(wrong int) time.Duration {
	const free, most = 5, 10 * time.Second
	if wrong < free {
		return 0
	}
	wait := time.Second
	for range wrong - free {
		if wait *= 2; wait >= most {
			return most
		}
	}
	return wait
}
