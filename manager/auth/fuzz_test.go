package auth_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	. "github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// crc62 is a token's check sum, made by the documented rule and not by the code
// under test.
func crc62(body string) string {
	n, out := crc32.ChecksumIEEE([]byte(body)), ""
	for range 6 {
		out = string(base62[n%62]) + out
		n /= 62
	}
	return out
}

// forge makes the same secret of the same seed, and its hash.
func forge(role Role, seed ...byte) (Secret, string) {
	body := "evr_" + string(role) + "_"
	drawn := sha256.Sum256(append([]byte(role), seed...))
	for _, b := range drawn[:30] {
		body += string(base62[int(b)%62])
	}
	whole := body + crc62(body)
	sum := sha256.Sum256([]byte(whole))
	return Present(whole), hex.EncodeToString(sum[:])
}

func FuzzParseSecret(f *testing.F) {
	for i, role := range roles {
		secret, _ := forge(role, byte(i))
		whole := secret.Reveal()
		for _, raw := range []string{whole, " " + whole + "\n", whole[:len(whole)-1], whole + "0", mistype(secret).Reveal(), whole[:14], strings.ToUpper(whole)} {
			f.Add(raw)
		}
	}
	for _, raw := range []string{"", "evr_", "evr__", "evr_admin_", "evr_root_x", "_", "\xff\x00", "evr_admin_é"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := ParseSecret(raw)
		trimmed := strings.TrimSpace(raw)
		if s.Reveal() != trimmed || s != Present(raw) {
			t.Fatal("the secret is not what was given")
		}
		if err == nil {
			again, err := ParseSecret(s.Reveal())
			if err != nil || again != s || !slices.Contains(roles, s.Role()) {
				t.Fatalf("what was accepted isn't any more: %v", err)
			}
			body := trimmed[:len(trimmed)-6]
			if body+crc62(body) != trimmed || len(body) != len("evr_"+string(s.Role())+"_")+30 {
				t.Fatalf("accepted with the role %q and another check sum or length", s.Role())
			}
		}
		// Errors and texts are the same for every input of a kind, so they can't
		// quote any.
		switch {
		case errors.Is(err, ErrMistyped) && err.Error() == ErrMistyped.Error(), errors.Is(err, ErrMalformed) && err.Error() == ErrMalformed.Error():
		case err != nil:
			t.Fatalf("%v", err)
		}
		said := []string{"no token", "evr_…", "evr_operator_…", "evr_emergency_…", "evr_admin_…"}
		if text, err := s.MarshalText(); err != nil || !slices.Contains(said, s.String()) || string(text) != s.String() || s.GoString() != s.String() {
			t.Fatalf("the secret says %q, %v", s, err)
		}
		if read, err := ReadSecret(strings.NewReader(raw)); (err == nil) != (trimmed != "" && len(raw) <= 4096) || err == nil && read != s {
			t.Fatalf("read as %v, %v", read, err)
		}
	})
}

// entriesOf reads one entry a record; in a subsection or a value, @ and a byte
// stand for the id and the hash of a forged token, which no fuzzer guesses.
func entriesOf(data string) (entries []Entry) {
	for record := range strings.SplitSeq(data, "\x1e") {
		fields := append(strings.SplitN(record, "\x1f", 4), "", "", "")
		e := Entry{fields[0], fields[1], fields[2], fields[3]}
		if len(e.Subsection) == 2 && e.Subsection[0] == '@' {
			_, hash := forge(Admin, e.Subsection[1])
			e.Subsection = hash[:8]
		}
		if len(e.Value) == 2 && e.Value[0] == '@' {
			_, e.Value = forge(Admin, e.Value[1])
		}
		entries = append(entries, e)
	}
	return entries
}

func FuzzParseBook(f *testing.F) {
	record := func(fields ...string) string { return strings.Join(fields, "\x1f") }
	book := func(records ...string) string { return strings.Join(records, "\x1e") }
	one := []string{record("token", "@1", "role", "operator"), record("token", "@1", "hash", "@1")}
	f.Add("")
	f.Add(book(one...))
	f.Add(book(append(one, record("Token", "@1", "Label", ` "ci" \ # ; 本番 🚒 `), record("token", "@1", "issuedBy", "ada"))...))
	for _, at := range []string{"2026-03-04T05:06:07Z", "2026-03-04T05:06:07.9+13:00", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-01:00", ""} {
		f.Add(book(append(one, record("token", "@1", "created", at), record("token", "@1", "expires", at), record("token", "@1", "revoked", at))...))
	}
	f.Add(book(append(one, record("token", "@2", "role", "admin"), record("token", "@2", "hash", "@2"), record("token", "@1", "role", "admin"))...))
	f.Add(book(append(one, record("token", "@1", "label", "a\nb\r\t\b\x1b"))...))
	f.Add(book(record("token", "", "role", "admin"), record("rollback", "x", "role", "admin")))
	f.Fuzz(func(t *testing.T, data string) {
		b, err := ParseBook(entriesOf(data))
		if err != nil {
			if !errors.Is(err, ErrBadBook) || len(b.List()) != 0 {
				t.Fatalf("%v, and %v", err, b)
			}
			return
		}
		again, err := readBook(b.Encode())
		if err != nil || !reflect.DeepEqual(again.List(), b.List()) {
			t.Fatalf("%v\n%#v\n%#v\n%s", err, b.List(), again.List(), b.Encode())
		}
	})
}

