package event

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestVerify(t *testing.T) {
	secret, body := []byte("key"), []byte(`{"a":1}`)
	signed := func(edit func(http.Header)) http.Header {
		h := http.Header{}
		sign(h, secret, body, testTime)
		edit(h)
		return h
	}
	same := func(http.Header) {}
	// Made with: printf '1772600767.{"a":1}' | openssl dgst -sha256 -hmac key
	const known = "sha256=28a056f9f8a4eca5a029e56930b45fdb2f24082154f024938135e002f1fbf452"
	if got := signed(same).Get(SignatureHeader); got != known {
		t.Errorf("signature %s", got)
	}
	for name, c := range map[string]struct {
		secret, body string
		header       http.Header
		now          time.Time
		good         bool
	}{
		"good":           {"key", string(body), signed(same), testTime, true},
		"upper case":     {"key", string(body), signed(func(h http.Header) { h.Set(SignatureHeader, "sha256="+strings.ToUpper(known[7:])) }), testTime, true},
		"in time":        {"key", string(body), signed(same), testTime.Add(4 * time.Minute), true},
		"other secret":   {"kez", string(body), signed(same), testTime, false},
		"no secret":      {"", string(body), signed(same), testTime, false},
		"other body":     {"key", string(body) + " ", signed(same), testTime, false},
		"late":           {"key", string(body), signed(same), testTime.Add(6 * time.Minute), false},
		"early":          {"key", string(body), signed(same), testTime.Add(-6 * time.Minute), false},
		"other time":     {"key", string(body), signed(func(h http.Header) { h.Set(TimestampHeader, "1772600768") }), testTime, false},
		"huge time":      {"key", string(body), signed(func(h http.Header) { h.Set(TimestampHeader, "-9223372036854775808") }), testTime, false},
		"no time":        {"key", string(body), signed(func(h http.Header) { h.Del(TimestampHeader) }), testTime, false},
		"no signature":   {"key", string(body), signed(func(h http.Header) { h.Del(SignatureHeader) }), testTime, false},
		"two signatures": {"key", string(body), signed(func(h http.Header) { h.Add(SignatureHeader, known) }), testTime, false},
		"no digits":      {"key", string(body), signed(func(h http.Header) { h.Set(SignatureHeader, "sha256=") }), testTime, false},
		"cut off":        {"key", string(body), signed(func(h http.Header) { h.Set(SignatureHeader, known[:20]) }), testTime, false},
		"other hash":     {"key", string(body), signed(func(h http.Header) { h.Set(SignatureHeader, "sha1="+known[7:]) }), testTime, false},
	} {
		err := Verify([]byte(c.secret), c.header, []byte(c.body), c.now)
		if (err == nil) != c.good || (err != nil && !errors.Is(err, ErrSignature)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
