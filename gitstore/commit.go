package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
)

// ID is the name of a Git object.
type ID = odb.ID

// ParseID reads an object's name in hexadecimal.
func ParseID(s string) (ID, error) { return odb.ParseID(s) }

// commitData is what we write into a commit, and read of one. Author and
// committer are the same.
type commitData struct {
	Tree    ID
	Parents []ID
	Who     Identity
	When    time.Time
	Message string
}

var errMessage = errors.New("a message can't hold a NUL byte")

func encodeCommit(c commitData) ([]byte, error) {
	if strings.ContainsRune(c.Message, 0) {
		return nil, errMessage
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", c.Tree)
	for _, p := range c.Parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	who := signature(c.Who, c.When)
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", who, who, c.Message)
	return b.Bytes(), nil
}

func signature(who Identity, when time.Time) string {
	return fmt.Sprintf("%s <%s> %d +0000", who.Name, who.Email, when.Unix())
}

func encodeTag(object ID, name string, who Identity, when time.Time, message string) []byte {
	return fmt.Appendf(nil, "object %s\ntype commit\ntag %s\ntagger %s\n\n%s", object, name, signature(who, when), message)
}

// headers splits an object into its headers and message. Continuation lines,
// such as those of a signature, are skipped.
func headers(data []byte) (fields [][2]string, message string) {
	rest := string(data)
	for {
		line, tail, ok := strings.Cut(rest, "\n")
		if line == "" {
			return fields, tail
		}
		if !strings.HasPrefix(line, " ") {
			key, value, _ := strings.Cut(line, " ")
			fields = append(fields, [2]string{key, value})
		}
		if !ok {
			return fields, ""
		}
		rest = tail
	}
}

const errCommit malformed = "malformed commit"

func decodeCommit(data []byte) (commitData, error) {
	var c commitData
	fields, message := headers(data)
	c.Message = message
	for _, f := range fields {
		var err error
		switch f[0] {
		case "tree":
			c.Tree, err = ParseID(f[1])
		case "parent":
			var p ID
			p, err = ParseID(f[1])
			c.Parents = append(c.Parents, p)
		case "committer":
			c.Who, c.When, err = parseSignature(f[1])
		}
		if err != nil {
			return commitData{}, fmt.Errorf("%w: %w", errCommit, err)
		}
	}
	if c.Tree.IsZero() {
		return commitData{}, errCommit
	}
	return c, nil
}

func parseSignature(s string) (Identity, time.Time, error) {
	open, end := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		return Identity{}, time.Time{}, fmt.Errorf("no address in %q", s)
	}
	who := Identity{Name: strings.TrimSpace(s[:open]), Email: s[open+1 : end]}
	date := strings.Fields(s[end+1:])
	if len(date) == 0 {
		return Identity{}, time.Time{}, fmt.Errorf("no date in %q", s)
	}
	sec, err := strconv.ParseInt(date[0], 10, 64)
	if err != nil {
		return Identity{}, time.Time{}, fmt.Errorf("%q is no date", date[0])
	}
	return who, time.Unix(sec, 0).UTC(), nil
}

const errTag malformed = "malformed tag"

// readCommit reads a commit of the store, through any tags on it.
func (s *Store) readCommit(id ID) (ID, commitData, error) { return readCommit(s.db, id) }

func readCommit(db *odb.DB, id ID) (ID, commitData, error) {
	// git nests tags without a bound; nobody does so for good.
	for range 10 {
		typ, data, err := db.Read(id)
		if err != nil {
			return ID{}, commitData{}, err
		}
		switch typ {
		case odb.Commit:
			c, err := decodeCommit(data)
			if err != nil {
				err = fmt.Errorf("object %s: %w", id, err)
			}
			return id, c, err
		case odb.Tag:
			fields, _ := headers(data)
			if len(fields) == 0 || fields[0][0] != "object" {
				return ID{}, commitData{}, fmt.Errorf("object %s: %w", id, errTag)
			}
			next, err := ParseID(fields[0][1])
			if err != nil {
				return ID{}, commitData{}, fmt.Errorf("object %s: %w: %w", id, errTag, err)
			}
			id = next
		default:
			return ID{}, commitData{}, &odb.TypeError{ID: id, Got: typ, Want: odb.Commit}
		}
	}
	return ID{}, commitData{}, malformed("tags are nested too deep")
}

// trailer is one line of the last paragraph of a message, as
// git-interpret-trailers(1) knows it.
type trailer struct{ key, value string }

// Keys of the trailers.
const (
	trailerVersion      = "Version-Id"
	trailerSourceCommit = "Source-Commit"
	trailerSourceBranch = "Source-Branch"
	trailerSourceDirty  = "Source-Dirty"
	trailerTool         = "Tool-Version"
	trailerReason       = "Reason"
	trailerFiles        = "Files"
	trailerBytes        = "Bytes"
	trailerPartial      = "Partial"
	trailerMeta         = "Meta"
)

// withTrailers appends the trailers that have a value as the last paragraph.
func withTrailers(message string, trailers []trailer) string {
	var b strings.Builder
	for _, t := range trailers {
		if t.value != "" {
			fmt.Fprintf(&b, "%s: %s\n", t.key, strings.Join(strings.Fields(t.value), " "))
		}
	}
	message = strings.TrimSpace(message) + "\n"
	if b.Len() == 0 {
		return message
	}
	return message + "\n" + b.String()
}

// splitTrailers takes the last paragraph off, if it is one of trailers.
func splitTrailers(message string) (string, map[string]string) {
	message = strings.TrimRight(message, "\n")
	at := strings.LastIndex(message, "\n\n")
	if at < 0 {
		return message, nil
	}
	found := make(map[string]string)
	for line := range strings.Lines(message[at+2:]) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		if !ok || strings.ContainsAny(key, " \t") {
			return message, nil
		}
		found[key] = value
	}
	return message[:at], found
}
