package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// friendlyName is what the configuration calls our hook; Git forbids the names of
// its own hooks there.
func friendlyName(h Hook) string { return "evoseal-" + h.Name }

// scriptDir has the scripts that the configuration names. It is found by asking
// Git, so that a repository that was moved keeps its hooks.
const scriptDir = "evoseal-hooks"

// configText is what stands in the configuration for a hook. Git runs the command
// by a shell, with the hook's arguments after it.
func configText(h Hook) []byte {
	return fmt.Appendf(nil, "[hook \"%s\"]\n\tcommand = \"\\\"$(git rev-parse --git-common-dir)/%s/%s\\\"\"\n\tevent = %s\n",
		friendlyName(h), scriptDir, h.Name, h.Name)
}

func (r *Repository) scriptPath(h Hook) string { return filepath.Join(r.CommonDir, scriptDir, h.Name) }

func (r *Repository) configPath() string { return filepath.Join(r.CommonDir, "config") }

// configured says whether the repository's configuration runs our hook. Whether the
// Git at hand heeds that isn't known here.
func (r *Repository) configured(h Hook) bool {
	entries, err := gitstore.ReadConfigFile(r.configPath())
	if err != nil {
		return false
	}
	event, enabled := false, true
	for _, e := range entries {
		if !strings.EqualFold(e.Section, "hook") || e.Subsection != friendlyName(h) {
			continue
		}
		switch strings.ToLower(e.Key) {
		case "event":
			event = event || e.Value == h.Name
		case "enabled":
			enabled = e.Value != "false"
		}
	}
	return event && enabled
}

// installConfig writes the scripts first, and then all that is new in the
// configuration at once.
func (r *Repository) installConfig(ctx context.Context, hooks []Hook, req InstallRequest) (Result, error) {
	var res Result
	var add []Hook
	for _, h := range hooks {
		f, err := find(r.Dir, h)
		if err != nil {
			return Result{}, err
		}
		c := Change{Hook: h.Name, Action: Unchanged, Path: r.scriptPath(h)}
		switch s := r.status(&f); {
		case s.State == Altered:
			return Result{}, &HookError{Hook: h.Name, Path: s.Path, Err: ErrAltered, Hint: s.Hint}
		case s.State == Configured:
			if _, err := os.Stat(c.Path); err != nil {
				c.Action = Updated
			}
		case s.State.Runs():
			c.Path = s.Path
		default:
			c.Action = Installed
			add = append(add, h)
		}
		res.Changes = append(res.Changes, c)
	}
	if req.DryRun || !slices.ContainsFunc(res.Changes, func(c Change) bool { return c.Action != Unchanged }) {
		return res, nil
	}
	if err := r.writeScripts(hooks, res, req.Program); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil || len(add) == 0 {
		return res, err
	}
	return res, r.editConfig(func(old []byte) []byte {
		if len(old) > 0 && old[len(old)-1] != '\n' {
			old = append(old, '\n')
		}
		for _, h := range add {
			old = append(old, configText(h)...)
		}
		return old
	})
}

func (r *Repository) writeScripts(hooks []Hook, res Result, program string) error {
	dir := filepath.Join(r.CommonDir, scriptDir)
	if err := r.disk.mkdir(dir); err != nil {
		return err
	}
	for i, h := range hooks {
		if res.Changes[i].Action == Unchanged {
			continue
		}
		temp, err := r.disk.write(r.scriptPath(h), 0o755, bytes.NewReader(render(h, program)))
		if err != nil {
			return err
		}
		if err := r.disk.rename(temp, r.scriptPath(h)); err != nil {
			return err
		}
	}
	return r.disk.sync(dir)
}

// uninstallConfig takes out of the configuration what stands there as it was
// written, and then the scripts that nothing names any more.
func (r *Repository) uninstallConfig(ctx context.Context, hooks []Hook, dryRun bool) (Result, error) {
	var res Result
	data, err := readFile(r.configPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return res, err
	}
	remove := make([]Hook, 0, len(hooks))
	for _, h := range hooks {
		switch {
		case bytes.Contains(data, configText(h)):
			remove = append(remove, h)
			res.Changes = append(res.Changes, Change{Hook: h.Name, Action: Removed, Path: r.scriptPath(h)})
		case r.configured(h):
			res.Changes = append(res.Changes, Change{Hook: h.Name, Action: Left, Path: r.configPath()})
			return res, &HookError{Hook: h.Name, Path: r.configPath(), Err: ErrAltered,
				Hint: fmt.Sprintf("git config --local --remove-section hook.%s", friendlyName(h))}
		}
	}
	if err := ctx.Err(); err != nil || dryRun {
		return res, err
	}
	if len(remove) > 0 {
		err = r.editConfig(func(old []byte) []byte {
			for _, h := range remove {
				old = bytes.Replace(old, configText(h), nil, 1)
			}
			return old
		})
	}
	if err != nil {
		return res, err
	}
	return res, r.removeScripts(hooks)
}

func (r *Repository) removeScripts(hooks []Hook) error {
	dir := filepath.Join(r.CommonDir, scriptDir)
	if !exists(dir) {
		return nil
	}
	for _, h := range hooks {
		if err := r.disk.remove(r.scriptPath(h)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// One that isn't empty stays: it has the other hooks.
	os.Remove(dir)
	return r.disk.sync(r.CommonDir)
}

// editConfig replaces the configuration under Git's own lock for it.
func (r *Repository) editConfig(edit func([]byte) []byte) error {
	path, err := resolve(r.configPath())
	if err != nil {
		return err
	}
	perm := fs.FileMode(0o644)
	if fi, err := os.Stat(path); err == nil {
		perm = fi.Mode().Perm()
	}
	if err := r.disk.step("create", path+".lock"); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("another process is changing the configuration, or died doing so: %w", err)
	}
	if err != nil {
		return err
	}
	old, err := readFile(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		_, err = f.Write(edit(old))
	}
	err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
	if err == nil {
		err = r.disk.rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, r.disk.remove(f.Name()))
	}
	return r.disk.sync(filepath.Dir(path))
}
