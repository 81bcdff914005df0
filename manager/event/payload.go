package event

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrUnknownType says that the engine sends no events of that type.
var ErrUnknownType = errors.New("unknown event type")

// Payload reads the data of an event of a type in [Types] and returns a pointer
// to the struct of its family, such as *[RollbackData]. Fields that are not known
// here are passed over, since a newer engine may send more.
func (e Event) Payload() (any, error) {
	for _, t := range Types() {
		if t.Type != e.Type {
			continue
		}
		data := newData(t.Data)
		if err := json.Unmarshal(e.Data, data); err != nil {
			return nil, fmt.Errorf("data of %s: %w", e.Type, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownType, string(e.Type))
}

func newData(name string) any {
	switch name {
	case "RollbackData":
		return new(RollbackData)
	case "CheckpointData":
		return new(CheckpointData)
	case "PruneData":
		return new(PruneData)
	case "VerdictData":
		return new(VerdictData)
	case "CascadeData":
		return new(CascadeData)
	case "EmergencyData":
		return new(EmergencyData)
	case "PolicyData":
		return new(PolicyData)
	case "AuthData":
		return new(AuthData)
	}
	return new(map[string]any)
}
