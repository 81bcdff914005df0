package report

import (
	"encoding/json"
	"errors"
	"io"
)

// jsonWalk reads JSON piece by piece, so that memory depends on what a reader
// keeps and not on the size of a value.
type jsonWalk struct {
	d      *json.Decoder
	source *jsonTrimmer
	depth  int
	max    int
}

func walkJSON(r io.Reader, depth int) *jsonWalk {
	source := trimStrings(r)
	source.squeeze = true
	if head, _ := source.in.Peek(3); string(head) == "\xef\xbb\xbf" {
		source.in.Discard(3)
	}
	d := json.NewDecoder(source)
	d.UseNumber()
	return &jsonWalk{d: d, source: source, max: depth}
}

// token is the next token; an end of the file in the middle is a broken report.
func (w *jsonWalk) token() (json.Token, error) {
	tok, err := w.d.Token()
	switch {
	case err == nil:
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, brokenf("line %d: it ends in the middle", w.source.line)
	default:
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, brokenf("line %d: %s", w.source.line, cut(syntax.Error(), maxShown))
		}
		return nil, err
	}
	switch tok {
	case json.Delim('{'), json.Delim('['):
		if w.depth++; w.depth > w.max {
			return nil, brokenf("line %d: values are nested more than %d deep", w.source.line, w.max)
		}
	case json.Delim('}'), json.Delim(']'):
		w.depth--
	}
	return tok, nil
}

// ended says whether nothing but white space is left.
func (w *jsonWalk) ended() (bool, error) {
	if w.d.More() {
		return false, nil
	}
	_, err := w.d.Token()
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err == nil {
		err = brokenf("line %d: there is more after the end", w.source.line)
	}
	return false, err
}

// object reads an object and calls field for each name. A field that isn't read
// by field is to be skipped by it. Anything else than an object is skipped and
// calls nothing.
func (w *jsonWalk) object(field func(name string) error) error {
	tok, err := w.token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return w.rest(tok)
	}
	for w.d.More() {
		name, err := w.token()
		if err != nil {
			return err
		}
		text, _ := name.(string)
		if err := field(text); err != nil {
			return err
		}
	}
	_, err = w.token()
	return err
}

// array reads an array and calls item for each entry, which must read it.
func (w *jsonWalk) array(item func() error) error {
	tok, err := w.token()
	if err != nil {
		return err
	}
	if tok != json.Delim('[') {
		return w.rest(tok)
	}
	for w.d.More() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err = w.token()
	return err
}

// skip reads a value and leaves it.
func (w *jsonWalk) skip() error {
	tok, err := w.token()
	if err != nil {
		return err
	}
	return w.rest(tok)
}

// rest reads what is left of the value that begins with tok.
func (w *jsonWalk) rest(tok json.Token) error {
	if tok != json.Delim('{') && tok != json.Delim('[') {
		return nil
	}
	for base := w.depth - 1; w.depth > base; {
		if _, err := w.token(); err != nil {
			return err
		}
	}
	return nil
}

// text reads a string; any other value is skipped and empty.
func (w *jsonWalk) text() (string, error) {
	tok, err := w.token()
	if err != nil {
		return "", err
	}
	s, _ := tok.(string)
	return s, w.rest(tok)
}

// number reads a number; any other value is skipped and not there.
func (w *jsonWalk) number() (x float64, ok bool, err error) {
	tok, err := w.token()
	if err != nil {
		return 0, false, err
	}
	n, is := tok.(json.Number)
	if !is {
		return 0, false, w.rest(tok)
	}
	x, err = n.Float64()
	return x, err == nil, nil
}

// strings reads what is left of the value that begins with tok and calls each for
// every string in it, with the name of its field, which is empty in an array.
func (w *jsonWalk) strings(tok json.Token, each func(name, text string)) error {
	switch tok {
	case json.Delim('['):
		for w.d.More() {
			if err := w.anyString("", each); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		for w.d.More() {
			name, err := w.token()
			if err != nil {
				return err
			}
			text, _ := name.(string)
			if err := w.anyString(text, each); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err := w.token()
	return err
}

func (w *jsonWalk) anyString(name string, each func(name, text string)) error {
	tok, err := w.token()
	if err != nil {
		return err
	}
	if s, ok := tok.(string); ok {
		each(name, s)
		return nil
	}
	return w.strings(tok, each)
}
