package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

func (r Role) valid() bool { return slices.Contains([]Role{Operator, Emergency, Admin}, r) }

// Token is what is known of a secret.
type Token struct {
	// ID is public; it begins the secret's hash.
	ID    string
	Role  Role
	Label string
	// Expires is zero for never, Revoked for not revoked.
	Created, Expires, Revoked time.Time
	IssuedBy                  string

	hash hidden
}

// State is whether a token can be used.
type State string

// The states.
const (
	Usable  State = "usable"
	Expired State = "expired"
	Revoked State = "revoked"
)

// State is the token's at a moment. A token expires at its time, not after it.
func (t Token) State(now time.Time) State {
	switch {
	case !t.Revoked.IsZero():
		return Revoked
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return Expired
	}
	return Usable
}

// String has no hash.
func (t Token) String() string { return fmt.Sprintf("token %s (%s, %q)", t.ID, t.Role, t.Label) }

// GoString is String.
func (t Token) GoString() string { return t.String() }

// IssueRequest asks for a token.
type IssueRequest struct {
	Role  Role
	Label string
	// Lifetime is how long it is good for; zero is for ever.
	Lifetime time.Duration
	IssuedBy string
	Now      time.Time
}

// ErrBadToken says that a token like that can't be made or kept.
var ErrBadToken = errors.New("bad token")

// maxLabel bounds a label, in bytes.
const maxLabel = 200

// idDigits of a hash name a token.
const idDigits = 8

// Issue makes a secret and what is to be kept of it. It is in no book yet.
func Issue(req IssueRequest) (Secret, Token, error) {
	switch {
	case !req.Role.valid():
		return Secret{}, Token{}, fmt.Errorf("%w: there is no role %q", ErrBadToken, req.Role)
	case req.Lifetime < 0:
		return Secret{}, Token{}, fmt.Errorf("%w: it would have expired already", ErrBadToken)
	}
	for _, text := range []string{req.Label, req.IssuedBy} {
		if err := checkText(text); err != nil {
			return Secret{}, Token{}, err
		}
	}
	secret, err := newSecret(req.Role)
	if err != nil {
		return Secret{}, Token{}, err
	}
	t := Token{
		Role: req.Role, Label: req.Label, IssuedBy: req.IssuedBy, hash: hide(secret.hash()),
		Created: req.Now.UTC().Truncate(time.Second),
	}
	t.ID = t.hash.text()[:idDigits]
	if req.Lifetime > 0 {
		t.Expires = t.Created.Add(req.Lifetime).Truncate(time.Second)
	}
	return secret, t, nil
}

// checkText refuses what a configuration file or a terminal could choke on.
func checkText(s string) error {
	switch {
	case len(s) > maxLabel:
		return fmt.Errorf("%w: a label has at most %d bytes", ErrBadToken, maxLabel)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%w: a label holds no control characters, and is UTF-8", ErrBadToken)
	}
	return nil
}
