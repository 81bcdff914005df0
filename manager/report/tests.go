package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// maxMessage bounds the message of one test, in bytes: reports are kept as
// evidence, and a hundred thousand tests may have one.
const maxMessage = 1000

// ReadTests reads one report of test results. It returns the tests in the order
// of the report, the problems that keep the report from being trusted, and an
// error only for a format that holds no tests. A report without a single test is
// no problem here, but see [Read]. It reads r no further than it has to and
// doesn't close it.
func ReadTests(r io.Reader, f Format, l Limits) ([]verdict.Test, []string, error) {
	if !f.HoldsTests() {
		return nil, nil, unknownFormat(f, "tests")
	}
	l = l.withDefaults()
	c := &collector{limit: l.Tests, depth: l.Depth, seen: map[string]int{}}
	in := limit(r, l.Bytes)
	var err error
	switch f {
	case JUnit:
		err = readJUnit(in, c)
	case GoTest:
		err = readGoTest(in, c)
	case TAP:
		err = readTAP(in, c)
	case Pytest:
		err = readPytest(in, c)
	case TestsJSON:
		err = readTestsJSON(r, l.JSON, c)
	}
	if err != nil {
		c.problems.add("%v", err)
	}
	return c.tests, c.problems.list(), nil
}

func readTestsJSON(r io.Reader, limit int64, c *collector) error {
	tests, err := verdict.ParseTests(r, limit)
	if err != nil {
		return err
	}
	for _, t := range tests {
		if err := c.add(t); err != nil {
			return err
		}
	}
	return nil
}

// collector takes the tests of one report: it bounds them and keeps their names
// apart.
type collector struct {
	tests    []verdict.Test
	problems problems
	limit    int
	depth    int
	// seen counts the tests by the name that their report gives them.
	seen map[string]int
	// held counts tests that a reader keeps until it knows more of them.
	held int
}

// add takes a test and gives it a name of its own.
func (c *collector) add(t verdict.Test) error {
	if len(c.tests)+c.held >= c.limit {
		return c.tooMany()
	}
	c.tests = append(c.tests, finished(t, c.seen))
	return nil
}

// hold makes room for a test that add will take later.
func (c *collector) hold() error {
	if len(c.tests)+c.held >= c.limit {
		return c.tooMany()
	}
	c.held++
	return nil
}

// addHeld takes a test that hold made room for.
func (c *collector) addHeld(t verdict.Test) {
	c.held--
	c.tests = append(c.tests, finished(t, c.seen))
}

func (c *collector) tooMany() error {
	return brokenf("it has more than %d tests; what follows wasn't read", c.limit)
}

// finished bounds name and message, and makes the name differ from all in seen.
func finished(t verdict.Test, seen map[string]int) verdict.Test {
	t.Name = bounded(strings.TrimSpace(t.Name))
	if t.Name == "" {
		t.Name = "(no name)"
	}
	t.Name = distinct(t.Name, seen)
	t.Message = cut(strings.TrimSpace(t.Message), maxMessage)
	t.Took = max(t.Took, 0)
	return t
}

// distinct returns name, or name with a number where seen has it.
func distinct(name string, seen map[string]int) string {
	seen[name]++
	n := seen[name]
	if n == 1 {
		return name
	}
	for {
		other := bounded(fmt.Sprintf("%s#%d", name, n))
		if seen[other] == 0 {
			seen[other]++
			seen[name] = n
			return other
		}
		n++
	}
}

// bounded shortens a name to what a verdict takes. The checksum keeps names apart
// that differ only in what is lost.
func bounded(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) <= verdict.MaxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	end := "…" + hex.EncodeToString(sum[:8])
	n := verdict.MaxName - len(end)
	for !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n] + end
}

// seconds is a duration that a report gives as a number.
func seconds(x float64) time.Duration {
	d := x * float64(time.Second)
	if math.IsNaN(d) || d < 0 || d > math.MaxInt64/2 {
		return 0
	}
	return time.Duration(d)
}
