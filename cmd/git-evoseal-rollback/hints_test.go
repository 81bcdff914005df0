package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestCommandsCanBePasted looks at all texts of the program for commands between
// backquotes in which a shell would see a pipe or a redirection: who pastes such a
// placeholder loses a file or marks a version that wasn't meant.
func TestCommandsCanBePasted(t *testing.T) {
	seen := 0
	for _, dir := range []string{".", "../../manager", "../../gitstore", "../../safety"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				for _, text := range commandsIn(n) {
					seen++
					if strings.ContainsAny(text, "|<>…") {
						t.Errorf("%s: `%s` can't be pasted", fset.Position(n.Pos()), text)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 50 {
		t.Errorf("only %d commands were found: the test looks in the wrong places", seen)
	}
}

// commandsIn are the parts of commands that a text shows, and those that are given
// to the functions that make commands.
func commandsIn(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(n.Value)
		if n.Kind != token.STRING || err != nil {
			return nil
		}
		var out []string
		for i, piece := range strings.Split(text, "`") {
			if i%2 == 1 && strings.HasPrefix(piece, "git ") {
				out = append(out, piece)
			}
		}
		return out
	case *ast.CallExpr:
		method, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || method.Sel.Name != "shown" && method.Sel.Name != "command" {
			return nil
		}
		var out []string
		for _, arg := range n.Args {
			ast.Inspect(arg, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					out = append(out, text)
				}
				return true
			})
		}
		return out
	}
	return nil
}

// TestHintsFollowDirectory: what was typed with -C is pasted with it.
func TestHintsFollowDirectory(t *testing.T) {
	c := &call{globals: globals{dirs: []string{"a b"}}}
	for hint, want := range map[string]string{
		"no command": "no command",
		"`git evoseal-rollback list` or `git evoseal-rollback show v1`": "`git evoseal-rollback -C 'a b' list` or `git evoseal-rollback -C 'a b' show v1`",
		c.shown("list"): "`git evoseal-rollback -C 'a b' list`",
	} {
		if got := c.rooted(hint); got != want {
			t.Errorf("%q becomes %q, want %q", hint, got, want)
		}
	}
}
