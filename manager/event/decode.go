package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Decode reads one event in JSON form, such as a line of a file sink, strictly:
// by the specification's rules for attributes, with no member twice and nothing
// behind the object. Types that the engine doesn't send are taken as well. Times
// come out in UTC. Errors match [ErrInvalid].
func Decode(line []byte) (Event, error) {
	var e Event
	if err := e.decode(line); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return e, e.Validate()
}

// UnmarshalJSON is [Decode].
func (e *Event) UnmarshalJSON(data []byte) error {
	decoded, err := Decode(data)
	if err == nil {
		*e = decoded
	}
	return err
}

func (e *Event) decode(line []byte) error {
	members, err := readObject(line)
	if err != nil {
		return err
	}
	if v, err := text(members["specversion"]); err != nil || v != specVersion {
		return fmt.Errorf("specversion is not %q", specVersion)
	}
	delete(members, "specversion")
	if raw, ok := members["data"]; ok {
		e.Data = raw
		delete(members, "data")
	}
	if raw, ok := members["data_base64"]; ok {
		if e.Data != nil {
			return errors.New("data and data_base64 exclude each other")
		}
		if err := json.Unmarshal(raw, &e.Binary); err != nil {
			return errors.New("data_base64 is no base64 text")
		}
		delete(members, "data_base64")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := e.setAttribute(name, members[name]); err != nil {
			return err
		}
	}
	return nil
}

// setAttribute takes one attribute; null is the same as not there.
func (e *Event) setAttribute(name string, raw json.RawMessage) error {
	if err := checkName(name); err != nil {
		return err
	}
	if string(raw) == "null" {
		return nil
	}
	fields := map[string]*string{
		"id": &e.ID, "source": &e.Source, "type": (*string)(&e.Type), "subject": &e.Subject,
		"datacontenttype": &e.DataContentType, "dataschema": &e.DataSchema,
	}
	if field, ok := fields[name]; ok {
		value, err := text(raw)
		if err == nil && value == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*field = value
		return nil
	}
	if name == "time" {
		return e.setTime(raw)
	}
	value, err := extension(raw)
	if err != nil {
		return fmt.Errorf("attribute %q: %w", name, err)
	}
	if e.Extensions == nil {
		e.Extensions = make(map[string]any)
	}
	e.Extensions[name] = value
	return nil
}

func (e *Event) setTime(raw json.RawMessage) error {
	value, err := text(raw)
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(value)); err != nil {
		return errors.New("time is not in the form of RFC 3339")
	}
	e.Time = t.UTC()
	return nil
}

// extension takes a string, a boolean or a whole number of 32 bits.
func extension(raw json.RawMessage) (any, error) {
	switch raw[0] {
	case '"':
		return text(raw)
	case 't', 'f':
		return raw[0] == 't', nil
	case '{', '[':
		return nil, errors.New("an attribute has no parts")
	}
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil {
		return nil, errors.New("a number is whole and has 32 bits")
	}
	return int32(n), nil
}

func text(raw json.RawMessage) (string, error) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", errors.New("it is no string")
	}
	return *s, nil
}

// readObject reads the members of an object one by one, since decoding into a
// map or a struct takes the last of two members of the same name in silence.
func readObject(line []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	members := make(map[string]json.RawMessage)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("a member without a name")
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("member %q is there twice", name)
		}
		members[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("the object has no end")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return members, nil
}
