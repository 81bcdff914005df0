package install

import (
	"fmt"
	"slices"
)

// Hook is one of Git's hooks that the engine can stand in.
type Hook struct {
	// Name is Git's.
	Name string
	// Stdin says that Git gives it input.
	Stdin bool
	// Stops says that its failing stops what Git is doing.
	Stops bool
	// Server says that it runs where a push arrives.
	Server bool
	// Default says that it is installed without being named.
	Default bool

	// refuses says that it stops Git even when our program is gone: nothing may
	// pass unchecked there without a word.
	refuses bool
}

// Hooks returns the hooks that are for a bare repository, or for one with a work
// tree.
func Hooks(bare bool) []Hook {
	if bare {
		return []Hook{
			{Name: "pre-receive", Stdin: true, Stops: true, Server: true, Default: true, refuses: true},
			{Name: "post-receive", Stdin: true, Server: true, Default: true},
		}
	}
	return []Hook{
		{Name: "pre-push", Stdin: true, Stops: true, Default: true, refuses: true},
		{Name: "post-commit", Default: true},
		{Name: "post-merge", Default: true},
		{Name: "post-rewrite", Stdin: true, Default: true},
		{Name: "pre-commit", Stops: true},
	}
}

// choose returns the hooks of those names, each once, or the default ones.
func (r *Repository) choose(names []string) ([]Hook, error) {
	all := Hooks(r.Bare)
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(h Hook) bool { return !h.Default }), nil
	}
	var chosen []Hook
	for _, name := range names {
		i := slices.IndexFunc(all, func(h Hook) bool { return h.Name == name })
		if i < 0 {
			return nil, r.unknown(name)
		}
		if !slices.Contains(chosen, all[i]) {
			chosen = append(chosen, all[i])
		}
	}
	return chosen, nil
}

func (r *Repository) unknown(name string) error {
	kind := "a repository with a work tree"
	if r.Bare {
		kind = "a bare repository"
	}
	return fmt.Errorf("%w: %q is not one of those for %s", ErrUnknownHook, name, kind)
}
