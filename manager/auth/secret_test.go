package auth_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	. "github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/hashicorp/go-hclog"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// issueOne is a new token.
func issueOne(t testing.TB, role Role) (Secret, Token) {
	t.Helper()
	secret, token, err := Issue(IssueRequest{Role: role, Label: "ci", IssuedBy: "ada", Now: issued})
	if err != nil {
		t.Fatal(err)
	}
	return secret, token
}

// hashOf is the hash of the only token of a book, as it is stored.
func hashOf(t testing.TB, b Book) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(b.Encode()), "hash = ")
	if !ok || len(rest) < 64 {
		t.Fatal("the book has no hash")
	}
	return rest[:64]
}

// leak says how a text gives a secret or a hash away: as it is, or in any encoding
// that a verb or a format makes of it.
func leak(text string, hidden ...string) string {
	text = strings.ToLower(text)
	for _, h := range hidden {
		for form, s := range map[string]string{
			"plain": h, "hex": hex.EncodeToString([]byte(h)), "base64": base64.StdEncoding.EncodeToString([]byte(h))[:12],
			"bytes": strings.Trim(fmt.Sprint([]byte(h)), "[]"), "spaced hex": fmt.Sprintf("% x", h),
		} {
			if strings.Contains(text, strings.ToLower(s)) {
				return form
			}
		}
	}
	return ""
}

// Exported and unexported fields, because fmt calls no method on the latter.
type (
	bearer  struct{ Token Secret }
	keeper  struct{ token Secret }
	pointed struct{ token *Secret }
	nested  struct {
		keepers []keeper
		byName  map[string]Secret
		any     any
	}
	shownError struct{ secret Secret }
)

func (e shownError) Error() string { return fmt.Sprintf("refused %v", e.secret) }

