package report

import (
	"strconv"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// tapKind is what a line is by itself.
type tapKind int

const (
	tapOther tapKind = iota
	tapComment
	tapPlan
	tapPoint
	tapBail
	tapPragma
	tapVersion
	tapYAML
	tapOpen
	tapClose
)

var (
	tapPlanLine    = pattern(`^1\.\.[0-9]+\s*(#.*)?$`)
	tapPointLine   = pattern(`^(not\s+)?ok(\s|-|$)`)
	tapBailLine    = pattern(`^(?i:bail out!)`)
	tapPragmaLine  = pattern(`^pragma\s+[+-]`)
	tapVersionLine = pattern(`^TAP version [0-9]+$`)
	// tapTime is how some runners say what a test took, at the end of its name.
	tapTime = pattern(`\s*#\s*time=([0-9.]+)(ms|s)\s*$`)
)

func tapKindOf(text string) tapKind {
	switch {
	case text[0] == '#':
		return tapComment
	case tapPointLine().MatchString(text):
		return tapPoint
	case tapPlanLine().MatchString(text):
		return tapPlan
	case tapBailLine().MatchString(text):
		return tapBail
	case tapPragmaLine().MatchString(text):
		return tapPragma
	case tapVersionLine().MatchString(text):
		return tapVersion
	case text == "---":
		return tapYAML
	case text == "{":
		return tapOpen
	case text == "}":
		return tapClose
	}
	return tapOther
}

// tapNumber takes a test's number from the front of text, 0 where there is none.
func tapNumber(text string) (int, string) {
	word, rest, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(word)
	if err != nil || n <= 0 || word[0] == '+' || word[0] == '-' {
		return 0, text
	}
	return n, strings.TrimSpace(rest)
}

// newTAPResult reads what follows the number: a name and a directive.
func newTAPResult(text string, failed bool) *tapResult {
	r := &tapResult{status: verdict.Passed}
	if failed {
		r.status = verdict.Failed
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "-"))
	name, word, reason := tapSplit(text)
	if word != "" {
		r.status, r.excused = verdict.Skipped, true
		r.message = []byte(cut(strings.TrimSuffix(strings.ToLower(word)+": "+reason, ": "), maxMessage))
	}
	r.name = bounded(name)
	r.trimTime()
	return r
}

// trimTime takes the time out of the name, which would differ at every run.
func (r *tapResult) trimTime() {
	m := tapTime().FindStringSubmatchIndex(r.name)
	if m == nil {
		return
	}
	x, err := strconv.ParseFloat(r.name[m[2]:m[3]], 64)
	if err != nil {
		return
	}
	if r.name[m[4]:m[5]] == "ms" {
		x /= 1000
	}
	r.took = seconds(x)
	r.name = r.name[:m[0]]
}

// tapSplit splits the name from the directive SKIP or TODO. The hash sign of a
// directive stands after a space and isn't escaped; others belong to the name.
func tapSplit(text string) (name, word, reason string) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '#' || text[i+1] == '\\'):
			i++
			c = text[i]
		case c == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t'):
			if word, reason = tapDirective(text[i+1:]); word != "" {
				return strings.TrimSpace(out.String()), word, reason
			}
		}
		out.WriteByte(c)
	}
	return strings.TrimSpace(out.String()), "", ""
}

// tapDirective reads a directive after its hash sign. It has to be a word of its
// own: "# todo-list" in the name of a failing test excuses nothing.
func tapDirective(text string) (word, reason string) {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ':' || r == ',' })
	if end < 0 {
		end = len(text)
	}
	reason = strings.TrimSpace(strings.TrimLeft(text[end:], ":, \t"))
	switch strings.ToUpper(text[:end]) {
	case "SKIP", "SKIPPED":
		return "SKIP", reason
	case "TODO":
		return "TODO", reason
	}
	return "", ""
}
