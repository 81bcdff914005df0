package install

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
)

// KeptSuffix is what the name of a foreign hook that was kept aside ends in. No
// hook of Git's has such a name.
const KeptSuffix = ".evoseal-kept"

//go:embed script.sh.in
var scriptText string

// mark begins the line that tells our scripts from others. The number is that of
// the form of the line, not of what the script does.
const mark = "# evoseal-hook 1 "

var markLine = pattern(`(?m)^` + mark + `([0-9a-f]{64})$\n?`)

// render makes the script for a hook. program is the absolute path to fall back
// on when PATH doesn't have ours; it may be empty.
func render(h Hook, program string) []byte {
	script := []byte(scriptParts(h, program).Replace(scriptText))
	at := bytes.Index(script, []byte("\nevoseal_program=")) + 1
	line := mark + checksum(script) + "\n"
	return bytes.Join([][]byte{script[:at], script[at:]}, []byte(line))
}

// scriptParts are what stands in the places of @WORDS@. text/template would do it
// too, but a program that has it keeps every method of every type, since a template
// might name it: a fifth more to load at each start.
func scriptParts(h Hook, program string) *strings.Replacer {
	missing, keptFirst, thenOurs, feed := missingWarns, keptPlain, oursAfterAll, ""
	if h.refuses {
		missing = missingRefuses
	}
	if h.Stdin {
		keptFirst, feed = keptWithInput, `printf %s "$evoseal_input" 2>/dev/null | `
	}
	if h.Stops {
		thenOurs = oursIfPassed
	}
	where := ""
	if h.Server {
		where = "on the server, "
	}
	words := []string{"@NAME@", h.Name, "@KEPT@", h.Name + KeptSuffix, "@PROGRAM@", shellQuote(program), "@FEED@", feed, "@WHERE@", where}
	inside := strings.NewReplacer(words...)
	return strings.NewReplacer(append(words,
		"@MISSING@", inside.Replace(missing), "@KEPTFIRST@", inside.Replace(keptFirst), "@THENOURS@", inside.Replace(thenOurs))...)
}

const (
	missingRefuses = `	elif [ "${EVOSEAL_SKIP:-0}" = 0 ]; then
		echo "@NAME@: git-evoseal-rollback is neither in PATH nor where it was, so this push can't be checked and is refused" >&2
		echo "hint: @WHERE@install it again, remove the hook ($0), or let this once pass with EVOSEAL_SKIP=1" >&2
		return 1`
	missingWarns = `	elif [ "${EVOSEAL_SKIP:-0}" = 0 ]; then
		echo "warning: @NAME@: git-evoseal-rollback is neither in PATH nor where it was, so nothing was recorded" >&2`

	keptPlain     = `EVOSEAL_CHAINING=@NAME@ "$evoseal_kept" "$@"`
	keptWithInput = `
# The dot keeps the line ends that $(...) takes away.
evoseal_input=$(
	PATH=$PATH:/usr/bin:/bin
	cat
	echo .
)
evoseal_input=${evoseal_input%.}
@FEED@EVOSEAL_CHAINING=@NAME@ "$evoseal_kept" "$@"`

	oursIfPassed = `[ "$evoseal_code" -eq 0 ] || exit "$evoseal_code"
@FEED@ours "$@"`
	oursAfterAll = `@FEED@ours "$@"
evoseal_ours=$?
[ "$evoseal_code" -ne 0 ] || evoseal_code=$evoseal_ours
exit "$evoseal_code"`
)

// authorship says whether a file is a script of ours, and as we made it.
func authorship(data []byte) (ours, intact bool) {
	found := markLine().FindSubmatchIndex(data)
	if found == nil {
		// A line that was cut or changed is still ours, and altered.
		return bytes.Contains(data, []byte("\n"+mark)), false
	}
	rest := bytes.Join([][]byte{data[:found[0]], data[found[1]:]}, nil)
	return true, string(data[found[2]:found[3]]) == checksum(rest)
}

func checksum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// readsName finds the ways in which scripts ask for the name they were started
// under; a hook that was copied or linked under many names does so to tell which
// hook it is.
var readsName = pattern(`basename\s+(?:--\s+)?["']?\$\{?0|\$\{0##|` +
	`basename\(\s*(?:sys\.argv\[0\]|__file__|\$0|\$PROGRAM_NAME)|Path\(\s*(?:sys\.argv\[0\]|__file__)\s*\)\.(?:name|stem)`)

// runLine is the command that the lines for hook managers run.
func runLine(h Hook) string {
	return fmt.Sprintf(`git evoseal-rollback hooks run %s "$@"`, h.Name)
}

func runMark(h Hook) string { return "evoseal-rollback hooks run " + h.Name }
