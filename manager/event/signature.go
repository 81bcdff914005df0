package event

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// SignatureHeader holds "sha256=" and the HMAC-SHA256, in hexadecimal digits,
	// of the content of [TimestampHeader], a full stop and the body.
	SignatureHeader = "X-Evoseal-Signature"
	// TimestampHeader holds the time of signing, in seconds since 1970.
	TimestampHeader = "X-Evoseal-Timestamp"

	// maxSkew is how far off a timestamp may be: enough for clocks and a slow
	// network, and little for whoever sends a recorded request again.
	maxSkew = 5 * time.Minute
)

// ErrSignature says that a request was not signed with the secret, or not lately.
var ErrSignature = errors.New("invalid signature")

// Verify checks, for who receives a webhook, that body was signed with the secret
// less than five minutes from now. What was received within that time may be sent
// again by whoever saw it: an id that was seen before tells. Errors match
// [ErrSignature].
func Verify(secret []byte, header http.Header, body []byte, now time.Time) error {
	if len(secret) == 0 {
		return fmt.Errorf("%w: there is no secret to check it with", ErrSignature)
	}
	given, timestamp := header.Values(SignatureHeader), header.Values(TimestampHeader)
	if len(given) != 1 || len(timestamp) != 1 {
		return fmt.Errorf("%w: %s and %s must be there once each", ErrSignature, SignatureHeader, TimestampHeader)
	}
	// Without its own spelling of the digits checked, since they are signed too.
	seconds, err := strconv.ParseInt(timestamp[0], 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %s is no number", ErrSignature, TimestampHeader)
	}
	digits, ok := strings.CutPrefix(given[0], "sha256=")
	mac, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return fmt.Errorf("%w: %s is not sha256= and hexadecimal digits", ErrSignature, SignatureHeader)
	}
	if !hmac.Equal(mac, signature(secret, timestamp[0], body)) {
		return fmt.Errorf("%w: another secret, or another body", ErrSignature)
	}
	if off := now.Unix() - seconds; off > int64(maxSkew/time.Second) || off < -int64(maxSkew/time.Second) {
		return fmt.Errorf("%w: it is from another time", ErrSignature)
	}
	return nil
}

func signature(secret []byte, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	// Writing to a hash never fails.
	_, _ = h.Write([]byte(timestamp + "."))
	_, _ = h.Write(body)
	return h.Sum(nil)
}

// sign sets both headers.
func sign(header http.Header, secret, body []byte, now time.Time) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	header.Set(TimestampHeader, timestamp)
	header.Set(SignatureHeader, "sha256="+hex.EncodeToString(signature(secret, timestamp, body)))
}
