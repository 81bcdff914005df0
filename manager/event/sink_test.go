package event

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestOpenRefuses(t *testing.T) {
	for want, config := range map[string]SinkConfig{
		"no name":      {Kind: Exec, Command: "true"},
		"not known":    {Name: "x", Kind: "mail"},
		"no command":   {Name: "x", Kind: Exec},
		"NUL":          {Name: "x", Kind: Exec, Command: "a\x00"},
		"no path":      {Name: "x", Kind: File},
		"https url":    {Name: "x", Kind: Webhook},
		"url":          {Name: "x", Kind: Webhook, URL: "gopher://x/"},
		"both":         {Name: "x", Kind: Webhook, URL: "http://x", SecretFile: "a", SecretEnv: "b"},
		"timeout -1s":  {Name: "x", Kind: Exec, Command: "true", Timeout: -time.Second},
		"-1 retries":   {Name: "x", Kind: Exec, Command: "true", Retries: -1},
		"empty patter": {Name: "x", Kind: Exec, Command: "true", Types: []string{""}},
	} {
		_, err := Open(config, Env{})
		wantError(t, err, ErrConfig, want)
	}
	var log bytes.Buffer
	sink, err := Open(SinkConfig{Name: "x", Kind: Exec, Command: "true", Types: []string{"rolback.*", "rollback.*"}}, Env{Logger: logTo(&log)})
	if err != nil || sink.Timeout != defaultTimeout || strings.Count(log.String(), "no type") != 1 {
		t.Errorf("%+v %v %s", sink, err, log.String())
	}
}
