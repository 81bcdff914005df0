package verdict

import (
	"os"
	"strings"
	"testing"
)

// directionsTable is the table of usual names as the page for users shows it.
func directionsTable() string {
	rows := map[string][]string{}
	for _, u := range UsualNames() {
		key := string(u.Direction)
		if u.Unit {
			key += ", where no other word says anything"
		}
		rows[key] = append(rows[key], "`"+u.Words+"`")
	}
	var b strings.Builder
	b.WriteString("| better | words |\n| --- | --- |\n")
	for _, key := range []string{"higher", "lower", "lower, where no other word says anything"} {
		b.WriteString("| " + key + " | " + strings.Join(rows[key], ", ") + " |\n")
	}
	return b.String()
}

func TestPageHasTheTableOfDirections(t *testing.T) {
	page, err := os.ReadFile("../../docs/verdicts.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := directionsTable(); !strings.Contains(string(page), want) {
		t.Errorf("docs/verdicts.md lacks the table as it is now:\n%s", want)
	}
}
