package manager_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
)

// mappingTable is the rows of a section of docs/evoseal.md.
func mappingTable(t *testing.T, section string) [][]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "evoseal.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "\n## "+section+"\n")
	if !found {
		t.Fatalf("no section %s", section)
	}
	body, _, _ := strings.Cut(rest, "\n## ")
	var rows [][]string
	for line := range strings.Lines(body) {
		if cells := strings.Split(strings.Trim(line, "| \n"), " | "); strings.HasPrefix(line, "| ") && len(cells) > 1 {
			rows = append(rows, cells)
		}
	}
	if len(rows) < 4 {
		t.Fatalf("section %s has %d rows", section, len(rows))
	}
	return rows[2:]
}

// The page that people come by from EVOSEAL names what is there.
func TestEVOSEALPageNamesWhatIsThere(t *testing.T) {
	quoted := regexp.MustCompile("`([A-Z][A-Za-z]+)`")
	manages := reflect.TypeFor[*manager.Manager]()
	fields := []reflect.Type{reflect.TypeFor[manager.RollbackRequest](), reflect.TypeFor[manager.HistoryFilter](), reflect.TypeFor[manager.Options]()}
	for _, row := range mappingTable(t, "Methods") {
		for _, m := range quoted.FindAllStringSubmatch(row[1], -1) {
			_, found := manages.MethodByName(m[1])
			for _, s := range fields {
				_, is := s.FieldByName(m[1])
				found = found || is
			}
			if types := []string{"HistoryFilter", "CustomTrigger", "Options"}; !found && !strings.Contains(strings.Join(types, " "), m[1]) {
				t.Errorf("%s: there is no %s", row[0], m[1])
			}
		}
	}
	for _, row := range mappingTable(t, "Policy") {
		if _, _, err := policy.Find(strings.Trim(row[1], "`")); err != nil {
			t.Errorf("%s: %v", row[0], err)
		}
	}
	known := map[event.Type]bool{}
	for _, info := range event.Types() {
		known[info.Type] = true
	}
	for _, row := range mappingTable(t, "Events") {
		if typ := event.Type(strings.Trim(row[1], "`")); !known[typ] {
			t.Errorf("%s: there is no type %s", row[0], typ)
		}
	}
}
