package scan

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
)

// nameList holds the names of one directory after another in the same memory: most
// of them are known already, and none is worth an allocation of its own.
type nameList struct {
	text []byte
	list []span
}

type span struct{ from, to int }

// read reads the names of a directory, sorted.
func (n *nameList) read(fd int) error {
	n.text, n.list = n.text[:0], n.list[:0]
	err := dirfd.EachName(fd, func(name []byte) {
		from := len(n.text)
		n.text = append(n.text, name...)
		n.list = append(n.list, span{from, len(n.text)})
	})
	slices.SortFunc(n.list, func(a, b span) int { return strings.Compare(n.name(a), n.name(b)) })
	return err
}

func (n *nameList) len() int { return len(n.list) }

// at returns a name that is good until the next read.
func (n *nameList) at(i int) string { return n.name(n.list[i]) }

func (n *nameList) name(s span) string {
	return unsafe.String(unsafe.SliceData(n.text[s.from:]), s.to-s.from)
}

func (n *nameList) has(name string) bool {
	_, found := slices.BinarySearchFunc(n.list, name, func(s span, name string) int { return strings.Compare(n.name(s), name) })
	return found
}
