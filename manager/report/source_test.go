package report

import (
	"errors"
	"testing"
)

func TestParseSource(t *testing.T) {
	for text, want := range map[string]Source{
		"build/*.xml":       {Path: "build/*.xml"},
		"junit:build/*.xml": {Format: JUnit, Path: "build/*.xml"},
		"gobench:a:b":       {Format: GoBench, Path: "a:b"},
		"./junit:x":         {Path: "./junit:x"},
		"C:file":            {Path: "C:file"},
		"-":                 {Path: "-"},
		"json:-":            {Format: MetricsJSON, Path: "-"},
	} {
		if got, err := ParseSource(text); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "junit:"} {
		if _, err := ParseSource(text); !errors.Is(err, ErrNoPath) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
