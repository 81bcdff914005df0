package install

import (
	"regexp"
	"sync"
)

// pattern compiles an expression when it is first needed: most runs of the program
// need none.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
