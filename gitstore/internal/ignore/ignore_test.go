package ignore

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// hardNames are asked about against every one of hardRules.
var hardNames = []string{
	"foo", "foo/", "bar", "Foo", "FOO/", "foobar", "foobar/", "barfoo", "fo", "f", "foo.o", "foo.O", ".o", "o", "foo.tar.gz",
	"a", "A", "b", "c", "d", "-", "]", "[", "[a]", "[ab", "^", "!", "!foo", "#foo", "#", "\\", "\\foo", "foo\\", "foo ", "foo  ", " foo", " ", "foo\t", "foo\r",
	"*", "**", "?", "foo*", "a*b", "ab", "aXb", "abc", "abcx", "abc/x", "abc/d/x", "abcd/x", "abcd/e/x", "abc/d/e/x/",
	"foo/bar", "foo/bar/", "foo/x/bar", "foo/x/y/bar", "foo/x/y/bar/", "x/foo", "x/foo/", "x/y/foo", "x/foo/bar", "x/y/foo/bar", "x/y/foo/bar/",
	"foobar/bar", "x/bar", "x/y/z", "x/y/z/w", "x/y/z/w/", "foo/foo", "foo/foo/foo", "x/y.o", "x/y/z.o", "docs/a.html", "docs/b/a.html", "docs/a.html/",
	"日本語", "日", "caf\u00e9", "caf\xe9", "\xff\xfe", "\ufefffoo", "new\nline", "q\"uote", "ab]", "a]", "a-c", "a\\b", "a/b", "aaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaac",
	strings.Repeat("n", 255), "foo/a/b/c/d/e/f/g/bar", ".hidden", ".hidden/x", "~", "foo~", "x/foo~",
}