func TestRedactionInFmt(t *testing.T) {
	secret, token := issueOne(t, Operator)
	var book Book
	if err := book.Add(token); err != nil {
		t.Fatal(err)
	}
	random, hash := secret.Reveal()[len("evr_operator_"):], hashOf(t, book)
	p := &secret
	values := map[string]any{
		"secret": secret, "pointer": p, "pointer to pointer": &p, "exported": bearer{secret}, "unexported": keeper{secret},
		"pointer to struct": &keeper{secret}, "pointer in struct": pointed{p}, "slice": []Secret{secret}, "array": [1]Secret{secret},
		"map value": map[string]Secret{"x": secret}, "map key": map[Secret]bool{secret: true},
		"nested": nested{[]keeper{{secret}}, map[string]Secret{"x": secret}, secret}, "any": []any{secret, p},
		"request": Request{Rollback, secret}, "error": shownError{secret},
		"wrapped": fmt.Errorf("outer: %w", fmt.Errorf("inner %v: %w", secret, shownError{secret})),
		"token":   token, "token pointer": &token, "tokens": []Token{token}, "book": book, "book pointer": &book,
	}
	flags := []string{"", "+", "#", " ", "0", "-60", "80.80", "+#", ".3"}
	for name, v := range values {
		formats := []string{"no verb", "%[2]d", "%*d", "%.*d", "%"}
		for _, flag := range flags {
			for _, verb := range "vTtbcdoOqxXUeEfFgGsSpwzy!" {
				formats = append(formats, "%"+flag+string(verb))
			}
		}
		for _, format := range formats {
			for _, text := range []string{fmt.Sprintf(format, v), fmt.Sprintf(format, v, v), fmt.Errorf(format, v).Error()} {
				if form := leak(text, random, hash); form != "" {
					t.Errorf("%s of %s gives it away: %s", format, name, form)
				}
			}
		}
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintln(v)} {
			if leak(text, random, hash) != "" {
				t.Errorf("%s is given away by %q", name, text)
			}
		}
	}
	// What it is instead says enough to be of use.
	for want, got := range map[string]string{
		"evr_operator_…": fmt.Sprint(secret), "[evr_operator_…]": fmt.Sprint([]Secret{secret}), "{evr_operator_…}": fmt.Sprint(bearer{secret}),
		"no token": fmt.Sprintf("%q", Secret{}), "evr_…": fmt.Sprint(Present("hunter2")),
		"token " + token.ID + ` (operator, "ci")`: fmt.Sprintf("%#v", token),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRedactionInEncodings(t *testing.T) {
	secret, token := issueOne(t, Admin)
	random := secret.Reveal()[len("evr_admin_"):]
	for name, encode := range map[string]func(v any) ([]byte, error){
		"json": json.Marshal,
		"xml":  xml.Marshal,
		"gob": func(v any) ([]byte, error) {
			var out bytes.Buffer
			err := gob.NewEncoder(&out).Encode(v)
			return out.Bytes(), err
		},
	} {
		for _, v := range []any{secret, &secret, bearer{secret}, &bearer{secret}, []Secret{secret}, map[string]Secret{"x": secret}, map[Secret]int{secret: 1}, keeper{secret}, token} {
			out, err := encode(v)
			if leak(string(out), random) != "" || err != nil && leak(err.Error(), random) != "" {
				t.Errorf("%s of %T: %q, %v", name, v, out, err)
			}
		}
	}
	for want, v := range map[string]any{
		`"evr_admin_…"`: secret, `{"Token":"evr_admin_…"}`: bearer{secret}, `{"evr_admin_…":1}`: map[Secret]int{secret: 1},
		`{"x":"evr_admin_…"}`: map[string]Secret{"x": secret}, `"no token"`: Secret{},
	} {
		if out, err := json.Marshal(v); err != nil || string(out) != want {
			t.Errorf("%s, %v; want %s", out, err, want)
		}
	}
	if out, err := xml.Marshal(bearer{secret}); err != nil || string(out) != "<bearer><Token>evr_admin_…</Token></bearer>" {
		t.Errorf("%s, %v", out, err)
	}
	// Nothing reads one by accident.
	var back bearer
	if err := json.Unmarshal([]byte(`{"Token":"`+secret.Reveal()+`"}`), &back); err == nil || leak(err.Error(), random) != "" {
		t.Errorf("a secret was read from JSON: %v, %v", back, err)
	}
}

func TestRedactionInLogs(t *testing.T) {
	secret, token := issueOne(t, Emergency)
	var book Book
	if err := book.Add(token); err != nil {
		t.Fatal(err)
	}
	random, hash := secret.Reveal()[len("evr_emergency_"):], hashOf(t, book)
	args := []any{
		"secret", secret, "pointer", &secret, "exported", bearer{secret}, "unexported", keeper{secret}, "inside", &keeper{secret},
		"slice", []Secret{secret}, "map", map[string]any{"x": secret, "y": keeper{secret}}, "nested", nested{[]keeper{{secret}}, nil, secret},
		"error", fmt.Errorf("x: %w", shownError{secret}), "request", Request{Declare, secret}, "token", token, "book", book,
	}
	var out bytes.Buffer
	for _, asJSON := range []bool{false, true} {
		log := hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Trace, JSONFormat: asJSON})
		log.With("with", secret, "keeper", keeper{secret}).Info("said", append(args, "formatted", hclog.Fmt("%v %d %q", secret, keeper{secret}, &secret))...)
	}
	slog.New(slog.NewTextHandler(&out, nil)).With("with", keeper{secret}).Info("said", args...)
	slog.New(slog.NewJSONHandler(&out, nil)).WithGroup("g").Info("said", args...)
	if form := leak(out.String(), random, hash); form != "" {
		t.Errorf("the log gives it away: %s", form)
	}
	if n := strings.Count(out.String(), "evr_emergency_…"); n < 4*4 {
		t.Errorf("the log names the role %d times only:\n%s", n, out.String())
	}
}

func TestSecretsAreDistinctAndUniform(t *testing.T) {
	const issuedSecrets, randomDigits = 2000, 30
	seen := make(map[string]bool)
	var all [62]int
	var at [randomDigits][62]bool
	for range issuedSecrets {
		secret, _ := issueOne(t, Operator)
		random := secret.Reveal()[len("evr_operator_"):]
		if len(random) != randomDigits+6 || seen[random[:randomDigits]] {
			t.Fatal("a secret has another length, or was there before")
		}
		seen[random[:randomDigits]] = true
		for i, c := range random[:randomDigits] {
			digit := strings.IndexRune(base62, c)
			if digit < 0 {
				t.Fatalf("the digit %q", c)
			}
			all[digit]++
			at[i][digit] = true
		}
	}
	// Chi-squared has 61 degrees of freedom here: a mean of 61, and a deviation of
	// 11. Bytes taken modulo 62 would come to about 600.
	const expected = float64(issuedSecrets*randomDigits) / 62
	chi := 0.0
	for _, n := range all {
		chi += math.Pow(float64(n)-expected, 2) / expected
	}
	if chi > 200 {
		t.Errorf("the digits are not drawn uniformly: chi-squared is %.0f", chi)
	}
	for i := range at {
		for digit, drawn := range at[i] {
			// All 62 × 30 occur, but for one chance in 10¹⁰.
			if !drawn {
				t.Errorf("place %d never holds %q", i, base62[digit])
			}
		}
	}
}

