package policy

import (
	"errors"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// read takes a text apart, once by the part of the syntax on which its readers agree,
// among them git's own older and newer versions, and once as git does. What
// the two don't agree on could be taken for one thing by this engine and for
// another by `git config`, so it is refused.
func read(text []byte) (*document, error) {
	d, err := scan(text)
	if err != nil {
		return nil, err
	}
	decoded, err := gitstore.ParseConfig(text)
	if err != nil {
		return nil, syntaxError(err)
	}
	byName := make(map[string][]string)
	for _, e := range decoded {
		id := identity(e.Section, e.Subsection, e.Key)
		byName[id] = append(byName[id], e.Value)
	}
	var wrong []*ParseError
	for _, e := range d.entries {
		id := e.identity()
		values := byName[id]
		if len(values) == 0 || values[0] != e.value {
			wrong = append(wrong, &ParseError{Line: e.line, Key: e.name(), Reason: "readers of git-config understand this value in more than one way",
				Hint: "write the value on one line, in double quotes, with \\t for a tab"})
		}
		if len(values) > 0 {
			byName[id] = values[1:]
		}
	}
	if len(wrong) == 0 && len(decoded) != len(d.entries) {
		wrong = append(wrong, &ParseError{Reason: "readers of git-config find different keys in this text", Hint: "write one key a line"})
	}
	return d, joined(wrong)
}

func syntaxError(err error) error {
	e := &ParseError{Reason: "this is not git-config syntax: " + err.Error(), Hint: "git-config(1) describes the syntax"}
	var syntax *gitstore.ConfigError
	if errors.As(err, &syntax) {
		e.Line, e.Reason = syntax.Line, "this is not git-config syntax: "+syntax.Reason
	}
	return e
}
