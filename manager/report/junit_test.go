package report

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

// readCase is a report as text and what is to be read of it, as described gives
// it. Problems are matched by a part of them.
type readCase struct {
	name string
	in   string
	want string
	says []string
}

func runCases(t *testing.T, f Format, cases []readCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tests, said, err := ReadTests(strings.NewReader(c.in), f, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := described(tests, nil); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			if len(said) != len(c.says) {
				t.Fatalf("problems %q, want %q", said, c.says)
			}
			for i, want := range c.says {
				if !strings.Contains(said[i], want) {
					t.Errorf("problem %q, want %q", said[i], want)
				}
			}
		})
	}
}

func utf16Text(order binary.AppendByteOrder, s string) string {
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

func TestReadJUnit(t *testing.T) {
	one := `<testsuite name="s"><testcase classname="c" name="ä𝄞"/></testsuite>`
	runCases(t, JUnit, []readCase{
		{name: "byte order mark", in: "\xef\xbb\xbf" + one, want: "passed  s/c.ä𝄞\n"},
		{name: "UTF-16, little end first", in: utf16Text(binary.LittleEndian, `<?xml version="1.0" encoding="UTF-16"?>`+one), want: "passed  s/c.ä𝄞\n"},
		{name: "UTF-16, big end first", in: utf16Text(binary.BigEndian, one), want: "passed  s/c.ä𝄞\n"},
		{name: "UTF-16 cut within a character", in: utf16Text(binary.BigEndian, one)[:20], says: []string{"ends in the middle"}},
		{name: "ISO-8859-1", in: `<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="` + "\xfc" + `"/></testsuite>`, want: "passed  ü\n"},
		{name: "another encoding", in: `<?xml version="1.0" encoding="Shift_JIS"?><testsuite/>`, says: []string{`encoding "shift_jis" isn't read`}},
		{name: "bytes that aren't UTF-8", in: "<testsuite>\n<testcase name=\"\xfc\"/></testsuite>", says: []string{"line 2: invalid UTF-8"}},
		{name: "empty", in: "", says: []string{"holds no XML"}},
		{name: "no test", in: "<testsuites/>"},
		{name: "another root", in: "<html/>", says: []string{"no JUnit report but begins with <html>"}},
		{name: "entity bomb", in: `<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>`, says: []string{"declares a document type"}},
		{name: "unknown entity", in: "<testsuite>&b;</testsuite>", says: []string{"invalid character entity"}},
		{name: "text behind", in: "<testsuite><testcase name='a'/></testsuite>x", want: "passed  a\n", says: []string{"text outside"}},
		{name: "report behind", in: "<testsuite><testcase name='a'/></testsuite>\n<testsuite/>", want: "passed  a\n", says: []string{"line 2: another report"}},
		{name: "case in a case", in: "<testsuite><testcase name='a'><testcase name='b'/></testcase></testsuite>", says: []string{"inside another"}},
		{name: "wrapped cases", in: "<testsuite><cases><testcase name='a'><failure/></testcase></cases></testsuite>", want: "failed  a\n"},
		{name: "cut in a failure", in: "<testsuite><testcase name='a'><failure>bo", want: "failed  a\n", says: []string{"ends in the middle"}},
		{name: "suite counts more failures", in: "<testsuites failures='1'>\n<testsuite name='s' errors='1' failures='1'>\n<testcase name='a'><failure/></testcase></testsuite></testsuites>",
			want: "failed  s/a\n", says: []string{`line 3: suite "s" counts 2 failures and errors, its test cases show 1`}},
		{name: "suite counts more tests", in: "<testsuite name='s' tests='3' skipped='1'><testcase name='a'/></testsuite>",
			want: "passed  s/a\n", says: []string{`counts 3 tests, of which 1 skipped, and lists 1`}},
		{name: "suite leaves out what was skipped", in: "<testsuite name='s' tests='2' skipped='1'><testcase name='a'/></testsuite>", want: "passed  s/a\n"},
		{name: "root counts more", in: "<testsuites errors='1'><testsuite><testcase name='a'/></testsuite></testsuites>",
			want: "passed  a\n", says: []string{"counts 1 failures and errors"}},
		{name: "no number", in: "<testsuite failures='many'><testcase name='a'/></testsuite>", want: "passed  a\n", says: []string{`failures="many" is no number`}},
		{name: "error of a suite", in: "<testsuites><testsuite name='s'><error message='no set-up'/><testcase name='a'/></testsuite></testsuites>",
			want: "error   s | no set-up\npassed  s/a\n"},
		{name: "error of all", in: "<testsuites><error>boom</error></testsuites>", want: "error   (no name) | boom\n"},
		{name: "test in an error", in: "<testsuite name='s'><error><testcase name='a'/></error></testsuite>", want: "passed  s/a\nerror   s\n"},
		{name: "failure in a wrapping", in: "<testsuite><testcase name='a'><results><failure>x</failure></results></testcase></testsuite>", want: "failed  a | x\n"},
		{name: "failure of another run", in: "<testsuite><testcase name='a'><flakyFailure><failure/></flakyFailure></testcase></testsuite>", want: "passed  a (retries: 1)\n"},
		{name: "failure and error", in: "<testsuite><testcase name='a'><failure>x</failure><error>y</error></testcase></testsuite>", want: "error   a | y\n"},
		{name: "failure and skipped", in: "<testsuite><testcase name='a'><skipped/><failure>x</failure></testcase></testsuite>", want: "failed  a | x\n"},
		{name: "status without an element", in: "<testsuite><testcase name='a' status='failed'/><testcase name='b' status='notrun'/></testsuite>", want: "failed  a\nskipped b\n"},
		{name: "same name", in: "<testsuite><testcase name='a'/><testcase name='a'><failure/></testcase><testcase name='a#2'/></testsuite>",
			want: "passed  a\nfailed  a#2\npassed  a#2#2\n"},
		{name: "no name", in: "<testsuite><testcase/></testsuite>", want: "passed  (no name)\n"},
		{name: "suites in suites", in: "<testsuites name='all'><testsuite name='a'><testsuite name='b'><testcase classname='c' name='d'/></testsuite></testsuite></testsuites>", want: "passed  a/b/c.d\n"},
		{name: "name space", in: "<x:testsuite xmlns:x='y'><x:testcase name='a'><x:failure/></x:testcase></x:testsuite>", want: "failed  a\n"},
		{name: "failure in output", in: "<testsuite><testcase name='a'><system-out>&lt;failure/></system-out></testcase></testsuite>", want: "passed  a\n"},
		{name: "long texts", in: "<testsuite><!--" + strings.Repeat("a", 200<<10) + "--><testcase name='a'><system-out>" + strings.Repeat("&amp;]]ä", 50<<10) +
			"</system-out><failure message='" + strings.Repeat("é", 90<<10) + "'><![CDATA[" + strings.Repeat("]]x", 60<<10) + "]]></failure></testcase></testsuite>",
			want: "failed  a | " + strings.Repeat("é", 48) + "…\n"},
	})
}

func TestJUnitDepthAndTags(t *testing.T) {
	runCases(t, JUnit, []readCase{
		{name: "deep", in: strings.Repeat("<testsuite>", 1<<17), says: []string{"nested more than 100 deep"}},
		{name: "long name of an element", in: "<testsuite><" + strings.Repeat("a", 2<<20), says: []string{"a tag has more than"}},
		{name: "many attributes", in: "<testsuite " + strings.Repeat("a='1' ", 300<<10) + "/>", says: []string{"a tag has more than"}},
		{name: "long instruction", in: "<testsuite><?" + strings.Repeat("a", 200<<10), says: []string{"markup has more than"}},
		{name: "long reference", in: "<testsuite>&" + strings.Repeat("a", 1<<20), says: []string{"bytes in a row"}},
	})
}

// TestLinesOfLongTexts makes sure that lines which were dropped still count.
func TestLinesOfLongTexts(t *testing.T) {
	in := "<testsuite><system-out>" + strings.Repeat("a line\n", 100_000) + "</system-out>\n<testcase></testsuite>"
	_, said, err := ReadTests(strings.NewReader(in), JUnit, Limits{})
	if err != nil || len(said) != 1 || !strings.HasPrefix(said[0], "line 100002: ") {
		t.Errorf("got %q, %v", said, err)
	}
}
