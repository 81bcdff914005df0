package auth

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Book is the tokens of a store. The zero value is an empty one. It is for one
// goroutine; the methods that take it by value only read.
type Book struct{ tokens []Token }

// Entry is one value of a file in git-config syntax.
type Entry struct{ Section, Subsection, Key, Value string }

var (
	// ErrBadBook says that the tokens of a store can't be understood; then nobody is
	// allowed what needs one.
	ErrBadBook = errors.New("the list of tokens can't be understood")
	// ErrNoToken says that there is no token of an id, or more than one.
	ErrNoToken = errors.New("no such token")
	// ErrLastAdmin says that nobody could configure anything any more.
	ErrLastAdmin = errors.New("this is the last admin token that can be used")
)

// ParseBook reads the entries of a file that [Book.Encode] wrote.
func ParseBook(entries []Entry) (Book, error) {
	var b Book
	at := make(map[string]int)
	for _, e := range entries {
		if !strings.EqualFold(e.Section, "token") || e.Subsection == "" {
			return Book{}, fmt.Errorf("%w: section %q", ErrBadBook, e.Section)
		}
		i, known := at[e.Subsection]
		if !known {
			i = len(b.tokens)
			at[e.Subsection] = i
			b.tokens = append(b.tokens, Token{ID: e.Subsection})
		}
		if err := b.tokens[i].set(strings.ToLower(e.Key), e.Value); err != nil {
			return Book{}, fmt.Errorf("%w: token %q: %w", ErrBadBook, e.Subsection, err)
		}
	}
	for _, t := range b.tokens {
		if err := t.complete(); err != nil {
			return Book{}, fmt.Errorf("%w: token %q: %w", ErrBadBook, t.ID, err)
		}
	}
	return b, nil
}

func (t *Token) set(key, value string) (err error) {
	switch key {
	case "role":
		t.Role = Role(value)
	case "label":
		t.Label = value
	case "issuedby":
		t.IssuedBy = value
	case "hash":
		t.hash = hide(value)
	case "created":
		t.Created, err = parseMoment(value)
	case "expires":
		t.Expires, err = parseMoment(value)
	case "revoked":
		t.Revoked, err = parseMoment(value)
	default:
		err = fmt.Errorf("unknown key %q", key)
	}
	return err
}

// parseMoment refuses the moments that can't be written again, and the one that
// would stand for none: a token must not be unrevoked by it.
func parseMoment(value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, value)
	at = at.UTC().Truncate(time.Second)
	if err == nil && (at.IsZero() || at.Year() < 1 || at.Year() > 9999) {
		err = fmt.Errorf("there is no moment %q", value)
	}
	return at, err
}

func (t *Token) complete() error {
	if !t.Role.valid() {
		return fmt.Errorf("there is no role %q", t.Role)
	}
	// Capital letters would be a hash that no secret ever has.
	hash := t.hash.text()
	if sum, err := hex.DecodeString(hash); err != nil || len(sum) != 32 || strings.ToLower(hash) != hash {
		return errors.New("its hash is none")
	}
	if t.ID != hash[:idDigits] {
		return errors.New("its id is not the beginning of its hash")
	}
	return errors.Join(checkText(t.Label), checkText(t.IssuedBy))
}

// Encode is the book as a file in git-config syntax.
func (b Book) Encode() []byte {
	var out bytes.Buffer
	out.WriteString("# The tokens of this project's rollbacks. Only hashes are kept.\n")
	for _, t := range b.tokens {
		fmt.Fprintf(&out, "[token \"%s\"]\n\trole = %s\n\thash = %s\n", quoteSubsection(t.ID), t.Role, t.hash.text())
		for _, text := range [][2]string{{"label", t.Label}, {"issuedBy", t.IssuedBy}} {
			if text[1] != "" {
				fmt.Fprintf(&out, "\t%s = \"%s\"\n", text[0], quoteValue(text[1]))
			}
		}
		for _, when := range []struct {
			key string
			at  time.Time
		}{{"created", t.Created}, {"expires", t.Expires}, {"revoked", t.Revoked}} {
			if !when.at.IsZero() {
				fmt.Fprintf(&out, "\t%s = %s\n", when.key, when.at.UTC().Format(time.RFC3339))
			}
		}
	}
	return out.Bytes()
}

func quoteSubsection(s string) string {
	return strings.NewReplacer("\\", "\\\\", "\"", "\\\"").Replace(s)
}

func quoteValue(s string) string {
	return strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n", "\t", "\\t").Replace(s)
}

// Add puts a token into the book.
func (b *Book) Add(t Token) error {
	if slices.ContainsFunc(b.tokens, func(o Token) bool { return o.ID == t.ID }) {
		return fmt.Errorf("%w: there is a token %s already", ErrBadToken, t.ID)
	}
	if err := t.complete(); err != nil {
		return fmt.Errorf("%w: %w", ErrBadToken, err)
	}
	b.tokens = append(slices.Clone(b.tokens), t)
	return nil
}

// Revoke makes the token of an id, or of the beginning of one, useless from now
// on. Revoking twice changes nothing. The last admin token that can be used is
// refused with [ErrLastAdmin]: whoever wants to be rid of it issues another
// first.
func (b *Book) Revoke(id string, now time.Time) (Token, error) {
	found := -1
	for i, t := range b.tokens {
		if t.ID == id {
			found = i
			break
		}
		if id != "" && strings.HasPrefix(t.ID, id) {
			if found >= 0 {
				return Token{}, fmt.Errorf("%w: several begin with %q", ErrNoToken, id)
			}
			found = i
		}
	}
	if found < 0 {
		return Token{}, fmt.Errorf("%w: %q", ErrNoToken, id)
	}
	t := b.tokens[found]
	if t.State(now) == Usable && t.Role == Admin && b.usable(Admin, now) == 1 {
		return Token{}, ErrLastAdmin
	}
	if t.Revoked.IsZero() {
		t.Revoked = now.UTC().Truncate(time.Second)
		b.tokens = slices.Clone(b.tokens)
		b.tokens[found] = t
	}
	return t, nil
}

func (b Book) usable(role Role, now time.Time) int {
	n := 0
	for _, t := range b.tokens {
		if t.Role == role && t.State(now) == Usable {
			n++
		}
	}
	return n
}

// List returns the tokens in the order in which they were issued.
func (b Book) List() []Token { return slices.Clone(b.tokens) }

// hasAdmin says that an admin token was ever issued. One that expired or was
// revoked counts: time must not open what was closed.
func (b Book) hasAdmin() bool {
	return slices.ContainsFunc(b.tokens, func(t Token) bool { return t.Role == Admin })
}
