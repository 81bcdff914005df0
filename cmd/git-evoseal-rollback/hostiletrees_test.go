package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostileNames are names of tree entries that must never be written.
func hostileNames() map[string]string {
	names := map[string]string{
		"dot": ".", "dot dot": "..", "empty": "", "slash": "/", "absolute": "/etc/evil", "below": "a/b", "up": "../evil", "up and up": "x/../../../evil", "trailing slash": "x/",
		"git": ".git", "capitals": ".GIT", "mixed": ".gIt", "short": "git~1", "short capitals": "GIT~1", "trailing dot": ".git.", "trailing space": ".git ",
		"dots and spaces": ".git . .. ", "stream": ".git::$INDEX_ALLOCATION", "data stream": ".GIT:x", "short stream": "git~1:x", "backslash": `.git\config`,
		"backslash below": `x\.git\config`, "backslash short": `x\git~1`,
		"long": strings.Repeat("n", 256), "longer": strings.Repeat("n", 5000), "longest": strings.Repeat("n", 1<<20),
	}
	for _, r := range "\u200c\u200d\u200e\u200f\u202a\u202e\u206a\u206f\ufeff" {
		names[fmt.Sprintf("ignorable %x", r)] = ".g" + string(r) + "it"
		names[fmt.Sprintf("leading ignorable %x", r)] = string(r) + ".Git"
	}
	return names
}

func TestHostileNames(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	blob := w.object("blob", "evil\n")
	names := hostileNames()
	below := w.tree("100755 post-checkout", blob)
	for i, name := range slices.Sorted(maps.Keys(names)) {
		for j, forge := range []func(name string) string{
			func(name string) string { return w.tree("100644 "+name, blob) },
			func(name string) string { return w.tree("40000 "+name, below) },
			func(name string) string { return w.tree("40000 d", w.tree("120000 "+name, blob)) },
		} {
			if !soaking() && i%3 != j {
				continue
			}
			w.forge(forge(names[name]))
			for _, line := range []string{"verify evil", "rollback evil"} {
				if r := w.run(strings.Fields(line)...); r.code != 14 {
					w.Errorf("%s: %s ended with %d\n%.2000s", name, line, r.code, r.output)
				}
			}
		}
	}
	w.survives()
	t.Logf("%d names, at most %d MiB and %v", len(names), w.peak>>20, w.slowest)
}

// Names that only look bad are files like any other.
func TestOddNamesComeBack(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	blob := w.object("blob", "odd\n")
	for _, name := range []string{"\xff\xfe", "\x01\x1b[31m", "a\nb", "CON", "git~2", ".gitt", "...", "~", "-rf", "git", "%s%n", strings.Repeat("n", 255), "a\\b", "C:", ".git~", "\u202egpj.exe"} {
		w.forge(w.tree("100644 "+name, blob))
		w.mustRun("rollback", "evil")
		got, err := os.ReadFile(filepath.Join(w.dir, ".evoseal", "rollback_target", name))
		if err != nil || string(got) != "odd\n" {
			w.Errorf("%q came back as %q, %v", name, got, err)
		}
		if out := w.mustRun("show", "evil", "--all") + w.mustRun("diff", "good", "evil", "--stat"); strings.ContainsAny(out, "\x1b\x01") {
			w.Errorf("%q reaches the terminal as it is: %q", name, out)
		}
	}
	w.survives()
}

func TestHostileTrees(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	blob, link := w.object("blob", "evil\n"), w.object("blob", w.sentinel)
	below := w.tree("100644 b", blob)
	none := strings.Repeat("0", 40)
	cases := map[string]string{
		"twice":                    w.tree("100644 a", blob, "100644 a", blob),
		"link, then file under it": w.tree("120000 a", link, "40000 a", below),
		"dir, then link over it":   w.tree("40000 a", below, "120000 a", link),
		"link, others, dir":        w.tree("120000 a", link, "100644 a-b", blob, "40000 a", below),
		"link and slash":           w.tree("120000 a", link, "100644 a/b", blob),
		"unsorted":                 w.tree("100644 b", blob, "100644 a", blob),
		"submodule":                w.tree("160000 sub", blob),
		"mode 0":                   w.tree("0 a", blob),
		"mode of a device":         w.tree("60000 a", blob),
		"set-user-id":              w.tree("104755 a", blob),
		"huge mode":                w.tree("7777777777777777777777777 a", blob),
		"no digits":                w.tree("abc a", blob),
		"no mode":                  w.tree(" a", blob),
		"blob as directory":        w.tree("40000 a", blob),
		"tree as file":             w.tree("100644 a", below),
		"commit as directory":      w.tree("40000 a", w.commit("x", below)),
		"missing":                  w.tree("100644 a", none[:39]+"1"),
		"null":                     w.tree("100644 a", none),
		"null directory":           w.tree("40000 a", none),
		"no name ends":             w.object("tree", "100644 a"),
		"no id":                    w.object("tree", "100644 a\x00"),
		"half an id":               w.object("tree", "100644 a\x00"+rawID(blob)[:10]),
		"noise":                    w.object("tree", strings.Repeat("\x00\xff", 500)),
		"only spaces":              w.object("tree", strings.Repeat(" ", 500)),
		"no such tree":             none[:39] + "2",
		"link to nothing":          w.tree("120000 a", w.object("blob", "")),
		"link with NUL":            w.tree("120000 a", w.object("blob", "x\x00y")),
		"endless link":             w.tree("120000 a", w.object("blob", strings.Repeat("x", 1<<20))),
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			w := &hostileWorld{T: t, base: w.base, dir: w.dir, sentinel: w.sentinel, live: w.live}
			w.forge(cases[name])
			w.evil(14)
			w.unharmed()
		})
	}
	w.survives()
}

// A link that leads elsewhere is brought back as a link, and nothing is ever
// written through it: not in the next rollback, which finds it in the target.
func TestLinksAreNeverFollowed(t *testing.T) {
	w := newHostileWorld(t)
	w.remember()
	blob, link := w.object("blob", "evil\n"), w.object("blob", w.sentinel)
	linked := w.tree("120000 a", link, "120000 keep", w.object("blob", w.sentinel+"/keep"))
	plain := w.tree("40000 a", w.tree("100644 keep", blob, "100644 new", blob), "100644 keep", blob)
	for range 3 {
		for _, tree := range []string{linked, plain} {
			w.forge(tree)
			w.mustRun("rollback", "evil")
			w.unharmed()
		}
		w.mustRun("undo")
	}
	w.survives()
}
