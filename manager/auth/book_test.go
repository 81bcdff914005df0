package auth_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// awkward are labels that a configuration file or its reader could choke on.
var awkward = []string{
	"", "ci", `say "hi"`, `C:\new\table`, `ends in \`, `\"`, "# no comment", "; nor this", "a;b#c", " leading", "trailing ", "  ", "a  b", "[token]", "key = value",
	"本番の当番", "пожар", "🚒🧯", "é", "e\u0301", "\u00a0hard\u00a0", "\u2028", "it's", "$(id)", "%s %n", "=", "true", strings.Repeat("x", 200),
}

func TestBookIsReadByGit(t *testing.T) {
	var book Book
	var want []string
	for i, label := range awkward {
		req := IssueRequest{Role: roles[i%3], Label: label, IssuedBy: awkward[len(awkward)-1-i], Now: issued.Add(time.Duration(i) * time.Minute), Lifetime: time.Duration(i%2) * time.Hour}
		_, token, err := Issue(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := book.Add(token); err != nil {
			t.Fatal(err)
		}
		id := "token." + token.ID + "."
		want = append(want, id+"role\n"+string(token.Role))
		if label != "" {
			want = append(want, id+"label\n"+label)
		}
		if token.IssuedBy != "" {
			want = append(want, id+"issuedby\n"+token.IssuedBy)
		}
		want = append(want, id+"created\n"+token.Created.Format(time.RFC3339))
		if !token.Expires.IsZero() {
			want = append(want, id+"expires\n"+token.Expires.Format(time.RFC3339))
		}
	}
	listed := book.List()
	if _, err := book.Revoke(listed[3].ID, issued.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	want = append(want, "token."+listed[3].ID+".revoked\n2026-03-04T06:06:07Z")
	var got []string
	hashes := 0
	for _, value := range gitList(t, book.Encode()) {
		if key, hash, _ := strings.Cut(value, "\n"); strings.HasSuffix(key, ".hash") {
			hashes++
			if id := strings.Split(key, ".")[1]; len(hash) != 64 || id != hash[:8] {
				t.Errorf("%s is %s", key, hash)
			}
			continue
		}
		got = append(got, value)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || hashes != len(awkward) {
		t.Errorf("git reads %d hashes and\n%q\nwant\n%q", hashes, got, want)
	}
	again, err := readBook(book.Encode())
	if err != nil || !reflect.DeepEqual(again.List(), book.List()) || !bytes.Equal(again.Encode(), book.Encode()) {
		t.Errorf("the book reads back as another: %v\n%v\n%v", err, again.List(), book.List())
	}
}

// gitList is what git reads in a configuration file, as "key\nvalue".
func gitList(t *testing.T, data []byte) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "config", "-f", path, "-z", "--list").Output()
	if err != nil {
		t.Fatalf("git: %v\n%s", err, data)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func TestBookBeforeAndAfterStoring(t *testing.T) {
	for name, f := range fixtures(t) {
		stored, err := readBook(f.book.Encode())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for show, secret := range f.secrets {
			for _, action := range actions {
				for _, at := range []int{before, atExpiry} {
					now := issued.Add(time.Duration(at) * time.Second)
					if was, is := f.book.Decide(Request{action, secret}, Rules{}, now), stored.Decide(Request{action, secret}, Rules{}, now); was != is {
						t.Errorf("%s, %s with %s: %+v, and once stored %+v", name, action, show, was, is)
					}
				}
			}
		}
	}
}

func TestDamagedBooks(t *testing.T) {
	_, hash := forge(Admin, 1)
	_, other := forge(Admin, 2)
	id := hash[:8]
	head := "[token \"" + id + "\"]\n"
	whole := head + "role = admin\nhash = " + hash + "\n"
	for name, text := range map[string]string{
		"whole": whole, "empty": "", "comment": "# nothing\n; at all\n",
		"capitals":    "[TOKEN \"" + id + "\"]\nROLE = admin\nHash = " + hash + "\n",
		"in two":      whole + head + "label = ci\n",
		"other zone":  whole + "expires = 2027-01-01T00:00:00+02:00\n",
		"other order": head + "hash = " + hash + "\ncreated = 2026-03-04T05:06:07Z\nrole = admin\n",
	} {
		if _, err := readBook([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"unknown key":       whole + "scope = all\n",
		"misspelt revoked":  whole + "revokd = 2026-03-04T05:06:07Z\n",
		"bad role":          head + "role = root\nhash = " + hash + "\n",
		"capital role":      head + "role = Admin\nhash = " + hash + "\n",
		"two roles":         head + "role = admin operator\nhash = " + hash + "\n",
		"no role":           head + "hash = " + hash + "\n",
		"no hash":           head + "role = admin\n",
		"empty hash":        head + "role = admin\nhash =\n",
		"short hash":        head + "role = admin\nhash = " + hash[:62] + "\n",
		"odd hash":          head + "role = admin\nhash = " + hash[:63] + "\n",
		"long hash":         head + "role = admin\nhash = " + hash + "00\n",
		"not hex":           head + "role = admin\nhash = " + strings.Repeat("g", 64) + "\n",
		"capital hash":      "[token \"" + strings.ToUpper(id) + "\"]\nrole = admin\nhash = " + strings.ToUpper(hash) + "\n",
		"another's hash":    head + "role = admin\nhash = " + other + "\n",
		"hash changed":      whole + head + "hash = " + other + "\n",
		"short id":          "[token \"" + hash[:7] + "\"]\nrole = admin\nhash = " + hash + "\n",
		"no id":             "[token]\nrole = admin\nhash = " + hash + "\n",
		"bad time":          whole + "expires = tomorrow\n",
		"a date":            whole + "expires = 2027-01-01\n",
		"no expiry":         whole + "expires =\n",
		"revoked, no time":  whole + "revoked\n",
		"revoked, false":    whole + "revoked = false\n",
		"revoked at zero":   whole + "revoked = 0001-01-01T00:00:00Z\n",
		"expires at zero":   whole + "expires = 0001-01-01T01:00:00+01:00\n",
		"before year 1":     whole + "created = 0000-12-31T00:00:00Z\n",
		"after year 9999":   whole + "expires = 9999-12-31T23:59:59-01:00\n",
		"label with escape": whole + "label = \"\x1b[2J\"\n",
		"label of lines":    whole + "label = \"a\\nb\"\n",
		"long label":        whole + "label = " + strings.Repeat("x", 201) + "\n",
		"wrong section":     whole + "[rollback]\nrequireAuth = false\n",
		"section alike":     "[tokens \"" + id + "\"]\nrole = admin\nhash = " + hash + "\n",
		"an include":        whole + "[include]\npath = /etc/passwd\n",
		"second damaged":    whole + "[token \"" + other[:8] + "\"]\nrole = operator\n",
	} {
		b, err := readBook([]byte(text))
		if !errors.Is(err, ErrBadBook) || len(b.List()) != 0 {
			t.Errorf("%s: %v, %d tokens", name, err, len(b.List()))
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\r") {
			t.Errorf("%s: the error has control characters", name)
		}
	}
}

func TestAdd(t *testing.T) {
	var book Book
	_, token := issueOne(t, Operator)
	if err := book.Add(token); err != nil {
		t.Fatal(err)
	}
	if err := book.Add(token); !errors.Is(err, ErrBadToken) {
		t.Errorf("a token was added twice: %v", err)
	}
	_, second := issueOne(t, Operator)
	second.ID = token.ID
	_, odd := issueOne(t, Operator)
	odd.Role = "root"
	for name, bad := range map[string]Token{"made by hand": {ID: "01234567", Role: Admin}, "another id": second, "another role": odd} {
		if err := book.Add(bad); !errors.Is(err, ErrBadToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 3 {
		// A copy that goes its own way must not write into this book.
		_, mine := issueOne(t, Emergency)
		_, other := issueOne(t, Admin)
		branch := book
		if err := errors.Join(book.Add(mine), branch.Add(other)); err != nil {
			t.Fatal(err)
		}
	}
	if slices.ContainsFunc(book.List(), func(t Token) bool { return t.Role == Admin }) {
		t.Error("a token that was added to a copy is in the book")
	}
	list := book.List()
	list[0].Revoked = issued
	if len(list) != 4 || book.List()[0].State(issued) != Usable {
		t.Error("the list is the book's own")
	}
}

// twins are tokens whose ids begin alike, beside one that doesn't.
func twins(t *testing.T) (book Book, alike [2]string, common string) {
	t.Helper()
	first := make(map[byte]string)
	for i := range 256 {
		_, hash := forge(Operator, byte(i))
		if twin, ok := first[hash[0]]; ok && twin[1] != hash[1] {
			alike, common = [2]string{twin, hash}, hash[:1]
			break
		}
		first[hash[0]] = hash
	}
	_, single := forge(Operator, []byte("single")...)
	var entries []Entry
	for _, hash := range append(alike[:], single) {
		entries = append(entries, Entry{"token", hash[:8], "role", "operator"}, Entry{"token", hash[:8], "hash", hash})
	}
	book, err := ParseBook(entries)
	if err != nil || common == "" {
		t.Fatal(common, err)
	}
	return book, alike, common
}

func TestRevokeByPrefix(t *testing.T) {
	book, alike, common := twins(t)
	for _, id := range []string{"", common, "zzzz", "*", alike[0][:8] + "0", strings.ToUpper(alike[0][:8]) + "X"} {
		if token, err := book.Revoke(id, issued); !errors.Is(err, ErrNoToken) || token != (Token{}) {
			t.Errorf("%q: %v, %v", id, token, err)
		}
	}
	for i, id := range []string{alike[0][:2], alike[1][:8]} {
		now := issued.Add(time.Duration(i)*time.Hour + 999*time.Millisecond)
		token, err := book.Revoke(id, now)
		if err != nil || token.ID != alike[i][:8] || !token.Revoked.Equal(now.Truncate(time.Second)) {
			t.Errorf("%q: %v, %v", id, token, err)
		}
	}
	var states []State
	for _, token := range book.List() {
		states = append(states, token.State(issued))
	}
	if !slices.Equal(states, []State{Revoked, Revoked, Usable}) {
		t.Errorf("then they are %v", states)
	}
}

func TestRevokeTwice(t *testing.T) {
	book, alike, _ := twins(t)
	first, err := book.Revoke(alike[0][:8], issued)
	if err != nil {
		t.Fatal(err)
	}
	before := book.Encode()
	again, err := book.Revoke(alike[0][:8], issued.Add(time.Hour))
	if err != nil || again != first || !bytes.Equal(book.Encode(), before) {
		t.Errorf("%v, then %v, %v", first.Revoked, again.Revoked, err)
	}
}

func TestRevokeTheLastAdmin(t *testing.T) {
	var f fixture
	f.issue(t, "operator", "emergency", "admin", "admin brief", "admin revoked")
	id := make(map[string]string)
	for _, token := range f.book.List() {
		id[token.Label] = token.ID
	}
	revoke := func(label string, at int, want error) {
		t.Helper()
		if _, err := f.book.Revoke(id[label], issued.Add(time.Duration(at)*time.Second)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", label, err, want)
		}
	}
	// The brief one has expired, so it is no other that could be used.
	revoke("admin", atExpiry, ErrLastAdmin)
	revoke("admin revoked", later, nil)
	revoke("operator", later, nil)
	revoke("emergency", later, nil)
	copied := f.book
	if _, err := copied.Revoke(id["admin"], issued.Add(before*time.Second)); err != nil {
		t.Errorf("while there are two: %v", err)
	}
	revoke("admin brief", later, nil)
	_, second := issueOne(t, Admin)
	if err := f.book.Add(second); err != nil {
		t.Fatal(err)
	}
	revoke("admin", later, nil)
	if _, err := f.book.Revoke(second.ID, issued.Add(later*time.Second)); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("the second is the last: %v", err)
	}
	if d := f.book.Decide(Request{Tokens, f.secrets["admin"]}, Rules{}, issued.Add(later*time.Second)); d.Code != CodeRevoked {
		t.Errorf("the revoked admin is told %s", d.Code)
	}
}

func TestBackoff(t *testing.T) {
	for wrong, want := range map[int]time.Duration{
		-1: 0, 0: 0, 1: 0, 4: 0, 5: time.Second, 6: 2 * time.Second, 7: 4 * time.Second, 8: 8 * time.Second,
		9: 10 * time.Second, 10: 10 * time.Second, 100: 10 * time.Second, 1 << 40: 10 * time.Second,
	} {
		if got := Backoff(wrong); got != want {
			t.Errorf("after %d: %v, want %v", wrong, got, want)
		}
	}
}
