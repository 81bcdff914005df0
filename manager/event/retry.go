package event

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	// leastAttempt keeps a share of the time from being too short for any server.
	leastAttempt = 2 * time.Second
)

var errNoTime = errors.New("no time is left to try again")

// share is how long one of several attempts that are left may take.
func share(ctx context.Context, left int) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return defaultTimeout
	}
	return max(time.Until(deadline)/time.Duration(left), leastAttempt)
}

// wait waits before another attempt, and doesn't begin to where the time of
// ctx would be over first.
func wait(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return errNoTime
	}
	if err := sleep(ctx, d); err != nil {
		return errNoTime
	}
	return nil
}

// backoff grows twofold with each attempt. Half of it is chance, so that many who
// failed at once don't come back at once. What the server asks for is the least.
func (h *hope) backoff(attempt int) time.Duration {
	d := longestPause
	if attempt < 8 {
		d = min(firstPause<<(attempt-1), longestPause)
	}
	return h.after + d/2 + rand.N(d/2)
}

// retryAfter reads the header of that name: seconds, or a date. What can't be
// read, or has passed, is no wish.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
