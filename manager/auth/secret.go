package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"unique"
)

// Secret is what a bearer shows. Printing, logging and encoding it in any way
// gives its role at most; [Secret.Reveal] alone gives it away. The zero value is
// no secret. Secrets may be compared.
type Secret struct{ raw hidden }

// hidden is a text that fmt doesn't find. It prints unexported fields, and for
// verbs that it doesn't know whole values, without asking any method, but follows
// no pointer to a string. Equal texts are equal hidden.
type hidden struct{ at unique.Handle[string] }

func hide(text string) hidden {
	if text == "" {
		return hidden{}
	}
	return hidden{unique.Make(text)}
}

func (h hidden) text() string {
	if h == (hidden{}) {
		return ""
	}
	return h.at.Value()
}

const (
	prefix = "evr_"
	// randomDigits in base 62 hold 178 bits, sumDigits the 32 of a CRC.
	randomDigits = 30
	sumDigits    = 6
	digits       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

var (
	// ErrMalformed says that a text has not the form of a token.
	ErrMalformed = errors.New("this is no token")
	// ErrMistyped says that it has, but was altered: its check sum is another.
	ErrMistyped = errors.New("the token is mistyped, or was cut off")
)

func newSecret(role Role) (Secret, error) {
	random := make([]byte, randomDigits)
	for i := range random {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(digits))))
		if err != nil {
			return Secret{}, fmt.Errorf("no random numbers: %w", err)
		}
		random[i] = digits[n.Int64()]
	}
	body := prefix + string(role) + "_" + string(random)
	return Secret{hide(body + checkSum(body))}, nil
}

// checkSum is the CRC-32 (IEEE) of a text in base 62.
func checkSum(body string) string {
	n := crc32.ChecksumIEEE([]byte(body))
	sum := make([]byte, sumDigits)
	for i := range sum {
		sum[len(sum)-1-i] = digits[n%uint32(len(digits))]
		n /= uint32(len(digits))
	}
	return string(sum)
}

// Present takes what a bearer showed, whatever it is: [Book.Decide] says what is
// wrong with it, so that it can be recorded. White space around it is dropped.
func Present(raw string) Secret { return Secret{hide(strings.TrimSpace(raw))} }

// ParseSecret is Present for whoever wants to know at once. Errors match
// [ErrMalformed] and [ErrMistyped] and never quote what was given.
func ParseSecret(raw string) (Secret, error) {
	s := Present(raw)
	return s, s.check()
}

// maxSecret bounds what is read as a secret, in bytes.
const maxSecret = 4096

// ReadSecret reads what a bearer showed, such as a file's content. An empty one is
// [ErrMalformed]: whoever names a file means to show something.
func ReadSecret(r io.Reader) (Secret, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return Secret{}, fmt.Errorf("the token can't be read: %w", err)
	}
	s := Present(string(data))
	if s.IsZero() || len(data) > maxSecret {
		return Secret{}, ErrMalformed
	}
	return s, nil
}

// check says what is wrong with the secret's form.
func (s Secret) check() error {
	raw := s.Reveal()
	role, random, ok := strings.Cut(strings.TrimPrefix(raw, prefix), "_")
	if !ok || !strings.HasPrefix(raw, prefix) || !Role(role).valid() || len(random) > 4*randomDigits {
		return ErrMalformed
	}
	if strings.Trim(random, digits) != "" {
		return ErrMalformed
	}
	end := max(0, len(raw)-sumDigits)
	body, sum := raw[:end], raw[end:]
	if len(random) != randomDigits+sumDigits || checkSum(body) != sum {
		return ErrMistyped
	}
	return nil
}

// IsZero says that there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// Reveal is the secret itself.
func (s Secret) Reveal() string { return s.raw.text() }

// Role is what the secret says that it is good for; the book decides. It is empty
// for a malformed one.
func (s Secret) Role() Role {
	if errors.Is(s.check(), ErrMalformed) {
		return ""
	}
	role, _, _ := strings.Cut(strings.TrimPrefix(s.Reveal(), prefix), "_")
	return Role(role)
}

func (s Secret) hash() string {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:])
}

// String shows the role and nothing else.
func (s Secret) String() string {
	switch role := s.Role(); {
	case s.IsZero():
		return "no token"
	case role == "":
		return prefix + "…"
	default:
		return prefix + string(role) + "_…"
	}
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Format prints String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText is String; a secret can't be read back from it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
