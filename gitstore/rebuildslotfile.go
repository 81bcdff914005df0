package gitstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
)

// slotSum begins the last field of a slot's record.
const slotSum = `,"sum":"`

// sealSlot ends a slot's record, a JSON object, with a checksum of what comes before
// and of the slot's own name: a record that lies in another slot's directory is
// damage as well.
func sealSlot(id string, data []byte) []byte {
	data = bytes.TrimSuffix(data, []byte("}"))
	return fmt.Appendf(data, "%s%08x\"}\n", slotSum, slotChecksum(id, data))
}

func slotChecksum(id string, data []byte) uint32 {
	sum := crc32.ChecksumIEEE([]byte(id))
	return crc32.Update(sum, crc32.IEEETable, data)
}

// readSlotFile reads a slot's record.
func (s *Store) readSlotFile(id string) (*Slot, error) {
	data, err := durable.ReadFile(filepath.Join(s.slotDir(id), slotFile))
	if err != nil {
		return nil, err
	}
	if at := bytes.LastIndex(data, []byte(slotSum)); at < 0 || !bytes.Equal(sealSlot(id, append(bytes.Clone(data[:at]), '}')), data) {
		return nil, malformed("the record of the target does not match its own checksum")
	}
	slot := &Slot{id: id}
	if err := json.Unmarshal(data, slot); err != nil {
		return nil, malformed("the record of the target: " + err.Error())
	}
	if slot.Ino == 0 || slot.Commit.IsZero() {
		return nil, malformed("the record of the target lacks a field")
	}
	return slot, nil
}
