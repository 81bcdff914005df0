package safety

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPublishedScenarios holds the sixteen safety scenarios that EVOSEAL
// publishes for its rollback manager: a configured directory that is dangerous
// is side-stepped, the decision says which directory was used, and that it was
// validated.
func TestPublishedScenarios(t *testing.T) {
	w := newWorld(t)
	t.Chdir(w.project)
	cwd, err := os.Getwd()
	w.must(err)
	resolved, err := filepath.EvalSymlinks(cwd)
	w.must(err)
	safe := filepath.Join(w.top, "safe")
	fallback := w.guard.DefaultTarget()
	guard, err := NewGuard(Options{Project: w.project, Store: w.project + "/.evoseal/.git", Owned: w.guard.ours})
	w.must(err)

	tests := []struct {
		name  string
		paths []string
		used  string
	}{
		{"current directory as dot", []string{"."}, fallback},
		{"current directory as dot slash", []string{"./"}, fallback},
		{"current directory absolute", []string{cwd}, fallback},
		{"current directory resolved", []string{resolved}, fallback},
		{"parent", []string{".."}, fallback},
		{"grandparent", []string{"../.."}, fallback},
		{"root", []string{"/"}, fallback},
		{"home", []string{"/home"}, fallback},
		{"usr", []string{"/usr"}, fallback},
		{"var", []string{"/var"}, fallback},
		{"etc", []string{"/etc"}, fallback},
		{"opt", []string{"/opt"}, fallback},
		{"safe directory", []string{safe}, safe},
		{"no directory", []string{""}, fallback},
		{"sequence of several", []string{".", safe, "..", "", "/usr", safe, "./", "/etc"}, ""},
		{"decision in full", []string{"/opt"}, fallback},
	}
	if len(tests) != 16 {
		t.Fatalf("%d scenarios", len(tests))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range tt.paths {
				want := tt.used
				if want == "" && path == safe {
					want = safe
				} else if want == "" {
					want = fallback
				}
				d, err := guard.Choose(Request{Path: path, Configured: true})
				w.must(err)
				dangerous := path != "" && path != safe
				if d.Requested != path || d.Used != want || d.Fallback != dangerous || (d.Refusal != nil) != dangerous || !d.Validated {
					t.Errorf("%q: %+v", path, d)
				}
				w.commit(d.Target, tt.name+path)
				d.Target.Close()
				w.expect(want, tt.name+path)
			}
		})
	}
	entries, err := os.ReadDir(w.project)
	w.must(err)
	if len(entries) != 2 {
		t.Errorf("the project was touched: %v", entries)
	}
}
