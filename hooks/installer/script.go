package installer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// firstLines begin every script of ours; the sum is of what follows.
const firstLines = "#!/bin/sh\n# Made by git-evoseal-rollback; `git evoseal-rollback hooks uninstall` takes it out again.\n# sha256 "

// script is what git runs. It passes on what git gives it to the hook that was
// there before, and then to the program, found by PATH or where it was when this was
// written. It doesn't run itself, by whatever way it is called again for the same
// hook.
func script(h known, program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hook=%s\n", h.name)
	b.WriteString("self=$(cd \"$(dirname \"$0\")\" && pwd)/$hook\n")
	b.WriteString("[ \"$EVOSEAL_HOOK\" = \"$self\" ] && exit 0\n")
	b.WriteString("export EVOSEAL_HOOK=\"$self\"\n")
	feed := ""
	if h.stdin {
		b.WriteString("input=$(cat; echo x)\n")
		feed = "printf %s \"${input%x}\" | "
	}
	b.WriteString("code=0\nif [ -x \"$self" + keptSuffix + "\" ]; then\n")
	b.WriteString("\t" + feed + "\"$self" + keptSuffix + "\" \"$@\"\n\tcode=$?\n")
	if h.gates {
		b.WriteString("\t[ $code = 0 ] || exit $code\n")
	}
	b.WriteString("fi\nprogram=git-evoseal-rollback\n")
	fmt.Fprintf(&b, "command -v $program >/dev/null 2>&1 || program=%s\n", quote(program))
	b.WriteString("if ! command -v \"$program\" >/dev/null 2>&1; then\n")
	b.WriteString("\techo \"evoseal: $hook did nothing: git-evoseal-rollback is not installed any more\" >&2\n")
	if h.gates {
		b.WriteString("\tcase $EVOSEAL_SKIP in ''|0) ;; *) exit 0 ;; esac\n")
		b.WriteString("\techo \"evoseal: install it, remove $self, or go on once with EVOSEAL_SKIP=1\" >&2\n\texit 1\n")
	} else {
		b.WriteString("\techo \"evoseal: install it, or remove $self\" >&2\n\texit $code\n")
	}
	b.WriteString("fi\n")
	run := feed + "\"$program\" hooks run $hook \"$@\"\n"
	if h.gates {
		b.WriteString(run)
	} else {
		b.WriteString(run + "exit $code\n")
	}
	body := b.String()
	return firstLines + sum(body) + "\n" + body
}

func sum(body string) string {
	digest := sha256.Sum256([]byte(body))
	return hex.EncodeToString(digest[:])
}

// ours says whether a hook's text is a script of ours, and whether it is as some
// version of this package wrote it.
func ours(text string) (is, whole bool) {
	rest, is := strings.CutPrefix(text, firstLines)
	if !is {
		return strings.Contains(text, "git evoseal-rollback hooks uninstall"), false
	}
	said, body, _ := strings.Cut(rest, "\n")
	return true, said == sum(body)
}

// quote makes a word of the shell's of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
