package report

import (
	"strings"
	"testing"
)

func TestReadTAP(t *testing.T) {
	runCases(t, TAP, []readCase{
		{name: "empty", in: "", says: []string{"neither a plan nor a test"}},
		{name: "no TAP", in: "hello\n", says: []string{"neither a plan nor a test"}},
		{name: "plan first", in: "1..2\nok 1 - a\nok 2 b\n", want: "passed  a\npassed  b\n"},
		{name: "plan last", in: "ok 1 - a\nok 2 - b\n1..2\n", want: "passed  a\npassed  b\n"},
		{name: "plan in the middle", in: "ok\n1..2\nok\n", want: "passed  test 1\npassed  test 2\n", says: []string{"line 3: test 2 comes after the plan"}},
		{name: "no plan", in: "ok 1 - a\n", want: "passed  a\n", says: []string{"no plan"}},
		{name: "two plans", in: "1..1\nok\n1..1\n", want: "passed  test 1\n", says: []string{"a second plan"}},
		{name: "too few", in: "1..3\nok\nok\n", want: "passed  test 1\npassed  test 2\n", says: []string{"3 tests were planned and only 2 ran"}},
		{name: "too many", in: "1..1\nok\nok\n", want: "passed  test 1\npassed  test 2\n", says: []string{"test 2 is beyond the plan of 1", "1 tests were planned and 2 ran"}},
		{name: "number twice", in: "1..2\nok 1\nok 1 - b\n", want: "passed  test 1\npassed  b\n", says: []string{"test 1 appears twice"}},
		{name: "out of order", in: "1..2\nok 2 - b\nok 1 - a\n", want: "passed  b\npassed  a\n"},
		{name: "number beyond the plan", in: "1..2\nok 1\nok 7\n", want: "passed  test 1\npassed  test 7\n", says: []string{"test 7 is beyond the plan of 2"}},
		{name: "nothing to run", in: "1..0\n"},
		{name: "all skipped", in: "1..0 # skip no network\n", want: "skipped (all tests) | skipped: no network\n"},
		{name: "plan of none and a test", in: "1..0 # skip x\nok\n", want: "passed  test 1\n", says: []string{"beyond the plan of 0", "0 tests were planned and 1 ran"}},
		{name: "bail out", in: "1..2\nok\nBail out! no disk\n", want: "passed  test 1\n", says: []string{"bailed out: no disk", "only 1 ran"}},
		{name: "bail out of a sub-test", in: "    ok 1 - b\n    bail out!\n", want: "passed  b\n", says: []string{"bailed out", "within sub-tests", "no plan in sub-tests", "neither"}},
		{name: "bail out in a comment", in: "1..1\nok 1 - a\n# Bail out!\n", want: "passed  a\n"},
		{name: "bail out, oddly indented", in: "1..1\nok 1 - a\n  Bail out!\n", want: "passed  a\n", says: []string{"bailed out"}},
		{name: "directives", in: "1..6\nok # SKIP\nnot ok 2 - a # skip: slow\nnot ok 3 - b # TODO later\nok 4 c # todo\nnot ok 5 d # todo-list\nnot ok 6 - e \\# TODO\n",
			want: "skipped test 1 | skip\nskipped a | skip: slow\nskipped b | todo: later\nskipped c | todo\nfailed  d # todo-list\nfailed  e # TODO\n"},
		{name: "hash signs", in: "1..2\nnot ok 1 - issue #12 # TODOs\nnot ok 2 - a#TODO\n", want: "failed  issue #12 # TODOs\nfailed  a#TODO\n"},
		{name: "not quite test points", in: "1..1\nok 1 - a\nokay\nnot okay\nnok\n", want: "passed  a\n"},
		{name: "diagnostics", in: "1..1\nnot ok 1 - a\n  ---\n  message: bad\n  not ok: 3\n  ...\n", want: "failed  a | message: bad⏎not ok: 3\n"},
		{name: "diagnostics without an end", in: "1..2\nok 1\n  ---\n  a: b\nnot ok 2\n", want: "passed  test 1\nfailed  test 2\n", says: []string{"diagnostics have no end"}},
		{name: "cut in diagnostics", in: "1..1\nok 1\n  ---\n  a: b\n", want: "passed  test 1\n", says: []string{"ends within diagnostics"}},
		{name: "dashes that aren't diagnostics", in: "1..2\nok 1\n# x\n  ---\nnot ok 2\n", want: "passed  test 1\nfailed  test 2\n"},
		{name: "sub-tests", in: "1..1\n# Subtest: a\n    1..2\n    ok 1 - b\n    ok 2 - c\nok 1 - a\n", want: "passed  a/b\npassed  a/c\npassed  a\n"},
		{name: "failing sub-test", in: "1..1\n    1..2\n    ok 1 - b\n    not ok 2 - c\nnot ok 1 - a\n", want: "passed  a/b\nfailed  a/c\n"},
		{name: "failing sub-test of a test that passes", in: "1..1\n    1..1\n    not ok 1 - c\nok 1 - a\n", want: "failed  a/c\npassed  a\n"},
		{name: "failing sub-test of one to do", in: "1..1\n    1..1\n    not ok 1 - c\nnot ok 1 - a # TODO\n", want: "skipped a/c\nskipped a | todo\n"},
		{name: "sub-tests without a plan", in: "1..1\n    ok 1 - c\nok 1 - a\n", want: "passed  a/c\npassed  a\n", says: []string{"no plan in sub-tests"}},
		{name: "sub-tests of nothing", in: "1..1\nok 1 - a\n    1..1\n    ok 1 - c\n", want: "passed  a\npassed  c\n", says: []string{"ends within sub-tests", "belong to no test"}},
		{name: "sub-tests in braces", in: "1..2\nok 1 - a # time=3ms {\n    1..1\n    not ok 1 - b\n}\nok 2 - c {\n", want: "passed  a\nfailed  a/b\npassed  c {\n", says: []string{"ends within sub-tests"}},
		{name: "brace on a line of its own", in: "1..1\nnot ok 1 - a\n  ---\n  x: y\n  ...\n{\n    not ok 1 - b\n    1..1\n}\n", want: "failed  a/b\n"},
		{name: "brace of a name", in: "ok 1 - parses {\nok 2 - b\n1..2\n", want: "passed  parses {\npassed  b\n"},
		{name: "braces without an end", in: "1..2\nok 1 - a {\n    1..1\n    ok 1 - b\nok 2 - c\n", want: "passed  a\npassed  a/b\npassed  c\n", says: []string{"braces have no end"}},
		{name: "strict", in: "TAP version 14\npragma +strict\n1..1\nok\nnoise\npragma -strict\nnoise\n", want: "passed  test 1\n", says: []string{`"noise" is no TAP`}},
		{name: "no line end", in: "1..1\nok 1 - a", want: "passed  a\n", says: []string{"middle of a line"}},
		{name: "another report", in: "TAP version 13\n1..1\nok\nTAP version 13\n1..1\nok\n", want: "passed  test 1\npassed  test 2\n",
			says: []string{"another report", "second plan", "beyond", "1 tests were planned and 2 ran"}},
		{name: "carriage returns", in: "1..1\r\nnot ok 1 - a\r\n", want: "failed  a\n"},
		{name: "deep", in: strings.Repeat(" ", 4*200) + "ok\n", says: []string{"nested more than 100 deep"}},
		{name: "absurd numbers", in: "1..99999999999999999999\nok 99999999999999999999\n", want: "passed  99999999999999999999\n", says: []string{"is no plan", "no plan"}},
	})
}
