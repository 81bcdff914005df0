package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// goProgram builds a program that imports these packages and ends at once, in a
// directory of its own; nothing where there is no Go.
func (a *arena) goProgram(name string, imports ...string) step {
	return func(ctx context.Context) error {
		if !a.has("go") {
			return nil
		}
		dir := a.path(name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		source := "package main\n\nimport (\n"
		for _, path := range imports {
			source += fmt.Sprintf("\t_ %q\n", path)
		}
		source += ")\n\nfunc main() {}\n"
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
			return err
		}
		// It has what it imports from where we have it.
		mod, err := goTool(ctx, ".", "env", "GOMOD")
		if err != nil {
			return err
		}
		for _, file := range []string{"go.mod", "go.sum"} {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(mod), file))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), data, 0o644)
			}
			if err != nil {
				return fmt.Errorf("this must run inside its own module: %w", err)
			}
		}
		_, err = goTool(ctx, dir, "build", "-trimpath", "-ldflags", "-s -w", "-o", name, ".")
		return err
	}
}

// likeOurs is goProgram with all that the engine imports of others.
func (a *arena) likeOurs(name string) step {
	return func(ctx context.Context) error {
		if !a.has("go") {
			return nil
		}
		const module = "github.com/evoseal/git-evoseal-rollback"
		out, err := goTool(ctx, ".", "list", "-deps", "-f", `{{with .Module}}{{if .Main}}{{join $.Imports "\n"}}{{end}}{{end}}`, module+"/cmd/git-evoseal-rollback")
		if err != nil {
			return err
		}
		imports := slices.Compact(slices.Sorted(strings.FieldsSeq(out)))
		imports = slices.DeleteFunc(imports, func(path string) bool { return path == "C" || strings.HasPrefix(path, module+"/") })
		return a.goProgram(name, imports...)(ctx)
	}
}

// goTool runs the go command as the engine is built: without C, and with no flags of the
// user's.
func goTool(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
