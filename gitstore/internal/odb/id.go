package odb

import (
	"crypto"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	stdhash "hash"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing/hash"
)

// ID is an object's name: the SHA-1 of its type, size and bytes.
type ID [20]byte

// String is the name in 40 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero says whether id is the null id, which names no object.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the hexadecimal form; the null id as nothing.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads 40 hexadecimal digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, fmt.Errorf("%q is not an object id", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("%q is not an object id", s)
	}
	return id, nil
}

// Hasher computes object names. It is for one goroutine at a time and is reused
// by Start.
type Hasher struct {
	h      stdhash.Hash
	header [32]byte
	sum    [20]byte
}

// collisionDetecting is what the hash behind go-git's package offers and its
// interface doesn't show.
type collisionDetecting interface {
	CollisionResistantSum([]byte) ([]byte, bool)
}

// NewHasher returns a Hasher that names new content: it finds out content that was
// made to collide, with whatever it was meant to collide with.
func NewHasher() *Hasher { return &Hasher{h: hash.New(crypto.SHA1)} }

// NewVerifier returns a Hasher for content that must have a name which is known. It
// looks for no collisions, and is three times as fast for it: the detection finds
// both halves of a colliding pair, so that content which passed when it was named
// has no other half, and bytes of the same name are its own.
func NewVerifier() *Hasher { return &Hasher{h: sha1.New()} }

// Start begins an object of so many bytes.
func (h *Hasher) Start(typ Type, size int64) {
	h.h.Reset()
	b := append(h.header[:0], typ.Bytes()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, size, 10)
	h.h.Write(append(b, 0))
}

// Write adds to the object. It never fails.
func (h *Hasher) Write(b []byte) (int, error) { return h.h.Write(b) }

// Sum returns the object's name, or [ErrCollision].
func (h *Hasher) Sum() (ID, error) {
	if c, ok := h.h.(collisionDetecting); ok {
		sum, attacked := c.CollisionResistantSum(h.sum[:0])
		if attacked {
			return ID{}, ErrCollision
		}
		return ID(sum), nil
	}
	return ID(h.h.Sum(h.sum[:0])), nil
}

// Name names data as an object of type typ.
func (h *Hasher) Name(typ Type, data []byte) (ID, error) {
	h.Start(typ, int64(len(data)))
	h.Write(data)
	return h.Sum()
}

// Hash is Name by a Hasher of its own.
func Hash(typ Type, data []byte) (ID, error) { return NewHasher().Name(typ, data) }
