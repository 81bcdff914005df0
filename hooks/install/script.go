package install

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"text/template"
)

// KeptSuffix is what the name of a foreign hook that was kept aside ends in. No
// hook of Git's has such a name.
const KeptSuffix = ".evoseal-kept"

//go:embed script.sh.tmpl
var scriptText string

// mark begins the line that tells our scripts from others. The number is that of
// the form of the line, not of what the script does.
const mark = "# evoseal-hook 1 "

var markLine = pattern(`(?m)^` + mark + `([0-9a-f]{64})$\n?`)

// render makes the script for a hook. program is the absolute path to fall back
// on when PATH doesn't have ours; it may be empty.
func render(h Hook, program string) ([]byte, error) {
	t, err := template.New("hook").Funcs(template.FuncMap{"quote": shellQuote}).Parse(scriptText)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]any{
		"Name": h.Name, "Kept": h.Name + KeptSuffix, "Program": program,
		"Stdin": h.Stdin, "Stops": h.Stops, "Refuses": h.refuses, "Server": h.Server,
	})
	if err != nil {
		return nil, err
	}
	script := text.Bytes()
	at := bytes.Index(script, []byte("\nevoseal_program=")) + 1
	line := mark + checksum(script) + "\n"
	return bytes.Join([][]byte{script[:at], script[at:]}, []byte(line)), nil
}

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
