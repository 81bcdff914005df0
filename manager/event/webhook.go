package event

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const cloudEventsContent = "application/cloudevents+json"

// webhookSink posts events.
type webhookSink struct {
	url     *url.URL
	secret  secretSource
	retries int
	client  *http.Client
	now     func() time.Time
}

func newWebhookSink(config SinkConfig, env Env) (*webhookSink, error) {
	// What url.Parse says holds pieces of the URL, maybe of its password.
	u, err := url.Parse(config.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("it has no http or https url")
	}
	u.Fragment, u.RawFragment = "", ""
	secret, err := newSecretSource(config, env)
	if err != nil {
		return nil, err
	}
	return &webhookSink{u, secret, config.Retries, newClient(), env.Now}, nil
}

// newClient makes a client that leaves no connection, and so no goroutine, behind.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: checkRedirect,
	}
}

var errRedirect = errors.New("it redirects to where no event is sent")

// checkRedirect follows what leads to the same server by the same protocol and
// keeps the request a POST. Anything else would send the event, or the URL's
// password, to somebody whom nobody named.
func checkRedirect(req *http.Request, via []*http.Request) error {
	const most = 3
	first := via[0]
	if len(via) > most || req.Method != http.MethodPost || req.URL.Scheme != first.URL.Scheme || !strings.EqualFold(req.URL.Host, first.URL.Host) {
		return errRedirect
	}
	return nil
}

// Deliver posts the event, and again as often as is configured where the answer
// leaves hope and time. A hanging attempt gets its share of the time, so that
// there is some for the next.
func (s *webhookSink) Deliver(ctx context.Context, e Event) (int, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	for attempt := 1; ; attempt++ {
		secret, err := s.secret.read()
		if err != nil {
			return attempt - 1, err
		}
		limited, cancel := context.WithTimeout(ctx, share(ctx, s.retries+2-attempt))
		again, err := s.post(limited, body, secret)
		cancel()
		if err == nil {
			return attempt, nil
		}
		err = s.scrub(err, secret)
		if again == nil || attempt > s.retries {
			return attempt, err
		}
		if why := wait(ctx, again.backoff(attempt)); why != nil {
			return attempt, fmt.Errorf("%w (%w)", err, why)
		}
	}
}

// hope is why another attempt may end better.
type hope struct {
	// after is how long the server asked to be left alone; 0 is not at all.
	after time.Duration
}

// post makes one attempt. Its hope is nil where another would end no better.
func (s *webhookSink) post(ctx context.Context, body, secret []byte) (*hope, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", cloudEventsContent)
	req.Header.Set("User-Agent", "git-evoseal-rollback")
	if secret != nil {
		sign(req.Header, secret, body, s.now())
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if errors.Is(err, errRedirect) {
			return nil, err
		}
		return &hope{}, err
	}
	// Nothing in the body matters, so none of it is read.
	resp.Body.Close()
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil, nil
	case code == http.StatusTooManyRequests || code >= 500:
		return &hope{retryAfter(resp.Header.Get("Retry-After"), s.now())}, fmt.Errorf("the server answered %d", code)
	default:
		return nil, fmt.Errorf("the server answered %d", code)
	}
}

// scrub makes an error of which nothing gives away the secret or what the URL
// holds besides its host, since paths and queries of webhooks often are secrets.
func (s *webhookSink) scrub(err error, secret []byte) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // The text around it is method and URL.
	}
	said := err.Error()
	hidden := []string{string(secret), s.url.RawQuery, s.url.RequestURI(), s.url.EscapedPath(), s.url.Path}
	if u := s.url.User; u != nil {
		password, _ := u.Password()
		hidden = append(hidden, u.String(), password, u.Username())
	}
	for _, h := range hidden {
		if len(h) > 1 {
			said = strings.ReplaceAll(said, h, "…")
		}
	}
	return &postError{said, err}
}

// postError has a text that may be shown, and still matches what it is about.
type postError struct {
	said string
	is   error
}

func (e *postError) Error() string { return e.said }

// Is lets a time limit be told from other failures; the error itself, whose
// text may not be shown, stays inside.
func (e *postError) Is(target error) bool { return errors.Is(e.is, target) }
