package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/evoseal/git-evoseal-rollback/"

// layers are the packages in the order in which they may import: each only
// those with a smaller number. gitstore and safety share one, and so never
// import each other.
var layers = map[string]int{"safety": 1, "gitstore": 1, "manager": 2, "hooks": 3, "cmd": 4}

func layer(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, module)
	top, _, _ := strings.Cut(rest, "/")
	return top, ok
}

// TestImportsRunOneWay holds the order of the packages, and what only some of
// them may use.
func TestImportsRunOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from, _ := layer(pkg.ImportPath)
		if layers[from] == 0 {
			t.Errorf("%s is in no layer", pkg.ImportPath)
		}
		for _, imported := range pkg.Imports {
			checkImport(t, pkg.ImportPath, from, imported)
		}
	}
	if seen < 5 {
		t.Errorf("only %d packages were looked at", seen)
	}
}

func checkImport(t *testing.T, pkg, from, imported string) {
	t.Helper()
	if to, ours := layer(imported); ours {
		for _, part := range []string{"auth", "event", "verdict"} {
			// The parts of manager that are about one thing know nothing of the others.
			if strings.HasSuffix(pkg, "/manager/"+part) {
				t.Errorf("%s imports %s", pkg, imported)
			}
		}
		if to != from && layers[to] >= layers[from] {
			t.Errorf("%s imports %s", pkg, imported)
		}
		return
	}
	foreign := strings.Contains(strings.Split(imported, "/")[0], ".")
	if strings.HasPrefix(imported, "github.com/go-git/") && from != "gitstore" {
		t.Errorf("%s imports %s: only gitstore touches go-git", pkg, imported)
	}
	if from == "safety" && foreign && !strings.HasPrefix(imported, "golang.org/x/sys/") {
		t.Errorf("%s imports %s: safety needs nothing but the standard library and golang.org/x/sys", pkg, imported)
	}
	// Triggers and sinks run what the policy names; nothing else runs anything.
	runs := from == "cmd" || from == "hooks" || from == "manager"
	if imported == "os/exec" && !runs && !strings.HasSuffix(pkg, "test") {
		t.Errorf("%s imports os/exec: the library runs without a git executable", pkg)
	}
}

// TestQuickToStart keeps out what each start would pay for: with a template engine the
// linker keeps every method of every type, and gob sets up its types whether or not
// anybody uses them.
func TestQuickToStart(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"cmd/git-evoseal-rollback").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, "net/http") {
		t.Fatalf("%d packages, and none is net/http", len(linked))
	}
	for _, slow := range []string{"text/template", "html/template", "encoding/gob"} {
		if slices.Contains(linked, slow) {
			t.Errorf("%s is linked", slow)
		}
	}
}