// hardRules are whole files.
var hardRules = []string{
	"", "\n", "#", "#foo", "\\#foo", "\\#", " #foo", "!foo", "\\!foo", "foo\n!foo", "!foo\nfoo", "foo\n!foo\nfoo", "!\nfoo", "!!foo", "\\!\\!foo",
	"foo", "foo\n", "foo\r\n", "foo\r", "foo\r\r\n", "foo\n\n\n", "\r\nfoo", "\r", "foo\r\nbar\r\n", "foo \r\n", "foo\r ",
	"foo ", "foo  ", "foo\\ ", "foo\\  ", "foo \\ ", "foo \\", " foo", "foo\t", "foo\t ", " ", "\\ ", "foo\\", "foo\\\\", "\\", "\\\\", "\\f\\o\\o", "\\foo", "foo\\ \\ ", "a \\",
	"\ufefffoo", "\ufeff#foo", "\ufeff\ufefffoo", "bar\n\ufefffoo", "\ufeff", "\ufeff!foo\nfoo",
	"foo\x00bar", "\x00", "\x00foo", "foo \x00", "foo\x00\r\nbar", "foo/\x00x",
	"/", "//", "///", "!/", "/foo", "//foo", "foo/", "foo//", "/foo/", "/foo//", "foo/bar", "/foo/bar", "foo/bar/", "foo//bar", "./foo", "foo/./bar", "foo/../foo", "/foo/bar/",
	"foo\\/bar", "\\/foo", "/\\foo", "foo/\\bar", "foo\\/", "foo/\\", "foo\\/\\/",
	"*", "**", "***", "!*", "*/", "**/", "/*", "/**", "/*/", "/**/", "/***", "*/*", "**/*", "*/**", "**/**", "/*/*", "*/*/*", "/**/*", "**/*/", "*/*/", "***/foo", "foo/***",
	"*\n!*.o", "*\n!*/\n!*.o", "/*\n!/foo", "/*\n!/foo\n/foo/*\n!/foo/bar", "foo/*\n!foo/bar", "foo\n!foo/bar", "foo/**\n!foo/x\n!foo/x/**",
	"*.o", "*.O", "*.tar.gz", "*o", "*foo", "*foo/", "foo*", "foo*/", "f*o", "*o*", "*f*o*", "**foo", "foo**", "f**o", "*\\o", "*\\.o", "*.o\\", "*[o]", "*?", "?*", "??", "?", "???", "*.*", "*~", ".*",
	"**/foo", "**/foo/", "/**/foo", "/**/foo/", "**/foo/bar", "**/*foo", "**/**/foo", "**/**/foo/bar", "**/foo/**", "foo/**", "/foo/**", "foo/**/", "foo/**/bar", "foo/**/**/bar", "foo/**/**", "foo/*/bar", "foo/**/*/bar", "foo/*/**/bar",
	"**/foo/*/bar", "x/**/foo", "x/**", "x/**/**/z", "**/y/**", "**/y/*", "x/*/z", "*/y/z", "x/y/*", "**/z", "**/z.o", "**/*.o", "docs/*.html", "docs/**/*.html", "docs/*", "/docs/*.html/",
	"abc**", "abc**/x", "abc**x", "abc/**x", "ab**/x", "a**/x", "x**/z", "x**", "x/y**", "x/y**/w", "f**/bar", "foo**/bar", "foo**/**/bar", "foo***/bar", "fo?**/bar", "fo[o]**/bar", "**foo/bar", "*foo/bar", "foo/**bar", "x/**foo", "x/**foo/bar", "fo\\o**/bar",
	"**\\/foo", "foo/**\\/bar", "foo\\/**", "foo\\/**/bar", "foo/*\\/bar", "*\\/foo", "*\\/*", "**\\/", "x/**\\/z", "foo/**\\/**/bar",
	"[a]", "[abc]", "[!abc]", "[^abc]", "[a-c]", "[!a-c]", "[c-a]", "[a-]", "[-a]", "[a\\-c]", "[\\a-\\c]", "[a-\\c]", "[]]", "[]a]", "[!]]", "[!]a]", "[]-a]", "[\\]]", "[a]]", "[ab", "[", "[!", "[^", "[]", "[!]", "[a-", "[\\", "[a\\", "[a-\\", "[\\\\]", "[[]", "[[a]", "[[]a]", "[!!]", "[^^]", "[a-a]", "[--a]", "[a-c-d]", "[a-c-]", "[*]", "[?]", "[.]o", "[a", "\\[a]", "\\[ab", "[[ab", "a[b", "foo[", "foo[/]bar", "foo[!x]bar", "foo[.-0]bar", "x[/]y", "[x/]y",
	"[[:alpha:]]", "[[:digit:][:alpha:]]", "[![:alpha:]]", "[[:bogus:]]", "[[::]]", "[[:]]", "[[:alpha]]", "[[:alpha:]", "[[:alpha", "[[:upper:]]", "[[:lower:]]", "[[:ALPHA:]]", "[a[:digit:]]", "[[:alpha:]-z]", "[[:space:]]", "foo[[:space:]]", "[[:punct:]]*", "[a-[:alpha:]]", "[:alpha:]", "[[:alpha:]][[:alpha:]]",
	"[A]", "[A-C]", "[!A]", "\\A", "\\a", "A", "[\\A]", "FOO", "F*", "*OO", "/FOO", "/FOO/BAR", "**/FOO/BAR", "F[O]O", "FO?", "fOO*", "[[:upper:]]*", "x/Y/*", "*.[O]", "*.[oO]", "[A-z]", "F\\OO",
	"日本語", "日*", "*語", "日??", "日?", "[日]", "[日]*", "caf?", "caf??", "caf\xe9", "caf[\xe9]", "caf[\xe0-\xef]", "caf[!a-z]", "\xff\xfe", "\xff*", "[\xff]?", "new*line", "new?line", "q\"*",
	"*a*a*a*a*a*a*a*b", "a*a*a*b", "**/*a*a*a*b", "a*b", "a\\*b", "\\*", "\\?", "\\**", "*\\*", "foo\\*", "\\*\\*",
	"foo\nbar/\n!x/bar\n*.o\n!.o\n/x/y/z\n!/x/y/z/w", "/x\n!/x/foo", "x/*\n!x/y\nx/y/*\n!x/y/z", "foo\n!foo/\n", "!foo/\nfoo", "foo/\n!foo", "*foo\n!f*\nfoo\n!foo/\n", "/foo\n!**/foo\n", "**/foo\n!/foo",
	strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("?", 255), strings.Repeat("*n", 60), strings.Repeat("**/", 40) + "foo", strings.Repeat("n?", 127) + "*", strings.Repeat("[n]", 255),
}

func TestHardRules(t *testing.T) {
	p := &project{}
	for _, rules := range hardRules {
		p.add(rules, hardNames...)
	}
	for _, p.FoldCase = range []bool{false, true} {
		p.compare(t)
	}
}