func TestCheckSumFindsSlips(t *testing.T) {
	const raw = "evr_admin_0aZ1bY2cX3dW4eV5fU6gT7hS8iR9jQ"
	whole := raw + crc62(raw)
	if _, err := ParseSecret(whole); err != nil {
		t.Fatalf("the check sum is not the CRC-32 in base 62: %v", err)
	}
	slips := 0
	slip := func(what, altered string) {
		if altered == whole {
			return
		}
		slips++
		s, err := ParseSecret(altered)
		if !errors.Is(err, ErrMistyped) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
		if s.Reveal() != strings.TrimSpace(altered) {
			t.Errorf("%s: the secret is not what was given", what)
		}
	}
	for i := range whole {
		for _, c := range base62 + "_-=+/ é" {
			slip(fmt.Sprintf("%q at %d", c, i), whole[:i]+string(c)+whole[i+1:])
		}
		slip(fmt.Sprintf("without %d", i), whole[:i]+whole[i+1:])
		slip(fmt.Sprintf("%d twice", i), whole[:i+1]+whole[i:])
		slip(fmt.Sprintf("cut at %d", i), whole[:i])
		if i+1 < len(whole) {
			slip(fmt.Sprintf("%d swapped", i), whole[:i]+whole[i+1:i+2]+whole[i:i+1]+whole[i+2:])
		}
	}
	slip("twice", whole+whole)
	slip("capitals", strings.ToUpper(whole))
	slip("two lines", whole+"\n"+whole)
	if slips < len(whole)*60 {
		t.Errorf("only %d slips were tried", slips)
	}
}

func TestParseSecretTells(t *testing.T) {
	secret, _ := issueOne(t, Emergency)
	whole := secret.Reveal()
	short, long := "evr_admin_"+strings.Repeat("a", 29), "evr_admin_"+strings.Repeat("a", 31)
	for _, c := range []struct {
		raw  string
		want error
		role Role
	}{
		{short + crc62(short), ErrMistyped, Admin}, {long + crc62(long), ErrMistyped, Admin},
		{whole, nil, Emergency}, {" \t" + whole + "\r\n", nil, Emergency},
		{"", ErrMalformed, ""}, {" \n", ErrMalformed, ""}, {"evr_", ErrMalformed, ""}, {"evr_admin", ErrMalformed, ""}, {"evr_root_" + whole[14:], ErrMalformed, ""},
		{"evr__" + whole[14:], ErrMalformed, ""}, {strings.ToUpper(whole), ErrMalformed, ""}, {"x" + whole, ErrMalformed, ""}, {whole[4:], ErrMalformed, ""},
		{whole + "\n" + whole, ErrMalformed, ""}, {whole[:20] + " " + whole[20:], ErrMalformed, ""}, {whole + "\x00", ErrMalformed, ""}, {whole + strings.Repeat("a", 100), ErrMalformed, ""},
		{"evr_admin_", ErrMistyped, Admin}, {whole[:len(whole)-1], ErrMistyped, Emergency}, {whole + "a", ErrMistyped, Emergency},
		{strings.Replace(whole, "emergency", "admin", 1), ErrMistyped, Admin}, {"evr_operator_a", ErrMistyped, Operator},
	} {
		s, err := ParseSecret(c.raw)
		if !errors.Is(err, c.want) || s.Role() != c.role {
			t.Errorf("%q: %v, role %q; want %v, %q", c.raw, err, s.Role(), c.want, c.role)
		}
		if s.Reveal() != strings.TrimSpace(c.raw) || s != Present(c.raw) || s.IsZero() != (strings.TrimSpace(c.raw) == "") {
			t.Errorf("%q: the secret is another", c.raw)
		}
	}
}

