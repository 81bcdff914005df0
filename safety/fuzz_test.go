package safety

import (
	"strings"
	"testing"
)

// FuzzMarker makes sure that what an exchange left behind names nothing but the
// target's own neighbours.
func FuzzMarker(f *testing.F) {
	for _, s := range []string{".t.pending-0123456789abcdef", "t.previous", ".t.aside-0123456789abcdef", "../x", "", ".t.pending-../../../x", ".t.pending-0123456789abcde/", "t"} {
		f.Add(s, ".t.aside-0123456789abcdef")
		f.Add("t.previous", s)
	}
	target := &Target{base: "t"}
	f.Fuzz(func(t *testing.T, other, aside string) {
		if !target.plausible(marker{Other: other, Aside: aside}) {
			return
		}
		for _, name := range []string{other, aside} {
			if strings.ContainsAny(name, "/\x00") || name == "" || name == "." || name == ".." || name == "t" {
				t.Errorf("%q was believed", name)
			}
		}
	})
}
