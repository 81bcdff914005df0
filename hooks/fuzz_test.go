package hooks

import (
	"io"
	"strings"
	"testing"
)

// FuzzUpdates makes sure that the lines that a hook is given are understood whole or
// not at all.
func FuzzUpdates(f *testing.F) {
	id, none := strings.Repeat("a", 40), strings.Repeat("0", 40)
	f.Add("refs/heads/main " + id + " refs/heads/main " + none + "\n")
	f.Add(none + " " + id + " refs/heads/main\n")
	f.Add("refs/heads/main " + none + " (delete) " + id + "\n")
	f.Add(" \n\n")
	f.Add(strings.Repeat("x", 2<<20))
	f.Fuzz(func(t *testing.T, text string) {
		for _, columns := range []struct{ commit, ref, all int }{{1, 0, 4}, {1, 2, 3}} {
			r := &run{Call: Call{Stdin: strings.NewReader(text), Stdout: io.Discard, Stderr: io.Discard}}
			updates, err := r.readUpdates(columns.commit, columns.ref, columns.all)
			if err != nil {
				continue
			}
			for _, u := range updates {
				if strings.ContainsAny(u.ref+u.commit, " \n") || strings.Trim(u.commit, "0") == "" {
					t.Errorf("%+v", u)
				}
			}
		}
	})
}
