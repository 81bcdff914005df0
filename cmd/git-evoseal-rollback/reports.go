package main

import (
	"fmt"
	"io"
	"os"

	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/spf13/pflag"
)

// maxReport bounds a report's size, in bytes.
const maxReport = 256 << 20

// input opens what a flag names; - is standard input.
func (c *call) input(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(c.stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &hintedError{err, "name a file that can be read, or - for standard input"}
	}
	return f, nil
}

// readMetrics reads a file of metrics; an empty path is none.
func (c *call) readMetrics(path string) (map[string]verdict.Samples, error) {
	if path == "" {
		return nil, nil
	}
	f, err := c.input(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	metrics, err := verdict.ParseMetrics(f, maxReport)
	if err != nil {
		return nil, &usageError{
			msg: fmt.Sprintf("%s: %v", path, err), cmd: c.cmd,
			hint: `metrics are one JSON object: {"accuracy": 0.93, "latency_ms": [12.1, 11.8, 12.4]}`,
		}
	}
	return metrics, nil
}

// readTests reads files of test results.
func (c *call) readTests(paths []string) ([]verdict.Test, error) {
	var all []verdict.Test
	for _, path := range paths {
		f, err := c.input(path)
		if err != nil {
			return nil, err
		}
		tests, err := verdict.ParseTests(f, maxReport)
		f.Close()
		if err != nil {
			return nil, &usageError{
				msg: fmt.Sprintf("%s: %v", path, err), cmd: c.cmd,
				hint: `test results are a JSON array: [{"name": "unit", "status": "passed"}, {"name": "e2e", "status": "failed"}]`,
			}
		}
		all = append(all, tests...)
	}
	return all, nil
}

// tokenFlag is where a command finds a token. Never an argument: those are seen
// by every user of the machine.
type tokenFlag struct{ file string }

func (t *tokenFlag) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&t.file, "token-file", "", "read the token from `file`, - for standard input; else it is $EVOSEAL_TOKEN")
}

// read returns the token, none when there is none.
func (t *tokenFlag) read(c *call) (auth.Secret, error) {
	if t.file == "" {
		if env := c.getenv("EVOSEAL_TOKEN"); env != "" {
			return auth.Present(env), nil
		}
		return auth.Secret{}, nil
	}
	f, err := c.input(t.file)
	if err != nil {
		return auth.Secret{}, err
	}
	defer f.Close()
	return auth.ReadSecret(f)
}
