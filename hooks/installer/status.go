package installer

import (
	"errors"
	"io/fs"
	"os"
)

// State says whose a hook is.
type State string

// The states.
const (
	// None is for no hook at all.
	None State = "none"
	// Ours is a script of ours; OursChained runs another hook first.
	Ours        State = "installed"
	OursChained State = "installed, after the hook that was there"
	// Altered is one of ours that somebody edited, Outdated one that another version
	// of this program wrote.
	Altered  State = "edited"
	Outdated State = "of another version"
	// Foreign is somebody else's, Calling one of these that calls us.
	Foreign State = "another's"
	Calling State = "another's, which calls this program"
	// Displaced is a foreign hook in our place, while what we kept still lies there.
	Displaced State = "another's, which took the place of ours"
)

// Runs says that the engine's hook is run by git.
func (s State) Runs() bool {
	return s == Ours || s == OursChained || s == Altered || s == Outdated || s == Calling
}

// HookStatus is how one hook is.
type HookStatus struct {
	Hook  string
	Path  string
	State State
	// Default says that it is one of those installed without being named.
	Default bool
	// Ignored says that it isn't executable, so that git doesn't run it.
	Ignored bool
}

// Status looks at all hooks that could be installed. It changes nothing.
func (r *Repository) Status() ([]HookStatus, error) {
	defaults := make(map[string]bool)
	for _, name := range r.Defaults() {
		defaults[name] = true
	}
	var all []HookStatus
	for _, name := range r.Names() {
		st, err := r.status(name)
		if err != nil {
			return nil, err
		}
		st.Default = defaults[name]
		all = append(all, st)
	}
	return all, nil
}

func (r *Repository) status(hook string) (HookStatus, error) {
	path := r.path(hook)
	if r.Manager == Husky {
		// What its own hooks call are files a level up.
		path = r.huskyFile(hook)
	}
	st := HookStatus{Hook: hook, Path: path, State: None}
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	if fi.IsDir() {
		st.State = Foreign
		return st, nil
	}
	st.Ignored = fi.Mode()&0o111 == 0 && r.Manager != Husky
	have, err := readHook(path)
	if err != nil {
		return st, err
	}
	_, err = os.Lstat(r.kept(hook))
	kept := err == nil
	is, whole := ours(have)
	switch {
	case is && !whole:
		st.State = Altered
	case is && kept:
		st.State = OursChained
	case is:
		st.State = Ours
	case kept && !sameFile(path, r.kept(hook)):
		st.State = Displaced
	case r.calls(hook, have):
		st.State = Calling
	default:
		st.State = Foreign
	}
	return st, nil
}
