package odb

import (
	"bytes"
	"errors"
	"strconv"
)

// TreeEntry is one entry of a tree object. Mode is Git's (0100644, 0100755,
// 0120000, 040000, 0160000); Name is bytes as the file system has them.
type TreeEntry struct {
	Mode uint32
	Name string
	ID   ID
}

// AppendTreeEntry appends the entry's encoding. The caller keeps Git's order.
func AppendTreeEntry(b []byte, e TreeEntry) []byte {
	b = strconv.AppendUint(b, uint64(e.Mode), 8)
	b = append(b, ' ')
	b = append(b, e.Name...)
	b = append(b, 0)
	return append(b, e.ID[:]...)
}

var errTree = errors.New("malformed tree")

// ParseTree decodes a tree object. It checks the form only: what a name may be
// is for whoever writes it somewhere to decide.
func ParseTree(data []byte) ([]TreeEntry, error) {
	var list []TreeEntry
	for len(data) > 0 {
		space := bytes.IndexByte(data, ' ')
		if space < 0 {
			return nil, errTree
		}
		mode, err := strconv.ParseUint(string(data[:space]), 8, 32)
		if err != nil {
			return nil, errTree
		}
		data = data[space+1:]
		end := bytes.IndexByte(data, 0)
		if end < 0 || len(data) < end+21 {
			return nil, errTree
		}
		list = append(list, TreeEntry{Mode: uint32(mode), Name: string(data[:end]), ID: ID(data[end+1 : end+21])})
		data = data[end+21:]
	}
	return list, nil
}

// ReadTree reads and decodes a tree.
func (db *DB) ReadTree(id ID) ([]TreeEntry, error) {
	data, err := db.ReadType(id, Tree)
	if err != nil {
		return nil, err
	}
	list, err := ParseTree(data)
	if err != nil {
		return nil, &CorruptError{ID: id, File: db.dir, Err: err}
	}
	return list, nil
}
