package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// buildVersion is what the linker was told, else what Go's own tools know of the
// build.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

type versionOptions struct{}

func (o *versionOptions) addFlags(*pflag.FlagSet) {}

func (o *versionOptions) run(_ context.Context, c *call) error {
	if c.json {
		return c.out.object(struct {
			Schema  int    `json:"schema"`
			Version string `json:"version"`
			Go      string `json:"go"`
			OS      string `json:"os"`
			Arch    string `json:"arch"`
		}{schema, buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH})
	}
	c.out.println("git-evoseal-rollback version " + buildVersion())
	return nil
}