func TestReadSecret(t *testing.T) {
	secret, _ := issueOne(t, Operator)
	broken := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		from io.Reader
		err  error
		want string
	}{
		"a line":         {strings.NewReader(secret.Reveal() + "\n"), nil, secret.Reveal()},
		"with Windows":   {strings.NewReader(secret.Reveal() + "\r\n"), nil, secret.Reveal()},
		"byte by byte":   {iotest.OneByteReader(strings.NewReader(secret.Reveal())), nil, secret.Reveal()},
		"something else": {strings.NewReader("hunter2"), nil, "hunter2"},
		"4096 bytes":     {strings.NewReader(strings.Repeat("a", 4096)), nil, strings.Repeat("a", 4096)},
		"4097 bytes":     {strings.NewReader(strings.Repeat("a", 4097)), ErrMalformed, ""},
		"much white":     {strings.NewReader(strings.Repeat(" ", 4096) + secret.Reveal()), ErrMalformed, ""},
		"no end":         {endless{}, ErrMalformed, ""},
		"empty":          {strings.NewReader(""), ErrMalformed, ""},
		"blank":          {strings.NewReader(" \n\n"), ErrMalformed, ""},
		"broken":         {io.MultiReader(strings.NewReader(secret.Reveal()), iotest.ErrReader(broken)), broken, ""},
	} {
		got, err := ReadSecret(c.from)
		if !errors.Is(err, c.err) || got.Reveal() != c.want {
			t.Errorf("%s: %d bytes, %v; want %d, %v", name, len(got.Reveal()), err, len(c.want), c.err)
		}
		if err != nil && leak(err.Error(), secret.Reveal()[13:]) != "" {
			t.Errorf("%s: the error gives it away", name)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestIssueRefuses(t *testing.T) {
	long := strings.Repeat("é", 100)
	for name, c := range map[string]struct {
		req IssueRequest
		ok  bool
	}{
		"plain":         {IssueRequest{Role: Operator}, true},
		"200 bytes":     {IssueRequest{Role: Admin, Label: long, IssuedBy: long}, true},
		"201 bytes":     {IssueRequest{Role: Admin, Label: long + "x"}, false},
		"long issuer":   {IssueRequest{Role: Admin, IssuedBy: long + "x"}, false},
		"no role":       {IssueRequest{}, false},
		"another role":  {IssueRequest{Role: "root"}, false},
		"capitals":      {IssueRequest{Role: "Admin"}, false},
		"past":          {IssueRequest{Role: Admin, Lifetime: -1}, false},
		"a line's end":  {IssueRequest{Role: Admin, Label: "a\nb"}, false},
		"an escape":     {IssueRequest{Role: Admin, Label: "\x1b[2J"}, false},
		"a NUL":         {IssueRequest{Role: Admin, IssuedBy: "a\x00"}, false},
		"no UTF-8":      {IssueRequest{Role: Admin, Label: "\xff"}, false},
		"CJK and emoji": {IssueRequest{Role: Admin, Label: "本番 🚒"}, true},
	} {
		c.req.Now = issued.Add(987654321)
		secret, token, err := Issue(c.req)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrBadToken) {
			t.Errorf("%s: %v", name, err)
		}
		if secret.IsZero() != (err != nil) || err == nil && (secret.Role() != c.req.Role || !token.Created.Equal(issued) || token.State(issued) != Usable) {
			t.Errorf("%s: %v, %v", name, secret, token)
		}
	}
}

func TestStateAtTheEdges(t *testing.T) {
	_, token, err := Issue(IssueRequest{Role: Operator, Lifetime: time.Hour, Now: issued.In(time.FixedZone("far", 13*3600))})
	if err != nil {
		t.Fatal(err)
	}
	revoked := token
	revoked.Revoked = issued.Add(2 * time.Hour)
	var got []State
	for _, d := range []time.Duration{-time.Hour, 0, time.Hour - 1, time.Hour, time.Hour + 1} {
		got = append(got, token.State(issued.Add(d)), revoked.State(issued.Add(d)))
	}
	if want := []State{Usable, Revoked, Usable, Revoked, Usable, Revoked, Expired, Revoked, Expired, Revoked}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
