package event

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// server answers the nth request with the nth handler, and all that follow with
// the last.
func server(t *testing.T, handlers ...http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var requests atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(requests.Add(1))
		handlers[min(n, len(handlers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	return s, &requests
}

func answer(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // Only then does the server look for the end.
	<-r.Context().Done()
}

// flood answers well and then with more than anybody wants to read.
func flood(w http.ResponseWriter, _ *http.Request) {
	for range 1 << 20 {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return
		}
	}
}

func post(t *testing.T, config SinkConfig, ctx context.Context) (int, error) {
	t.Helper()
	config.Kind = Webhook
	return openSink(t, config, "").To.Deliver(ctx, testEvent(RollbackFailed, "v1", "why"))
}

func TestWebhookPostsASignedEvent(t *testing.T) {
	checkLeaks(t)
	secret := filepath.Join(t.TempDir(), "secret")
	mustWrite(t, secret, "s3cret\n")
	t.Setenv("HOOK_SECRET", "s3cret")
	for name, config := range map[string]SinkConfig{"file": {SecretFile: secret}, "env": {SecretEnv: "HOOK_SECRET"}} {
		t.Run(name, func(t *testing.T) {
			got := make(chan error, 1)
			s, _ := server(t, func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				e, bad := Decode(body)
				user, password, _ := r.BasicAuth()
				if r.Method != http.MethodPost || !r.Close || r.Header.Get("Content-Type") != "application/cloudevents+json" ||
					r.RequestURI != "/hook?a=b" || e.Subject != "v1" || user != "ada" || password != "pw" {
					bad = fmt.Errorf("%s %s %v %+v", r.Method, r.RequestURI, r.Header, e)
				}
				got <- errors.Join(err, bad, Verify([]byte("s3cret"), r.Header, body, time.Now()))
			})
			config.URL = strings.Replace(s.URL, "://", "://ada:pw@", 1) + "/hook?a=b#part"
			if attempts, err := post(t, config, testContext(t)); err != nil || attempts != 1 {
				t.Fatal(attempts, err)
			}
			if err := receive(t, got); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWebhookTriesAgainWhereThatMayHelp(t *testing.T) {
	ok, broken := answer(200), answer(500)
	for name, c := range map[string]struct {
		handlers []http.HandlerFunc
		retries  int
		attempts int
		want     string
	}{
		"at once":            {[]http.HandlerFunc{answer(204)}, 2, 1, ""},
		"500 then 200":       {[]http.HandlerFunc{broken, ok}, 2, 2, ""},
		"503 twice then 202": {[]http.HandlerFunc{answer(503, "Retry-After", "0"), broken, answer(202)}, 2, 3, ""},
		"500 for ever":       {[]http.HandlerFunc{broken}, 2, 3, "answered 500"},
		"no retries":         {[]http.HandlerFunc{broken, ok}, 0, 1, "answered 500"},
		"reset then 200":     {[]http.HandlerFunc{reset, ok}, 1, 2, ""},
		"429 then 200":       {[]http.HandlerFunc{answer(429, "Retry-After", "1"), ok}, 1, 2, ""},
		"429 for too long":   {[]http.HandlerFunc{answer(429, "Retry-After", "3600"), ok}, 5, 1, "answered 429 (no time is left"},
		"400":                {[]http.HandlerFunc{answer(400), ok}, 3, 1, "answered 400"},
		"404":                {[]http.HandlerFunc{answer(404), ok}, 3, 1, "answered 404"},
		"304":                {[]http.HandlerFunc{answer(304), ok}, 3, 1, "answered 304"},
		"endless answer":     {[]http.HandlerFunc{flood}, 3, 1, ""},
		"endless header":     {[]http.HandlerFunc{answer(200, "X-Long", strings.Repeat("x", 1<<20))}, 0, 1, "headers"},
		"not http":           {[]http.HandlerFunc{garbage}, 0, 1, "malformed HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			s, requests := server(t, c.handlers...)
			attempts, err := post(t, SinkConfig{URL: s.URL, Retries: c.retries}, testContext(t))
			if attempts != c.attempts || int(requests.Load()) != c.attempts {
				t.Errorf("%d attempts, %d requests, want %d", attempts, requests.Load(), c.attempts)
			}
			if c.want == "" && err != nil {
				t.Error(err)
			}
			if c.want != "" {
				wantError(t, err, nil, c.want)
			}
		})
	}
}

func garbage(w http.ResponseWriter, _ *http.Request) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = buf.WriteString("what?\r\n\r\n")
	_ = buf.Flush()
	conn.Close()
}

func TestWebhookThatHangsIsLeft(t *testing.T) {
	checkLeaks(t)
	s, _ := server(t, hang)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	attempts, err := post(t, SinkConfig{URL: s.URL, Retries: 9}, ctx)
	wantError(t, err, context.DeadlineExceeded, "no time is left")
	if attempts != 1 {
		t.Errorf("%d attempts", attempts)
	}
}

// A server that hangs once leaves time for another attempt.
func TestWebhookTriesAgainAfterOneHangs(t *testing.T) {
	checkLeaks(t)
	s, _ := server(t, hang, answer(200))
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	if attempts, err := post(t, SinkConfig{URL: s.URL, Retries: 2}, ctx); err != nil || attempts != 2 {
		t.Error(attempts, err)
	}
}

func TestWebhookFollowsNobodyElsewhere(t *testing.T) {
	checkLeaks(t)
	other, elsewhere := server(t, answer(200))
	for name, c := range map[string]struct {
		code      int
		to        string
		delivered bool
	}{
		"other host":        {307, other.URL, false},
		"other host, 308":   {308, other.URL, false},
		"same host":         {307, "/here", true},
		"becomes a get":     {302, "/here", false},
		"becomes a get too": {303, "/here", false},
		"other protocol":    {307, "file:///etc/passwd", false},
		"round and round":   {307, "/", false},
	} {
		t.Run(name, func(t *testing.T) {
			bodies := make(chan []byte, 9)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/here" {
					body, _ := io.ReadAll(r.Body)
					bodies <- body
					return
				}
				http.Redirect(w, r, c.to, c.code)
			}))
			defer s.Close()
			attempts, err := post(t, SinkConfig{URL: s.URL, Retries: 3}, testContext(t))
			if c.delivered {
				e, bad := Decode(receive(t, bodies))
				if err != nil || bad != nil || e.Subject != "v1" {
					t.Error(err, bad, e)
				}
				return
			}
			wantError(t, err, errRedirect, "redirects")
			if attempts != 1 || len(bodies) != 0 {
				t.Errorf("%d attempts, %d delivered", attempts, len(bodies))
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Errorf("%d requests came elsewhere", elsewhere.Load())
	}
}

func TestNothingIsPostedWithoutItsSecret(t *testing.T) {
	checkLeaks(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustWrite(t, at("empty"), "\n")
	mustWrite(t, at("long"), strings.Repeat("x", 1<<20))
	s, requests := server(t, answer(200))
	for _, config := range []SinkConfig{
		{SecretFile: at("none")}, {SecretFile: at("empty")}, {SecretFile: at("long")}, {SecretFile: dir}, {SecretFile: "/dev/zero"}, {SecretEnv: "EVENT_TEST_UNSET"},
	} {
		config.URL, config.Retries = s.URL, 3
		attempts, err := post(t, config, testContext(t))
		wantError(t, err, nil, "secret")
		if attempts != 0 {
			t.Errorf("%+v: %d attempts", config, attempts)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests", requests.Load())
	}
}

// Every way to fail, and no part of the secrets in anything that is written.
func TestNoSecretIsTold(t *testing.T) {
	checkLeaks(t)
	closed, _ := server(t)
	closed.Close()
	echo := func(w http.ResponseWriter, r *http.Request) {
		// A server may say again what it was told.
		w.Header().Set("Location", "http://ada:t0pPassw0rd@[::bad"+r.RequestURI+"hidd3n")
		w.WriteHeader(307)
	}
	var servers []string
	for _, handler := range []http.HandlerFunc{reset, answer(500), answer(404), hang, echo, garbage, answer(307, "Location", "http://example.invalid/")} {
		s, _ := server(t, handler)
		servers = append(servers, s.URL)
	}
	t.Setenv("HOOK_SECRET", "hidd3n")
	var log bytes.Buffer
	var sinks []Sink
	for i, u := range append(servers, closed.URL) {
		u = strings.Replace(u, "://", "://us3r:t0pPassw0rd@", 1) + "/p4th/t0ken?key=qu3ry"
		sink, err := Open(SinkConfig{Name: fmt.Sprint(i), Kind: Webhook, URL: u, SecretEnv: "HOOK_SECRET", Timeout: 200 * time.Millisecond, Retries: 1}, Env{Logger: logTo(&log)})
		if err != nil {
			t.Fatal(err)
		}
		sinks = append(sinks, sink)
	}
	bus := NewBus(Options{Sinks: sinks, Logger: logTo(&log)})
	bus.Publish(context.Background(), testEvent(RollbackFailed, "v1", ""))
	bus.Close(testContext(t))
	results := bus.Results()
	path := filepath.Join(t.TempDir(), "sinks.json")
	if err := SaveResults(path, results); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(path)
	if err != nil || len(results) != len(sinks) {
		t.Fatal(err, results)
	}
	said := log.String() + string(kept)
	for _, r := range results {
		if r.OK || r.Error == "" {
			t.Errorf("%+v", r)
		}
	}
	wantNoSecret(t, said)
}

func TestNoSecretIsToldOfABadURL(t *testing.T) {
	said := ""
	for _, u := range []string{"http://us3r:t0pPassw0rd@h:bad", "://us3r:t0pPassw0rd", "ftp://us3r:t0pPassw0rd@h/", "http://us3r:%zz@t0pPassw0rd/"} {
		_, err := Open(SinkConfig{Name: "x", Kind: Webhook, URL: u}, Env{})
		wantError(t, err, ErrConfig, "url")
		said += err.Error()
	}
	wantNoSecret(t, said)
}

func wantNoSecret(t *testing.T, said string) {
	t.Helper()
	for _, secret := range []string{"us3r", "t0pPassw0rd", "hidd3n", "p4th", "t0ken", "qu3ry"} {
		if strings.Contains(said, secret) {
			t.Errorf("%s is in %s", secret, said)
		}
	}
}
