package odb

import (
	"container/list"
	"sync"
)

// baseCache keeps the objects that deltas were lately built on. Without it, a chain
// of n deltas would cost n²/2 steps to read all through.
type baseCache struct {
	mu    sync.Mutex
	held  map[packedAt]*list.Element
	order list.List
	bytes int64
}

// packedAt is a place in a pack.
type packedAt struct {
	pack *pack
	off  int64
}

type cachedBase struct {
	at   packedAt
	typ  Type
	data []byte
}

const (
	// baseCacheSize bounds the memory: readers in parallel work on a few chains each, at
	// neighbouring places, so this is more than they need with source files.
	baseCacheSize = 32 << 20
	// cachedBaseSize is the size from which a base would crowd out the others.
	cachedBaseSize = baseCacheSize / 4
)

func (c *baseCache) get(at packedAt) (Type, []byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.held[at]
	if !ok {
		return 0, nil, false
	}
	c.order.MoveToFront(e)
	b := e.Value.(*cachedBase)
	return b.typ, b.data, true
}

func (c *baseCache) put(at packedAt, typ Type, data []byte) {
	if len(data) > cachedBaseSize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.held[at]; ok {
		return
	}
	if c.held == nil {
		c.held = make(map[packedAt]*list.Element)
	}
	c.held[at] = c.order.PushFront(&cachedBase{at, typ, data})
	for c.bytes += int64(len(data)); c.bytes > baseCacheSize; {
		c.drop(c.order.Back())
	}
}

// forget lets go of what packs held that are gone.
func (c *baseCache) forget(gone map[string]*pack) {
	if len(gone) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, e := range c.held {
		if gone[at.pack.name] == at.pack {
			c.drop(e)
		}
	}
}

// drop is called with mu held.
func (c *baseCache) drop(e *list.Element) {
	b := c.order.Remove(e).(*cachedBase)
	delete(c.held, b.at)
	c.bytes -= int64(len(b.data))
}
