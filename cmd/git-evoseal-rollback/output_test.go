package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// TestQuotePath has git as its oracle.
func TestQuotePath(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git")
	}
	dir := t.TempDir()
	if out, err := exec.Command(git, "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{
		"plain", "with space", "new\nline", "tab\t", "a\ab\bc\vd\fe\rf", `quo"te`, `back\slash`, "日本語", "é", "\x01\x7f", "$(x)", "'", "*", "~",
		"\U0001F600", "a/b\n/c",
	} {
		cmd := exec.Command(git, "-C", dir, "update-index", "-z", "--index-info")
		cmd.Stdin = strings.NewReader("100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\t" + name + "\x00")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", name, err, out)
		}
		out, err := exec.Command(git, "-C", dir, "-c", "core.quotePath=false", "ls-files").Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(string(out), "\n"); quotePath(name) != want {
			t.Errorf("%q: %s, git says %s", name, quotePath(name), want)
		}
		if out, err := exec.Command(git, "-C", dir, "read-tree", "--empty").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	// Where git would print them as they are: what isn't UTF-8, and what can't be seen.
	for name, want := range map[string]string{"\xff": `"\377"`, "a\u202eb": `"a\342\200\256b"`, "\u200b": `"\342\200\213"`, "\uFFFD": "\uFFFD"} {
		if got := quotePath(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// TestShellQuote asks a shell for the word back.
func TestShellQuote(t *testing.T) {
	for _, word := range append(oddNames(), "", "a b", "it's", "~root", "=x", "a=b", "/plain/path-1.0") {
		out, err := exec.Command("sh", "-c", "printf %s "+shellQuote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q: %v, %q comes back as %q", word, err, shellQuote(word), out)
		}
	}
	if got := shellJoin([]string{"v1.0", "src/a b"}); got != "v1.0 'src/a b'" {
		t.Errorf("joined: %s", got)
	}
}

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"1 file": count(1, "file"), "0 files": count(0, "file"), "12,345 objects": count(12345, "object"), "2 copies": count(2, "copy"),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("a\x1b[31mb\r\x00\tc\n\u0085"); got != "a\uFFFD[31mb\uFFFD\uFFFD\tc\n\uFFFD" {
		t.Errorf("%q", got)
	}
	if got := firstLine("\n one\ntwo"); got != "one" {
		t.Errorf("%q", got)
	}
}

func TestNearest(t *testing.T) {
	var names []string
	for _, cmd := range visible() {
		names = append(names, cmd.name)
	}
	for word, want := range map[string]string{
		"rollbak": "rollback", "chekpoint": "checkpoint", "hist": "history", "lst": "list", "xyzzy": "", "verfy": "verify",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

// TestQuoteHeader quotes names in the header and nowhere else.
func TestQuoteHeader(t *testing.T) {
	const odd = "o\nd"
	content := "@@ -1 +1 @@\n--- a/o\nd\n+x\n"
	for _, test := range []struct {
		change   gitstore.Change
		in, want string
	}{
		{
			gitstore.Change{Path: odd},
			"diff --git a/" + odd + " b/" + odd + "\nindex 1..2 100644\n--- a/" + odd + "\n+++ b/" + odd + "\n" + content,
			"diff --git \"a/o\\nd\" \"b/o\\nd\"\nindex 1..2 100644\n--- \"a/o\\nd\"\n+++ \"b/o\\nd\"\n" + content,
		},
		{
			gitstore.Change{Path: odd, OldPath: "plain"},
			"diff --git a/plain b/" + odd + "\nrename from plain\nrename to " + odd + "\n",
			"diff --git a/plain \"b/o\\nd\"\nrename from plain\nrename to \"o\\nd\"\n",
		},
		{
			gitstore.Change{Path: odd},
			"diff --git a/" + odd + " b/" + odd + "\nindex 1..2\nBinary files a/" + odd + " and b/" + odd + " differ\n",
			"diff --git \"a/o\\nd\" \"b/o\\nd\"\nindex 1..2\nBinary files \"a/o\\nd\" and \"b/o\\nd\" differ\n",
		},
		{
			gitstore.Change{Path: odd},
			"diff --git a/" + odd + " b/" + odd + "\nnew file mode 100644\nindex 0..2\n--- /dev/null\n+++ b/" + odd + "\n" + content,
			"diff --git \"a/o\\nd\" \"b/o\\nd\"\nnew file mode 100644\nindex 0..2\n--- /dev/null\n+++ \"b/o\\nd\"\n" + content,
		},
		{gitstore.Change{Path: "plain"}, content, content},
	} {
		if got := quoteHeader(test.in, test.change); got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

// TestPatchColours colours by place: a removed line that looks like a header is
// a removed line.
func TestPatchColours(t *testing.T) {
	p, stdout, _ := testProcess(nil)
	p.stdoutTTY = true
	c := &call{process: p, out: newOutput(p)}
	c.printPatch("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- old\n+++ new\n same\n")
	c.out.flush()
	want := "\x1b[1mdiff --git a/x b/x\x1b[m\n\x1b[1m--- a/x\x1b[m\n\x1b[1m+++ b/x\x1b[m\n\x1b[36m@@ -1 +1 @@\x1b[m\n" +
		"\x1b[31m--- old\x1b[m\n\x1b[32m+++ new\x1b[m\n same\n"
	if stdout.String() != want {
		t.Errorf("%q\nwant\n%q", stdout.String(), want)
	}
}

// TestScale keeps what git keeps: the signs fit, and what is not nothing shows.
func TestScale(t *testing.T) {
	for _, width := range []int{2, 10, 40} {
		for _, most := range []int{1, 5, 100, 12345} {
			for added := 0; added <= most; added += 1 + most/7 {
				deleted := most - added
				plus, minus := scale(added, deleted, most, width)
				if plus+minus > max(width, 2) || (added > 0) != (plus > 0) || (deleted > 0) != (minus > 0) {
					t.Errorf("+%d -%d of %d in %d columns: %d and %d", added, deleted, most, width, plus, minus)
				}
			}
		}
	}
}

func TestDrawStat(t *testing.T) {
	p, stdout, _ := testProcess(nil)
	c := &call{process: p, out: newOutput(p)}
	c.drawStat([]statLine{
		{"short", "", gitstore.Stat{Added: 1}},
		{strings.Repeat("long/", 30) + "end", "", gitstore.Stat{Added: 300, Deleted: 100}},
		{"bin", "", gitstore.Stat{Binary: true}},
		{"mode", " (0644 => 0600)", gitstore.Stat{}},
	})
	c.out.flush()
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	for _, line := range lines {
		if len(line) > statWidth+len(" (0644 => 0600)") || line != strings.TrimRight(line, " ") {
			t.Errorf("%q", line)
		}
	}
	for i, want := range []string{"|   1 +", "/end | 400 ", "| Bin", "|   0 (0644 => 0600)"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%q, want %q in it", lines[i], want)
		}
	}
	if !strings.HasPrefix(lines[1], " ...") || !strings.Contains(lines[1], "++") {
		t.Errorf("%q", lines[1])
	}
}

func TestRelativeTo(t *testing.T) {
	for _, test := range []struct {
		wd, path, want string
		ok             bool
	}{
		{"/p", "a", "a", true}, {"/p/d", "a", "d/a", true}, {"/p/d", "..", ".", true}, {"/p/d", "../..", "", false},
		{"/p/d", "../../p/x", "x", true}, {"/p", "/p/y", "y", true}, {"/p", "/q", "", false}, {"/p", "/pq", "", false},
		{"/p", "", "", false}, {"/p", "..a", "..a", true}, {"/p", "d/", "d", true},
	} {
		got, ok := relativeTo("/p", test.wd, test.path)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q in %s: %q %v, want %q %v", test.path, test.wd, got, ok, test.want, test.ok)
		}
	}
}
