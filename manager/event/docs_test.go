package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// block returns the first block of code in a language from the page.
func block(t *testing.T, page, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "```"+language+"\n")
	code, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatalf("no block of %s", language)
	}
	return code
}

func docsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "events.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestDocsListEveryType(t *testing.T) {
	want := "| type | when | subject | data |\n| --- | --- | --- | --- |\n"
	for _, info := range Types() {
		want += fmt.Sprintf("| `%s` | %s | %s | `%s` |\n", info.Type, info.When, info.Subject, info.Data)
	}
	if !strings.Contains(docsPage(t), want) {
		t.Errorf("docs/events.md should have:\n%s", want)
	}
}

func TestDocsExampleIsAnEvent(t *testing.T) {
	var line bytes.Buffer
	if err := json.Compact(&line, []byte(block(t, docsPage(t), "json"))); err != nil {
		t.Fatal(err)
	}
	e, err := Decode(line.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	data, err := e.Payload()
	if err != nil {
		t.Fatal(err)
	}
	if e.Data, err = json.Marshal(data); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(e); err != nil || string(again) != line.String() {
		t.Errorf("%v\nwe write %s\nit says  %s", err, again, line.String())
	}
}

// The receiver in the docs takes what we sign, and nothing else.
func TestDocsReceiverVerifies(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	script := block(t, docsPage(t), "python") + `
import sys
print(verified(sys.argv[1].encode(), {"X-Evoseal-Timestamp": sys.argv[2], "X-Evoseal-Signature": sys.argv[3]}, sys.stdin.buffer.read()))
`
	body := []byte(`{"specversion":"1.0"}`)
	check := func(secret string, at time.Time, body []byte) string {
		h := http.Header{}
		sign(h, []byte("key"), []byte(`{"specversion":"1.0"}`), at)
		cmd := exec.CommandContext(testContext(t), python, "-c", script, secret, h.Get(TimestampHeader), h.Get(SignatureHeader))
		cmd.Stdin = bytes.NewReader(body)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	now := time.Now()
	got := check("key", now, body) + check("kez", now, body) + check("key", now, []byte("{}")) + check("key", now.Add(-time.Hour), body)
	if got != "TrueFalseFalseFalse" {
		t.Error(got)
	}
}
