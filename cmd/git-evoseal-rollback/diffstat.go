package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// statWidth is how wide a line may be when stdout is no terminal.
const statWidth = 80

type statLine struct {
	name string
	note string
	gitstore.Stat
}

// printStat draws what git diff --stat draws.
func (c *call) printStat(ctx context.Context, d *gitstore.Diff) error {
	var lines []statLine
	var added, deleted int
	for _, ch := range d.Changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		st, err := d.Stat(ch)
		if err != nil {
			return err
		}
		added, deleted = added+st.Added, deleted+st.Deleted
		lines = append(lines, statLine{statName(ch), statNote(ch), st})
	}
	c.drawStat(lines)
	if len(lines) == 0 {
		return nil
	}
	c.out.printf(" %s changed", count(int64(len(lines)), "file"))
	if added > 0 || deleted == 0 {
		c.out.printf(", %s(+)", count(int64(added), "insertion"))
	}
	if deleted > 0 || added == 0 {
		c.out.printf(", %s(-)", count(int64(deleted), "deletion"))
	}
	c.out.println("")
	return nil
}

func statName(ch gitstore.Change) string {
	if ch.OldPath != "" {
		return quotePath(ch.OldPath) + " => " + quotePath(ch.Path)
	}
	return quotePath(ch.Path)
}

// statNote tells of permissions, which no line count shows.
func statNote(ch gitstore.Change) string {
	switch {
	case ch.OldMode == 0 || ch.NewMode == 0:
		return ""
	case ch.OldPerm != ch.NewPerm:
		return fmt.Sprintf(" (%04o => %04o)", ch.OldPerm, ch.NewPerm)
	case ch.OldMode != ch.NewMode:
		return " (" + gitMode(ch.OldMode) + " => " + gitMode(ch.NewMode) + ")"
	}
	return ""
}

// gitMode writes a mode as git does, in six octal digits.
func gitMode(mode uint32) string { return fmt.Sprintf("%06o", mode) }

func (c *call) drawStat(lines []statLine) {
	width := statWidth
	if c.width != nil && c.width() > 0 {
		width = c.width()
	}
	longest, most, bin := 0, 0, false
	for _, l := range lines {
		longest, most, bin = max(longest, utf8.RuneCountInString(l.name)), max(most, l.Added+l.Deleted), bin || l.Binary
	}
	digits := len(strconv.Itoa(most))
	if bin {
		digits = max(digits, len("Bin"))
	}
	// As in git, names may take what bars leave, and bars get at least a third.
	room := max(width-digits-len("  |  "), 16)
	nameRoom := min(longest, room-min(most, room*3/8))
	bars := min(most, room-nameRoom)
	for _, l := range lines {
		name := shorten(l.name, nameRoom)
		pad := strings.Repeat(" ", nameRoom-utf8.RuneCountInString(name))
		if l.Binary {
			c.out.printf(" %s%s | %*s%s\n", name, pad, digits, "Bin", l.note)
			continue
		}
		plus, minus := scale(l.Added, l.Deleted, most, bars)
		graph := c.out.paint(green, strings.Repeat("+", plus)) + c.out.paint(red, strings.Repeat("-", minus))
		c.out.println(strings.TrimRight(fmt.Sprintf(" %s%s | %*d %s", name, pad, digits, l.Added+l.Deleted, graph), " ") + l.note)
	}
}

// scale fits a line's signs into width; what is not nothing keeps one sign.
func scale(added, deleted, most, width int) (plus, minus int) {
	if most <= width {
		return added, deleted
	}
	fit := func(n int) int {
		if n == 0 {
			return 0
		}
		return 1 + n*(width-1)/most
	}
	total := fit(added + deleted)
	if added > 0 && deleted > 0 {
		total = max(total, 2)
	}
	if added < deleted {
		plus = fit(added)
		return plus, max(total-plus, 1)
	}
	minus = fit(deleted)
	if added == 0 {
		return 0, minus
	}
	return max(total-minus, 1), minus
}

// shorten keeps a name's end, as git does.
func shorten(name string, room int) string {
	runes := []rune(name)
	if len(runes) <= room {
		return name
	}
	return "..." + string(runes[len(runes)-room+3:])
}
