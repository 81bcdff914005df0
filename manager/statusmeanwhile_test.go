package manager

import (
	"context"
	"sync"
	"testing"
)

// TestStatusWhileTheTargetChanges looks at a target that is exchanged all the while.
func TestStatusWhileTheTargetChanges(t *testing.T) {
	w := newWorld(t)
	m := w.manager(Options{})
	ctx := context.Background()
	w.line(m, "v1", "v2")
	for _, v := range []string{"v1", "v2"} {
		_, err := m.Rollback(ctx, RollbackRequest{Version: v})
		w.must(err)
	}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
			}
			if _, err := m.Undo(ctx, UndoRequest{}); err != nil {
				t.Error(err)
			}
		}
	})
	other := w.manager(Options{})
	for range 300 {
		if st, err := other.Status(ctx); err != nil || st.Target.Version == "" {
			t.Errorf("%+v %v", st, err)
		}
	}
	close(quit)
	wg.Wait()
}
