package report

import (
	"bufio"
	"bytes"
	"strings"
)

// The XML decoder holds a whole text, attribute or comment in memory, and runners
// write all that a test printed as one text. So xmlTrimmer stands before it and
// drops what of a text goes beyond maxText.
const (
	maxText = 64 << 10
	// maxTag bounds a tag, after its attributes were cut.
	maxTag = 1 << 20
)

// xmlState is where in XML a byte stands, as far as it matters for cutting.
type xmlState int

const (
	inText xmlState = iota
	// afterLess and afterBang tell the kinds of markup apart.
	afterLess
	afterBang
	inTag
	inValue
	inComment
	inCDATA
	// inOther is an instruction or a directive.
	inOther
)

// xmlTrimmer passes XML on byte by byte and cuts long texts. It doesn't check
// anything: that is the decoder's task.
type xmlTrimmer struct {
	in    *bufio.Reader
	state xmlState
	// line counts lines as the file has them, dropped ones too.
	line int
	// run counts the bytes of the present text or markup, tag those of a whole
	// tag.
	run, tag int
	quote    byte
	markup   []byte
	// entity says that a reference such as &amp; has begun, ends counts the bytes
	// in a row that may close a comment or CDATA.
	entity   bool
	ends     int
	dropping bool
	// pending is passed on before anything else is read.
	pending string
}

// ReadByte is what the decoder reads by.
func (t *xmlTrimmer) ReadByte() (byte, error) {
	for {
		if t.pending != "" {
			c := t.pending[0]
			t.pending = t.pending[1:]
			return c, nil
		}
		if t.dropping {
			t.skim()
		}
		c, err := t.in.ReadByte()
		if err != nil {
			return 0, err
		}
		if c == '\n' {
			t.line++
		}
		pass, err := t.step(c)
		if err != nil {
			return 0, err
		}
		if pass {
			return c, nil
		}
	}
}

// Read is there because the decoder wants a reader; it only ever asks for bytes.
func (t *xmlTrimmer) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := t.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// skim drops what is buffered up to the next byte that may end the text.
func (t *xmlTrimmer) skim() {
	end := byte('<')
	switch t.state {
	case inValue:
		end = t.quote
	case inCDATA:
		end = ']'
	case inComment:
		end = '-'
	}
	if t.ends > 0 {
		return
	}
	buf, _ := t.in.Peek(t.in.Buffered())
	if i := bytes.IndexByte(buf, end); i >= 0 {
		buf = buf[:i]
	}
	t.line += bytes.Count(buf, []byte("\n"))
	t.in.Discard(len(buf))
}

// step takes one byte and says whether to pass it on.
func (t *xmlTrimmer) step(c byte) (bool, error) {
	switch t.state {
	case inText:
		if c != '<' {
			return t.text(c, false)
		}
		t.enter(afterLess)
	case afterLess:
		t.less(c)
	case afterBang:
		t.bang(c)
	case inTag, inValue:
		return t.inside(c)
	case inComment, inCDATA:
		return t.enclosed(c)
	case inOther:
		if t.run++; t.run > maxText {
			return false, brokenf("line %d: markup has more than %d bytes", t.line, maxText)
		}
		if c == '>' {
			t.enter(inText)
		}
	}
	return true, nil
}

// inside takes a byte of a tag or of an attribute's value.
func (t *xmlTrimmer) inside(c byte) (bool, error) {
	if !t.dropping {
		t.tag++
	}
	switch {
	case t.tag > maxTag:
		return false, brokenf("line %d: a tag has more than %d bytes", t.line, maxTag)
	case t.state == inValue && c != t.quote:
		return t.text(c, false)
	case t.state == inValue:
		t.enter(inTag)
	case c == '>':
		t.enter(inText)
	case c == '"', c == '\'':
		t.quote = c
		t.enter(inValue)
	}
	return true, nil
}

// less takes the byte after the sign that begins markup.
func (t *xmlTrimmer) less(c byte) {
	switch c {
	case '!':
		t.enter(afterBang)
	case '?':
		t.enter(inOther)
	default:
		t.tag = 0
		t.enter(inTag)
	}
}

func (t *xmlTrimmer) enter(s xmlState) {
	t.state, t.run, t.entity, t.dropping, t.ends, t.markup = s, 0, false, false, 0, t.markup[:0]
}

// bang tells comments, CDATA and directives apart.
func (t *xmlTrimmer) bang(c byte) {
	t.markup = append(t.markup, c)
	switch got := string(t.markup); {
	case got == "--":
		t.enter(inComment)
	case got == "[CDATA[":
		t.enter(inCDATA)
	case c == '>':
		t.enter(inText)
	case !strings.HasPrefix("--", got) && !strings.HasPrefix("[CDATA[", got):
		t.enter(inOther)
	}
}

// text takes a byte of a text that is to be cut. The cut is where a reader of
// UTF-8 finds neither half a character nor half a reference.
func (t *xmlTrimmer) text(c byte, unsafe bool) (bool, error) {
	if t.dropping {
		return false, nil
	}
	t.run++
	if t.run > maxText && !t.entity && !unsafe && (c < 0x80 || c >= 0xc0) {
		t.dropping = true
		return false, nil
	}
	if t.run > 2*maxText {
		return false, brokenf("line %d: no text, but %d bytes in a row", t.line, t.run)
	}
	switch {
	case t.state == inCDATA || t.state == inComment:
	case c == '&':
		t.entity = true
	case c == ';':
		t.entity = false
	}
	return true, nil
}

// enclosed takes a byte of a comment or of CDATA, which three bytes end.
func (t *xmlTrimmer) enclosed(c byte) (bool, error) {
	closing, end := byte('-'), "-->"
	if t.state == inCDATA {
		closing, end = ']', "]]>"
	}
	dropped := t.dropping
	// A comment mustn't have two dashes but at its end, which is put back after
	// the cut; before that of CDATA any bracket may stand.
	after := t.ends > 0 && t.state == inComment
	switch {
	case c == closing:
		t.ends++
		return t.text(c, after || t.state == inComment)
	case c == '>' && t.ends >= 2:
		t.enter(inText)
		if dropped {
			t.pending = end
			return false, nil
		}
		return true, nil
	}
	t.ends = 0
	return t.text(c, after)
}
