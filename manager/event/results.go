package event

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	resultsSchema = 1
	// maxResults and maxResultsSize bound the file, whatever names sinks had.
	maxResults     = 200
	maxResultsSize = 1 << 20
	// resultsLock bounds the wait for others who write the file.
	resultsLock = 2 * time.Second
)

// Result says how a sink did last.
type Result struct {
	Sink string   `json:"sink"`
	Kind SinkKind `json:"kind,omitempty"`
	// Time is when the delivery ended, in UTC.
	Time time.Time `json:"time"`
	OK   bool      `json:"ok"`
	// Error is for people; it holds no secret.
	Error     string `json:"error,omitempty"`
	EventID   string `json:"event_id,omitempty"`
	EventType Type   `json:"event_type,omitempty"`
	Attempts  int    `json:"attempts"`
	// Dropped counts the events that the sink's bus never came to deliver.
	Dropped uint64 `json:"dropped,omitempty"`
}

type resultsFile struct {
	Schema int      `json:"schema"`
	Sinks  []Result `json:"sinks"`
}

// SaveResults puts results into a file that many processes share: of each sink
// the latest stays. The file is exchanged as a whole, under the lock of a file
// beside it ("<path>.lock"). A file that can't be understood is replaced: it
// tells of the last deliveries, and nothing depends on it.
func SaveResults(path string, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	held, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer held.Close()
	ctx, cancel := context.WithTimeout(context.Background(), resultsLock)
	defer cancel()
	if err := lock(ctx, held); err != nil {
		return err
	}
	old, err := LoadResults(path)
	if err != nil && !errors.Is(err, errResults) {
		return err
	}
	data, err := json.MarshalIndent(resultsFile{resultsSchema, mergeResults(old, results)}, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(data, '\n'))
}

var errResults = errors.New("the results of sinks can't be read")

// LoadResults reads what [SaveResults] wrote, sorted by the sinks' names. Where
// there is no file there are no results.
func LoadResults(path string) ([]Result, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxResultsSize+1))
	if err != nil {
		return nil, err
	}
	var file resultsFile
	switch err := json.Unmarshal(data, &file); {
	case len(data) > maxResultsSize:
		return nil, fmt.Errorf("%w: %s is too long", errResults, path)
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", errResults, path, err)
	case file.Schema != resultsSchema:
		return nil, fmt.Errorf("%w: %s has schema %d", errResults, path, file.Schema)
	}
	return file.Sinks, nil
}

// mergeResults keeps the latest of each sink, and of all sinks the latest.
func mergeResults(old, new []Result) []Result {
	latest := make(map[string]Result)
	for _, r := range slices.Concat(old, new) {
		if r.Time.Before(latest[r.Sink].Time) {
			continue
		}
		latest[r.Sink] = r
	}
	all := make([]Result, 0, len(latest))
	for _, r := range latest {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Result) int { return b.Time.Compare(a.Time) })
	all = all[:min(len(all), maxResults)]
	slices.SortFunc(all, func(a, b Result) int { return cmp.Compare(a.Sink, b.Sink) })
	return all
}

// replaceFile isn't durable: what a power cut takes here nobody misses.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-")
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
