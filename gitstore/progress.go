package gitstore

import "time"

// Progress says how far a long operation is. Totals are zero while unknown.
type Progress struct {
	Files, TotalFiles int64
	Bytes, TotalBytes int64
}

// report calls f with what get returns a few times a second, until the returned
// function is called, and once more then.
func report(f func(Progress), get func() Progress) (done func()) {
	if f == nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				f(get())
				return
			case <-tick.C:
				f(get())
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