// readBook reads a book as the store does.
func readBook(data []byte) (Book, error) {
	entries, err := gitstore.ParseConfig(data)
	if err != nil {
		return Book{}, err
	}
	list := make([]Entry, len(entries))
	for i, e := range entries {
		list[i] = Entry{Section: e.Section, Subsection: e.Subsection, Key: e.Key, Value: e.Value}
	}
	return ParseBook(list)
}

// forgeBook makes a token of each four bytes: role, whether it is revoked, and the
// hour at which it expires.
func forgeBook(t *testing.T, data []byte) (book Book, secrets []Secret, hashes []string) {
	var entries []Entry
	for i := 0; i+4 <= len(data) && i < 4*20; i += 4 {
		role := roles[int(data[i])%3]
		secret, hash := forge(role, byte(i))
		set := func(key, value string) { entries = append(entries, Entry{"token", hash[:8], key, value}) }
		set("role", string(role))
		set("hash", hash)
		if data[i+1]%4 == 0 {
			set("revoked", issued.Format(time.RFC3339))
		}
		if hours := int16(binary.BigEndian.Uint16(data[i+2:])); hours != 0 {
			set("expires", issued.Add(time.Duration(hours)*time.Hour).Format(time.RFC3339))
		}
		secrets, hashes = append(secrets, secret), append(hashes, hash)
	}
	book, err := ParseBook(entries)
	if err != nil {
		t.Fatal(err)
	}
	return book, secrets, hashes
}

func FuzzDecide(f *testing.F) {
	stranger, _ := forge(Admin, []byte("stranger")...)
	for i, action := range append(actions, "erase") {
		f.Add([]byte{2, 1, 0, 0}, string(action), stranger.Reveal(), byte(9), i%2 == 0, "admin", int64(i))
		f.Add([]byte{byte(i), 1, 0, 0, 2, 1, 0, 9, 2, 0, 0, 0, 1, 1, 255, 0}, string(action), "evr_admin_x", byte(i), i%2 == 0, "operator", int64(i*1800))
		f.Add([]byte{0, 1, 0, 0, 1, 1, 0, 0}, string(action), "", byte(i%3), i%2 == 1, "", int64(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, action, shown string, which byte, required bool, forceRole string, seconds int64) {
		book, secrets, hashes := forgeBook(t, data)
		known := int(which) < len(secrets)
		secret := Present(shown)
		if known {
			secret = secrets[which]
		}
		req, rules := Request{Action(action), secret}, Rules{Required: required, ForceRole: Role(forceRole)}
		now := issued.Add(time.Duration(seconds%(1<<30)) * time.Second)
		stored := string(book.Encode())
		d := book.Decide(req, rules, now)
		if again := book.Decide(req, rules, now); again != d || string(book.Encode()) != stored {
			t.Fatalf("first %+v, then %+v", d, again)
		}
		checkDecision(t, d, req)
		if known {
			checkKnown(t, d, req, book.List()[which], rules, now)
		} else if d.Allowed && !secret.IsZero() {
			t.Fatalf("a token of no book is %s", d.Code)
		} else if other := book.Decide(Request{req.Action, alike(secret)}, rules, now); other != d {
			// Whoever is told the same whatever was shown is told nothing of it.
			t.Fatalf("%+v for one, %+v for another", d, other)
		}
		for i, hash := range hashes {
			if text := d.Message + d.Hint + (&DeniedError{"", d}).Error(); leak(text, hash, secrets[i].Reveal()[14:]) != "" {
				t.Fatal("a message gives a token or its hash away")
			}
		}
	})
}

// alike is another secret of the same form that is in no book.
func alike(s Secret) Secret {
	switch _, err := ParseSecret(s.Reveal()); {
	case s.IsZero():
		return s
	case errors.Is(err, ErrMalformed):
		return Present("hunter2")
	case errors.Is(err, ErrMistyped):
		return Present("evr_emergency_1")
	}
	other, _ := forge(Operator, []byte("in no book")...)
	return other
}

func checkDecision(t *testing.T, d Decision, req Request) {
	t.Helper()
	switch {
	case d.Allowed != (d.Code == Open || d.Code == Granted), d.Allowed && d.Code.Wrong(), d.Allowed != (d.Message == ""), d.Allowed != (d.Hint == ""):
	case req.Secret.IsZero() != (d.Code == Open || d.Code == Missing):
	case req.Action == Declare && d.Allowed && d.Role != Emergency:
	case !slices.Contains(actions, req.Action) && d.Allowed && d.Role != Admin:
	default:
		return
	}
	t.Fatalf("%s with %v: %+v", req.Action, req.Secret, d)
}

func checkKnown(t *testing.T, d Decision, req Request, token Token, rules Rules, now time.Time) {
	t.Helper()
	state := token.State(now)
	switch {
	case d.TokenID != token.ID, d.Role != token.Role:
	case (d.Code == CodeExpired) != (state == Expired), (d.Code == CodeRevoked) != (state == Revoked), d.Allowed && state != Usable:
	case token.Role == Admin && state == Usable && d.Allowed != (req.Action != Declare):
	case req.Action == Declare && d.Allowed != (token.Role == Emergency && state == Usable):
	case !rules.Required && state == Usable && !d.Allowed && slices.Contains([]Action{Rollback, Judge, Force}, req.Action):
	default:
		return
	}
	t.Fatalf("%s with %v, which is %s: %+v", req.Action, token, state, d)
}