// TestBytes asks about each byte as a name, whatever the encoding makes of it.
func TestBytes(t *testing.T) {
	var names []string
	for c := 1; c < 256; c++ {
		if c != '/' && c != '.' {
			names = append(names, string([]byte{byte(c)}))
		}
	}
	rules := []string{"[!-~]", "[\x01-\x20]", "[\x80-\xff]", "[!\x80-\xff]", "?", "[@-Z]", "[Z-a]", "[\\!-\\~]", "[A-Z]", "[a-z]", "[!A-Z]", "[[:upper:]A]", "[*-0]", "[--0]"}
	for _, class := range []string{"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"} {
		rules = append(rules, "[[:"+class+":]]", "[![:"+class+":]]", "[^-[:"+class+":]-]")
	}
	p := &project{}
	for _, r := range rules {
		p.add(r, names...)
	}
	for _, p.FoldCase = range []bool{false, true} {
		p.compare(t)
	}
}

// TestPrecedence has rules at three levels, in info/exclude and in the global
// file, which overrule each other.
func TestPrecedence(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "build/", "x.o", "keep.o", "x.log", "dir/", "dir/a", "dir/c", "dir/build/", "dir/x.o", "dir/deep/", "dir/deep/a", "dir/deep/b", "dir/deep/e", "dir/deep/keep.o", "dir/deep/x.log", "dir/deep/build/x", "out/a", "out/keep.o", "dir/out/a", "dir/deep/out/keep.o", "sub/dir/a", "sub/dir/e"}
	p := &project{
		Options: Options{
			Global:  []byte("*.log\nd\ne\n/sub/dir/a\n!build\n**/out/*\n"),
			Exclude: []byte("!d\nb\n*.o\n!out/\n/dir/deep/e\n"),
		},
		files: map[string]string{
			"":         "a\n!keep.o\nbuild/\n/sub/dir/*\n!/sub/dir/e\n",
			"dir":      "!a\nc\n/deep/b\n*.log\n!/build/\n",
			"dir/deep": "!b\n!*.log\na\n/build\n",
		},
		paths: names,
	}
	p.compare(t)
}

// TestRandom builds rules and paths of few letters, so that they meet often.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 26))
	for round := range 4 {
		p := &project{Options: Options{
			Global:   []byte("aB\n*.b/\n/t1*/**/ba\n"),
			Exclude:  []byte("!aB\n/t?/a\n/t[2-4]?/*/ab\n"),
			FoldCase: round%2 == 1,
		}, files: make(map[string]string)}
		for i := range 150 {
			top := fmt.Sprintf("t%d", i)
			p.files[top] = randomRules(r, 1+r.IntN(5))
			// A path is a file or a directory throughout.
			seen := make(map[string]bool)
			for _, dir := range []string{"/a", "/b", "/a/b"} {
				if r.IntN(3) == 0 {
					p.files[top+dir] = randomRules(r, 1+r.IntN(3))
					isFree(seen, top+dir+"/.gitignore")
				}
			}
			for range 40 {
				path := top + "/" + randomPath(r)
				if isFree(seen, path) {
					p.paths = append(p.paths, path)
				}
			}
		}
		p.compare(t)
	}
}

// isFree says whether the path, and those above it as directories, fit with what
// was asked before.
func isFree(seen map[string]bool, path string) bool {
	name, isDir := strings.CutSuffix(path, "/")
	if _, asked := seen[name]; asked {
		return false
	}
	for i := range len(name) {
		if name[i] == '/' {
			if wasDir, ok := seen[name[:i]]; ok && !wasDir {
				return false
			}
		}
	}
	for i := range len(name) {
		if name[i] == '/' {
			seen[name[:i]] = true
		}
	}
	seen[name] = isDir
	return true
}

func randomRules(r *rand.Rand, lines int) string {
	parts := []string{"a", "b", "A", "ab", "/", "/", "/", "*", "*", "**", "**/", "/**", "/**/", "?", "[ab]", "[!a]", "[a-b]", "[[:upper:]]", "\\a", "\\*", "\\/", ".", ".b", "[", "***", "[/]", "B"}
	var b strings.Builder
	for range lines {
		if r.IntN(4) == 0 {
			b.WriteByte('!')
		}
		if r.IntN(5) == 0 {
			b.WriteByte('/')
		}
		for range 1 + r.IntN(5) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		if r.IntN(6) == 0 {
			b.WriteByte('/')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func randomPath(r *rand.Rand) string {
	names := []string{"a", "b", "A", "B", "ab", "ba", "a.b", ".b", "aab", "*", "aB"}
	parts := make([]string, 1+r.IntN(4))
	for i := range parts {
		parts[i] = names[r.IntN(len(names))]
	}
	path := strings.Join(parts, "/")
	if r.IntN(4) == 0 {
		path += "/"
	}
	return path
}
