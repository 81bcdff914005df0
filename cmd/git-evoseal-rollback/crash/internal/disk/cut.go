package disk

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Model is what is known of a file system beyond its manual pages.
type Model int

// The models; see the package's description.
const (
	Strict Model = iota
	Journal
)

func (m Model) String() string { return []string{"strict", "journal"}[m] }

// Choice says what is lost of what may be.
type Choice int

// The choices.
const (
	// KeepAll loses nothing: all that was done is there.
	KeepAll Choice = iota
	// LoseAll loses all that wasn't synced: names, and content back to what it was.
	LoseAll
	// LoseNames loses only names, EmptyData, ZeroData and OldData only content: it is
	// nothing, zeros, or what it was.
	LoseNames
	EmptyData
	ZeroData
	OldData
	// Random loses by lot.
	Random
)

func (c Choice) String() string {
	return []string{"keep all", "lose all", "lose names", "empty data", "zero data", "old data", "random"}[c]
}

// Cut makes the directory dir as it may be when power goes after n operations. It
// returns whether anything was lost at all; where not, the state is that of KeepAll.
func (l *Log) Cut(dir string, n int, model Model, choice Choice, seed uint64) (lost bool, err error) {
	s, err := begin(l.base, model)
	if err != nil {
		return false, err
	}
	for _, o := range l.ops[:n] {
		if err := s.apply(o); err != nil {
			return false, err
		}
	}
	lot := rand.New(rand.NewPCG(seed, uint64(n)))
	kept := s.names(choice, lot)
	lost = kept < len(s.pending)
	content := make(map[*node][]byte)
	for f := range s.touched {
		if f.isDir() {
			continue
		}
		data := f.after(choice, lot)
		lost = lost || !bytes.Equal(data, f.data)
		content[f] = data
	}
	return lost, s.build(dir, s.root, content, choice)
}

// names does those pending changes that reach the disk, and returns how many.
func (s *state) names(choice Choice, lot *rand.Rand) int {
	done := 0
	upTo := len(s.pending)
	switch choice {
	case LoseAll, LoseNames:
		upTo = 0
	case Random:
		upTo = lot.IntN(len(s.pending) + 1)
	}
	for i, c := range s.pending {
		take := i < upTo
		if choice == Random && s.model == Strict {
			take = lot.IntN(2) == 0
		}
		if take && c.possible() {
			c.do()
			done++
		}
	}
	return done
}

// possible says whether the change makes sense without those before it: what it
// removes or moves away must be what is there, or have been lost.
func (c change) possible() bool {
	for name, n := range c.set {
		have := c.dir.durable[name]
		if n == nil && have != nil && have != c.was[name] {
			return false
		}
	}
	return true
}

// block is what a file system writes at once.
const block = 4096

// after is what may be there of content that wasn't synced.
func (n *node) after(choice Choice, lot *rand.Rand) []byte {
	if choice == Random {
		choice = []Choice{KeepAll, EmptyData, ZeroData, OldData, Random}[lot.IntN(5)]
	}
	switch choice {
	case LoseAll, OldData:
		return n.synced
	case EmptyData:
		return nil
	case ZeroData:
		return make([]byte, len(n.data))
	case Random:
		return n.torn(lot)
	}
	return n.data
}

// torn is a mix of new blocks, old ones and zeros.
func (n *node) torn(lot *rand.Rand) []byte {
	data := bytes.Clone(n.data)
	for at := 0; at < len(data); at += block {
		part := data[at:min(at+block, len(data))]
		switch lot.IntN(3) {
		case 0:
			clear(part)
		case 1:
			clear(part)
			if at < len(n.synced) {
				copy(part, n.synced[at:])
			}
		}
	}
	return data[:len(data)-lot.IntN(len(data)+1)*lot.IntN(2)]
}

// build writes what is durable by now below dir.
func (s *state) build(dir string, n *node, content map[*node][]byte, choice Choice) error {
	made := make(map[*node]string)
	var write func(path string, n *node) error
	write = func(path string, n *node) error {
		mode := n.mode
		if s.touched[n] && (choice == LoseAll || choice == OldData) {
			mode = n.syncedMode
		}
		switch {
		case n.isDir():
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			for name, child := range n.durable {
				if err := write(filepath.Join(path, name), child); err != nil {
					return err
				}
			}
		case n.mode&fs.ModeSymlink != 0:
			return os.Symlink(string(n.data), path)
		case made[n] != "":
			return os.Link(made[n], path)
		default:
			made[n] = path
			data, changed := content[n]
			if !changed {
				data = n.synced
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				return err
			}
		}
		return os.Chmod(path, mode.Perm())
	}
	if err := write(dir, n); err != nil {
		return fmt.Errorf("make the state: %w", err)
	}
	return nil
}
