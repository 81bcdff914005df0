package main

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager"
)

func TestRowsInOrder(t *testing.T) {
	for _, n := range []int{0, 1, blockRows - 1, blockRows, blockRows + 1, 20*blockRows + 7} {
		var got, want bytes.Buffer
		if n > 0 {
			want.WriteString("HEADER\n")
		}
		rows := newRowWriter(&got, "HEADER\n", func(row []byte, target *manager.RollbackTarget) []byte {
			return fmt.Appendf(row, "%s\n", target.Version)
		})
		// One for all, as those have it that add rows.
		var target manager.RollbackTarget
		for i := range n {
			target.Checkpoint = gitstore.Checkpoint{Version: strconv.Itoa(i)}
			if err := rows.add(&target); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&want, i)
		}
		rows.flush()
		if got.String() != want.String() {
			t.Errorf("%d rows: got %d bytes, want %d", n, got.Len(), want.Len())
		}
	}
}
