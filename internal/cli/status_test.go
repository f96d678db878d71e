package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/status"
)

// status is what the command says, held against its schema.
func (s *stage) status(args ...string) (all status.Status) {
	s.Helper()
	writes := s.github.Writes()
	code, out, errs := s.pawl(nil, append([]string{"status", "--output", "json"}, args...)...)
	if code != 0 || s.github.Writes() != writes {
		s.Fatalf("exit code %d and %d writes: %s", code, s.github.Writes()-writes, errs)
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(status.SchemaJSON())))
	s.must(nil, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s.must(nil, c.AddResource("status.json", schema))
	compiled, err := c.Compile("status.json")
	s.must(nil, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	s.must(nil, err)
	s.must(nil, compiled.Validate(v))
	s.must(nil, json.Unmarshal([]byte(out), &all))
	return all
}

// standing is the line of one manifest.
func standing(all status.Status, manifest string) status.Value {
	for _, v := range all.Values {
		if v.Manifest == manifest {
			return v
		}
	}
	return status.Value{}
}

// TestStatus shows a line a value: now, newest, state and since when, why and by whom.
func TestStatus(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, "merge: {require: none}\npolicies: [{match: org/c, age: 3h}]\n")
	begun := s.clock().UTC()
	for _, app := range []string{"a", "b", "c"} {
		s.registry.SetTags("org/"+app, "v1.0.0", "v1.1.0")
	}
	s.run(0)
	s.pass(time.Hour)
	held := s.clock().UTC()
	s.brake(0, "hold", "b", "--reason", "load test", "--until", "2d")
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0", "v1.2.0")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0")
	s.brake(0, "quarantine", "org/a:v1.3.0", "--reason", "broken")

	all := s.status()
	if all.Repository != "acme/profile" || all.Base != "main" || len(all.Brakes) != 2 || all.Paused != nil || len(all.Values) != 3 {
		t.Errorf("it says %+v", all)
	}
	if v := standing(all, "b"); v.State != "held" || v.Reason != "held" || v.Now != "v1.1.0" || v.Newest != "v1.2.0" || v.By != "pawl-bot" || !v.Since.Equal(held) ||
		!v.Until.Equal(held.Add(48*time.Hour)) || !strings.Contains(v.Why, "load test") {
		t.Errorf("b: %+v", v)
	}
	if v := standing(all, "c"); v.State != "held" || v.Reason != "too-young" || v.Now != "v1.0.0" || v.Newest != "v1.1.0" || !v.Since.Equal(begun) {
		t.Errorf("c: %+v", v)
	}
	if v := standing(all, "a"); v.State != "update" || v.Now != "v1.1.0" || v.Newest != "v1.3.0" {
		t.Errorf("a: %+v", v)
	}
	s.run(0)
	all = s.status()
	if v := standing(all, "a"); v.State != "held" || v.Reason != "quarantined" || v.Now != "v1.2.0" || v.By != "pawl-bot" || !v.Since.Equal(held) {
		t.Errorf("a: %+v", v)
	}
	s.brake(0, "quarantine", "org/c:v1.1.0", "--reason", "leak")
	one := s.status("b")
	if len(one.Values) != 1 || one.Values[0].Manifest != "b" || len(one.Brakes) != 1 || one.Brakes[0].Subject != "b" {
		t.Errorf("of b it says %+v", one)
	}
	if some := s.status("[ac]"); len(some.Values) != 2 || len(some.Brakes) != 2 || some.Pull != nil && one.Pull == nil {
		t.Errorf("of a and c it says %+v", some)
	}
	if bare := s.status("a", "--repository", "acme/profile"); len(bare.Values) != 1 || len(bare.Brakes) != 2 {
		t.Errorf("without a checkout it says of a %+v", bare)
	}
	s.says(s.brake(4, "status", "bb"), `pawl: error: no manifest is named "bb"`, `did you mean "b"?`)
	s.says(s.brake(4, "status", "b/yaml"), `pawl: error: no manifest is named "b/yaml"`, `did you mean "b"? What follows it names one of its targets`)
	s.brake(0, "unquarantine", "org/c:v1.1.0")
	s.brake(0, "pause", "--reason", "incident")
	if paused := s.status("c"); paused.Paused == nil || len(paused.Brakes) != 1 {
		t.Errorf("in a pause it says of c %+v", paused)
	}
	if all = s.status(); all.Paused == nil || all.Paused.Reason != "incident" || all.Values[0].State != "held" {
		t.Errorf("it says %+v", all)
	}
	_, out, _ := s.pawl(nil, "status")
	s.says(out, "paused: incident (pawl-bot)\n\nVALUE", "a/yaml  v1.2.0  v1.3.0  held (quarantined)  2026-03-01 13:00 UTC", "b/yaml  v1.1.0  v1.2.0  held", "\nbrakes:\n", "  hold b: load test (pawl-bot, until ",
		"  quarantine pkg:oci/a?")
}

// TestStatusWithoutACheckout shows what the ledger knows.
func TestStatusWithoutACheckout(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	s.brake(0, "hold", "a", "--reason", "x", "--repository", "acme/profile")
	s.root = t.TempDir()
	all := s.status("--repository", "acme/profile")
	if v := standing(all, "a"); v.State != status.Known || v.Now != "v1.1.0" || len(all.Brakes) != 1 {
		t.Errorf("it says %+v", all)
	}
}

// TestStatusOfAPull shows the open pull request, and values that cannot be decided.
func TestStatusOfAPull(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, "merge: off\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	s.registry.SetTags("org/b")
	all := s.status()
	if p := all.Pull; p == nil || p.Number != 1 || p.Updates != 1 || p.Since.IsZero() || !strings.Contains(p.Title, "v1.1.0") {
		t.Errorf("the pull request is %+v", p)
	}
	if v := standing(all, "b"); v.State != "none" || v.Reason != "empty-listing" {
		t.Errorf("b: %+v", v)
	}
	_, out, _ := s.pawl(nil, "status")
	s.says(out, "VALUE", "pull request #1: ", "open since 2026-03-01 12:")
}

// TestStatusPage: the page of a status is that of its JSON form, and is asked for before anything is read.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	s.brake(0, "hold", "a", "--reason", "load test")
	dir := t.TempDir()
	file := filepath.Join(dir, "status.html")
	want, err := page.Status(s.status("--page", file))
	s.must(nil, err)
	if got := readText(t, file); got != string(want) || !strings.Contains(got, "load test") {
		t.Errorf("the page is another one: %.3000s", got)
	}
	calls := len(s.github.Calls())
	code, out, errs := s.pawl(nil, "status", "--page", dir)
	if code != cli.Usage || out != "" || !strings.Contains(errs, "is a directory") || len(s.github.Calls()) != calls {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}
