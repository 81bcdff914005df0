package policy

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/policy.md anew")

func TestReference(t *testing.T) {
	const page = "../../docs/policy.md"
	if *update {
		if err := os.WriteFile(page, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != Reference() {
		t.Error("docs/policy.md isn't what the table of keys says; run: go test ./manager/policy -run TestReference -update")
	}
}

func TestReferenceIsWhole(t *testing.T) {
	page := Reference()
	introductions := sectionIntroductions()
	used := make(map[string]bool)
	for _, k := range Keys() {
		section, _, last := splitName(k.Name)
		used[section] = true
		if introductions[section] == "" {
			t.Errorf("section %s has no introduction", section)
		}
		if !strings.Contains(page, "| `"+last+"` |") {
			t.Errorf("the page lacks %s", k.Name)
		}
		if !strings.HasSuffix(k.Help, ".") || strings.ContainsAny(k.Help+k.More+k.Range, "|\n") {
			t.Errorf("the help of %s isn't a sentence that fits into a table", k.Name)
		}
	}
	for section := range introductions {
		if !used[section] {
			t.Errorf("the introduction of %s is for no section", section)
		}
	}
}

// TestReferenceExample takes the page's own example as a policy.
func TestReferenceExample(t *testing.T) {
	_, rest, _ := strings.Cut(Reference(), "```ini\n")
	text, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if p.Threshold != 0.08 || len(p.Triggers) != 3 || len(p.Sinks) != 1 || len(p.Warnings) != 0 {
		t.Errorf("got %+v", p)
	}
}
