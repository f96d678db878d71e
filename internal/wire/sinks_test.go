package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/redact"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// wired is a profile with the given settings of events.
func wired(t *testing.T, events string, env map[string]string) Wire {
	t.Helper()
	c, problems := config.Parse(".pawl.yaml", []byte("forge: {repository: acme/profile}\nsecrets: {BOUND: git.example}\nevents: "+events+"\n"))
	if strictyaml.Failed(problems) {
		t.Fatal(problems)
	}
	return Wire{Config: c, Root: t.TempDir(), Timeout: 5 * time.Second, Redactor: redact.New(), Now: time.Now,
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
}

// TestSinks shows which sinks can be used, and what they are called.
func TestSinks(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TOKEN": "s3cret-token", "KEY": "s3cret-key", "BROKEN": "s3cret\n", "GITHUB_TOKEN": "s3cret-forge", "BOUND": "s3cret-bound"}
	for _, c := range []struct{ sinks, want string }{
		{"{type: file, path: events.jsonl}", "file-events.jsonl-"},
		{"{type: file, path: /var/log/events.jsonl}", "file-events.jsonl-"},
		{"{type: http, url: 'https://events.example:8443/hook?k=v', token: TOKEN, hmac: KEY}", "http-events.example-8443-"},
		{"{type: http, url: 'https://git.example/hook', token: BOUND}", "http-git.example-"},
		{"{type: http, url: 'https://events.example', hmac: GITHUB_TOKEN}", "http-events.example-"},
		{"{type: kafka, brokers: ['b:1', 'a:1'], topic: cdevents}", "kafka-cdevents-"},
		{"{type: kafka, brokers: ['a:1'], topic: t, tls: true, sasl: plain, user: TOKEN, password: KEY}", "kafka-t-"},
		{"{type: kafka, brokers: ['a:1'], topic: t, sasl: scram-sha-256, user: TOKEN, password: ABSENT}", "variable ABSENT is not set"},
		{"{type: kafka, brokers: ['a:1'], topic: t, ca: absent.pem}", "ca: open "},
		{"{type: kafka, brokers: ['a:1'], topic: t, ca: ../ca.pem}", "the path ../ca.pem leaves the root"},
		{"{type: kafka, brokers: ['a:1'], topic: t, ca: /dev/null}", "ca holds no PEM certificate"},
		{"{type: http, url: 'https://events.example', token: ABSENT}", "variable ABSENT is not set"},
		{"{type: http, url: 'https://events.example', hmac: ABSENT}", "variable ABSENT is not set"},
		{"{type: http, url: 'https://events.example', token: BROKEN}", "variable BROKEN holds a line break"},
		{"{type: http, url: 'https://events.example', token: GITHUB_TOKEN}", "the token GITHUB_TOKEN is not for https://events.example"},
		{"{type: http, url: 'https://events.example', token: BOUND}", "the token BOUND is not for https://events.example"},
		{"{type: http, url: 'ftp://events.example/hook'}", "no http or https URL"},
		{"{type: file, path: ../events.jsonl}", "the path ../events.jsonl leaves the root"},
		{"{type: file, path: a.jsonl}, {type: file, path: a.jsonl}", "two sinks of type file have the same target"},
	} {
		sinks, err := wired(t, "{sinks: ["+c.sinks+"]}", env).Sinks()
		for name, sink := range sinks {
			if err == nil && !strings.HasPrefix(name, c.want) || strings.Contains(name, "hook") {
				t.Errorf("%s is called %s, want %s", c.sinks, name, c.want)
			}
			if err := sink.Close(); err != nil {
				t.Error(err)
			}
		}
		if !strings.Contains(c.want, " ") {
			if err != nil {
				t.Errorf("%s: %v", c.sinks, err)
			}
			continue
		}
		if hint := fault.Hint(err); err == nil || hint == "" || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error()+hint, "s3cret") {
			t.Errorf("%s: error is %v, want %q", c.sinks, err, c.want)
		}
	}
	one := config.Sink{Type: "kafka", Topic: "t", Brokers: []string{"a:1", "b:1"}}
	other := config.Sink{Type: "kafka", Topic: "t", Brokers: []string{"b:1", "a:1"}}
	if SinkName(one) != SinkName(other) || SinkName(one) == SinkName(config.Sink{Type: "kafka", Topic: "t", Brokers: []string{"a:1"}}) {
		t.Errorf("names are %s and %s", SinkName(one), SinkName(other))
	}
}
