package event

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrInvalid says that something is no CloudEvents 1.0 event.
var ErrInvalid = errors.New("invalid event")

const (
	specVersion = "1.0"
	jsonContent = "application/json"
)

// Event is a CloudEvents 1.0 event. Its JSON form, which MarshalJSON writes, is
// the specification's. Whoever gets one shares it with others, and must not
// change what Data, Binary and Extensions refer to.
type Event struct {
	// ID is unique among the events of one source, and tells a repetition from
	// another event.
	ID string
	// Source is a URI reference: for the engine's own events, the project's
	// directory as a file URI.
	Source string
	Type   Type
	// Subject is what it is about, such as a version. It may be empty.
	Subject string
	// Time is when it happened, in UTC; zero if that isn't known.
	Time time.Time
	// DataContentType is the media type of the data, DataSchema a URI; both may
	// be empty. The engine sends application/json and no schema.
	DataContentType, DataSchema string
	// Data is a JSON value, or empty. Binary is set in its place where another
	// program's event carries bytes.
	Data   json.RawMessage
	Binary []byte
	// Extensions are further attributes by name: strings, bools and int32s.
	Extensions map[string]any
}

// New makes an event with a new id. An absolute path as source becomes a file
// URI; an empty one is left to [Bus.Publish]. Characters that no attribute may
// hold are replaced in the subject. Nil data is none.
func New(t Type, source, subject string, at time.Time, data any) (Event, error) {
	e := Event{ID: rand.Text(), Source: sourceOf(source), Type: t, Subject: cleanText(subject), Time: at.UTC()}
	if data == nil {
		return e, nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("%w: data of %s: %w", ErrInvalid, t, err)
	}
	e.Data, e.DataContentType = raw, jsonContent
	return e, nil
}

func sourceOf(source string) string {
	if !filepath.IsAbs(source) {
		return source
	}
	// The path is escaped byte by byte, so names that aren't UTF-8 survive.
	u := url.URL{Scheme: "file", Path: source}
	return u.String()
}

// Validate says how an event breaks the specification's rules for attributes.
// Its errors match [ErrInvalid].
func (e Event) Validate() error {
	if err := e.validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func (e Event) validate() error {
	var wrong []error
	check := func(name, value string, required bool, rule func(string) error) {
		if value == "" {
			if required {
				wrong = append(wrong, fmt.Errorf("%s is missing or empty", name))
			}
			return
		}
		if err := rule(value); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	check("id", e.ID, true, checkText)
	check("source", e.Source, true, checkReference)
	check("type", string(e.Type), true, checkText)
	check("subject", e.Subject, false, checkText)
	check("datacontenttype", e.DataContentType, false, checkMediaType)
	check("dataschema", e.DataSchema, false, checkURI)
	if err := checkTime(e.Time); err != nil {
		wrong = append(wrong, err)
	}
	if len(e.Data) > 0 && len(e.Binary) > 0 {
		wrong = append(wrong, errors.New("data and data_base64 exclude each other"))
	}
	if len(e.Data) > 0 && !json.Valid(e.Data) {
		wrong = append(wrong, errors.New("data is no JSON value"))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Extensions)) {
		if err := checkExtension(name, e.Extensions[name]); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// MarshalJSON writes the specification's JSON form on one line, its members
// always in the same order. It refuses an event that isn't valid.
func (e Event) MarshalJSON() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	w := objectWriter{}
	w.text("specversion", specVersion)
	w.text("id", e.ID)
	w.text("source", e.Source)
	w.text("type", string(e.Type))
	w.text("subject", e.Subject)
	if !e.Time.IsZero() {
		w.text("time", e.Time.Format(time.RFC3339Nano))
	}
	w.text("datacontenttype", e.DataContentType)
	w.text("dataschema", e.DataSchema)
	for _, name := range slices.Sorted(maps.Keys(e.Extensions)) {
		w.value(name, e.Extensions[name])
	}
	if len(e.Data) > 0 {
		w.value("data", e.Data)
	}
	if len(e.Binary) > 0 {
		w.value("data_base64", e.Binary)
	}
	return w.end()
}

// objectWriter writes the members of a JSON object in the order of the calls.
type objectWriter struct {
	buf bytes.Buffer
	err error
}

// text leaves out what is empty, since an attribute has a value or isn't there.
func (w *objectWriter) text(name, value string) {
	if value != "" {
		w.value(name, value)
	}
}

func (w *objectWriter) value(name string, value any) {
	raw, err := json.Marshal(value)
	w.err = errors.Join(w.err, err)
	separator := byte(',')
	if w.buf.Len() == 0 {
		separator = '{'
	}
	w.buf.WriteByte(separator)
	// Names of attributes are letters and digits, which need no escape.
	fmt.Fprintf(&w.buf, "%q:", name)
	w.buf.Write(raw)
}

func (w *objectWriter) end() ([]byte, error) {
	w.buf.WriteByte('}')
	return w.buf.Bytes(), w.err
}

// cleanText replaces what no attribute may hold.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		if !allowedRune(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
