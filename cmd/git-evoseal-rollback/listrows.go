package main

import (
	"io"
	"sync"

	"github.com/evoseal/git-evoseal-rollback/manager"
)

// rowWriter writes the rows of a long table. Most of their time goes into words for
// people, such as ages and sizes, so they are formatted in blocks, several at once, while
// the next ones are still being read.
type rowWriter struct {
	header string
	format func(row []byte, t *manager.RollbackTarget) []byte

	block *rowBlock
	// queue are the blocks in the order of the table, whether they are ready or not.
	queue   chan *rowBlock
	spare   sync.Pool
	written chan struct{}
}

// rowBlock is a part of the table: what it is of, and then its text.
type rowBlock struct {
	targets []manager.RollbackTarget
	text    []byte
	ready   chan struct{}
}

const (
	blockRows = 256
	rowBlocks = 4
)

func newRowWriter(w io.Writer, header string, format func(row []byte, t *manager.RollbackTarget) []byte) *rowWriter {
	r := &rowWriter{header: header, format: format, queue: make(chan *rowBlock, rowBlocks), written: make(chan struct{})}
	r.spare.New = func() any { return &rowBlock{ready: make(chan struct{})} }
	go func() {
		defer close(r.written)
		for b := range r.queue {
			<-b.ready
			w.Write(b.text)
			r.spare.Put(b)
		}
	}()
	return r
}

// add takes a copy of what the next row is of.
func (r *rowWriter) add(t *manager.RollbackTarget) error {
	if r.block == nil {
		r.block = r.spare.Get().(*rowBlock)
		r.block.targets = r.block.targets[:0]
		r.block.text = append(r.block.text[:0], r.header...)
		r.header = ""
	}
	r.block.targets = append(r.block.targets, *t)
	if len(r.block.targets) == blockRows {
		r.send()
	}
	return nil
}

func (r *rowWriter) send() {
	b := r.block
	r.block = nil
	r.queue <- b
	go func() {
		for i := range b.targets {
			b.text = r.format(b.text, &b.targets[i])
		}
		b.ready <- struct{}{}
	}()
}

// flush waits until all rows are written.
func (r *rowWriter) flush() {
	if r.block != nil {
		r.send()
	}
	close(r.queue)
	<-r.written
}
