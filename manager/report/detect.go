package report

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
)

// headSize is how much of a file Detect is shown, in bytes. Output of other
// programs may stand before a stream of tests.
const headSize = 16 << 10

var (
	goEventStart  = pattern(`^\{"(Time|Action|ImportPath|Package)":"`)
	pytestStart   = pattern(`"(\$report_type|pytest_version|exitcode|collectors|nodeid)"\s*:`)
	benchStart    = pattern(`^(goos|goarch|pkg): |^Benchmark\S*\s+[0-9]+\s`)
	openStart     = pattern(`^# (HELP|TYPE|UNIT|EOF)\b|^[A-Za-z_:][A-Za-z0-9_:]*(\{.*\})?\s+[-+0-9.NnIi]\S*(\s|$)`)
	arrayOfTests  = pattern(`^\[\s*(\{|\]|$)`)
	objectStart   = pattern(`^\{\s*("|\}|$)`)
	csvHeaderLine = pattern(`^[^\s,{}\[\]<>][^{}\[\]<>]*,[^{}\[\]<>]*$`)
)

// Detect finds the format of a report by its beginning and, where that fits
// several, by its name. It knows a format only where the content has the marks of
// it, so that a file of another kind isn't taken for a report.
func Detect(name string, head []byte) (Format, bool) {
	if len(head) >= 2 && (head[0] == 0xfe && head[1] == 0xff || head[0] == 0xff && head[1] == 0xfe) {
		// A mark of UTF-16: of all these formats only XML is written so.
		return JUnit, true
	}
	head = bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	if len(head) == 0 {
		return "", false
	}
	if head[0] == '<' {
		return JUnit, true
	}
	if f, ok := detectLines(name, head); ok {
		return f, true
	}
	switch {
	case pytestStart().Match(head) && head[0] == '{':
		return Pytest, true
	case arrayOfTests().Match(head):
		return TestsJSON, true
	case objectStart().Match(head):
		return MetricsJSON, true
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	if strings.EqualFold(filepath.Ext(name), ".csv") || csvHeaderLine().Match(bytes.TrimRight(first, "\r")) {
		return CSV, true
	}
	return "", false
}

// detectLines finds the formats that have marks of their own at the beginning of
// a line. The first line with a mark decides.
func detectLines(name string, head []byte) (Format, bool) {
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, " \t\r\n")
		switch {
		case len(line) == 0:
			continue
		case goEventStart().Match(line) && json.Valid(line) || bytes.HasPrefix(line, []byte(`{"Time":"`)):
			return GoTest, true
		case line[0] == '{' || line[0] == '[':
			return "", false
		case benchStart().Match(line):
			return GoBench, true
		case isTAPLine(string(line)):
			return TAP, true
		case openStart().Match(line) && !strings.EqualFold(filepath.Ext(name), ".csv"):
			return OpenMetrics, true
		}
	}
	return "", false
}

func isTAPLine(line string) bool {
	switch tapKindOf(line) {
	case tapPlan, tapPoint, tapBail, tapVersion:
		return true
	}
	return false
}
