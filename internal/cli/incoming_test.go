package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
)

const (
	listening = "merge: {require: none}\nevents: {source: 'https://github.com/acme/profile', accept: ['https://ci.example']}\n"
	sender    = "https://ci.example/acme"
	upChain   = "6ca3f9c5-1cef-4ce0-861c-2456a69cf137"
	newTag    = "pkg:oci/a?repository_url=docker.io/org/a&tag=v1.1.0"
)

// sent is an event that a build sends: kind is <subject>.<predicate> with its version.
func sent(spec, kind, subject, content string) string {
	custom := "dev.cdevents."
	if strings.HasPrefix(kind, "pawl-") {
		custom = "dev.cdeventsx."
	}
	version, form := fmt.Sprintf(`"specversion":%q`, spec), ""
	if spec == "0.4.1" {
		version, form = `"version":"0.4.1"`, `"type":"artifact",`
	}
	return fmt.Sprintf(`{"context":{%s,"id":"271069a8","source":%q,"type":%q,"timestamp":"2026-03-01T11:59:00Z","chainId":%q},"subject":{%s"id":%q,"content":%s}}`,
		version, sender, custom+kind, upChain, form, subject, content)
}

// structured puts an event into a CloudEvent.
func structured(event string) string {
	var e struct {
		Context struct{ ID, Source, Type string }
	}
	_ = json.Unmarshal([]byte(event), &e) // the test's own
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":%q,"type":%q,"datacontenttype":"application/json","data":%s}`, e.Context.ID, e.Context.Source, e.Context.Type, event)
}

// receive runs the job for an event that comes from stdin, or from a file; act is what happens when it waits first.
func (s *stage) receive(raw string, stdin bool, act func(), args ...string) (code int, report run.Report, printed string) {
	s.Helper()
	file := "-"
	if !stdin {
		file = filepath.Join(s.TempDir(), "event.json")
		s.must(nil, os.WriteFile(file, []byte(raw), 0o600))
	}
	var out, errs strings.Builder
	system := s.system(&out, &errs, map[string]string{"MERGE_TOKEN": canary, "EVENTS_KEY": eventsKey, "LEDGER_KEY": ledgerKey})
	system.In = strings.NewReader(raw)
	system.Sleep = func(ctx context.Context, d time.Duration) error {
		if do := act; do != nil {
			act = nil
			do()
		}
		return s.sleep(ctx, d)
	}
	code = cli.Run(s.Context(), append([]string{"run", "--output", "json", "--root", s.root, "--event", file}, args...), system)
	s.secret("what was printed", out.String()+errs.String())
	if out.Len() > 0 {
		report = read(s.T, out.String())
	}
	if act != nil {
		s.Errorf("it never waited: %s%s", out.String(), errs.String())
	}
	return code, report, errs.String()
}

// TestIncomingPublished shows that a run waits for the published tag and continues the chain of the event, in whichever
// form it comes.
func TestIncomingPublished(t *testing.T) {
	t.Parallel()
	v5, v4 := sent("0.5.1", "artifact.published.0.3.0", newTag, "{}"), sent("0.4.1", "artifact.published.0.2.0", newTag, "{}")
	for name, c := range map[string]struct {
		raw   string
		stdin bool
	}{
		"0.5": {raw: v5}, "0.4.1": {raw: v4}, "structured 0.5": {raw: structured(v5)}, "structured 0.4.1": {raw: structured(v4)}, "stdin": {raw: v5, stdin: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, listening)
			code, report, errs := s.receive(c.raw, c.stdin, func() { s.registry.SetTags("org/a", "v1.0.0", "v1.1.0") })
			if code != cli.OK || s.value("a") != "v1.1.0" {
				t.Fatalf("exit code %d, a is %s: %s", code, s.value("a"), errs)
			}
			want := &run.Incoming{ID: "271069a8", Source: sender, Type: event.ArtifactPublished, At: time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC), Chain: upChain, Artifact: source.ImageArtifact("docker.io/org/a", "v1.1.0", "").String()}
			if diff := cmp.Diff(want, report.Incoming); diff != "" {
				t.Error(diff)
			}
			if says, ok := change.ParseMetadata(s.pull(1).Body); !ok || says.Chain != upChain {
				t.Errorf("the pull request says %+v", says)
			}
			if got := change.ParseTrailers(s.repo.Log("main")[0].Message).Chain; got != upChain {
				t.Errorf("the commit's chain is %q", got)
			}
			for kind, relation := range map[string]string{event.PipelineRunQueued: "TRIGGER", event.VersionFound: "CAUSED_BY"} {
				if chain, related := links(t, report, kind, relation); related != "271069a8" || chain != upChain {
					t.Errorf("%s is %s %q, chain %q", kind, relation, related, chain)
				}
			}
			if !strings.Contains(errs, "pawl: info: incoming event: dev.cdevents.artifact.published from "+sender+": pkg:oci/a?") {
				t.Errorf("stderr: %s", errs)
			}
		})
	}
}

// links returns the chain of the first event of a type, and which event it is related to.
func links(t *testing.T, report run.Report, kind, relation string) (chain, related string) {
	t.Helper()
	for _, raw := range report.Events {
		var e struct {
			Context struct {
				Type, ChainID string
				Links         []struct {
					LinkKind string
					Target   struct{ ContextID string }
				}
			}
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.Context.Type, kind+".") {
			continue
		}
		for _, l := range e.Context.Links {
			if l.LinkKind == relation {
				related = l.Target.ContextID
			}
		}
		return e.Context.ChainID, related
	}
	return "", "there is none"
}

// TestIncomingReported shows what a run says of an event that is no hint, and that it goes on as without one.
func TestIncomingReported(t *testing.T) {
	t.Parallel()
	own := strings.ReplaceAll(sent("0.5.1", "artifact.published.0.3.0", newTag, "{}"), sender, "https://github.com/acme/profile")
	for name, c := range map[string]struct {
		raw, said string
		want      run.Incoming
	}{
		"deleted": {sent("0.5.1", "artifact.deleted.0.2.0", newTag, `{"user":"bob"}`), "dev.cdevents.artifact.deleted from https://ci.example/acme: pkg:oci/a?repository_url=docker.io%2Forg%2Fa&tag=v1.1.0 by bob\n",
			run.Incoming{Type: event.ArtifactDeleted, Artifact: "pkg:oci/a?repository_url=docker.io%2Forg%2Fa&tag=v1.1.0"}},
		"quarantined": {sent("0.5.1", "pawl-artifact.quarantined.0.1.0", newTag, `{"reason":"CVE-1\n::error::x `+strings.ReplaceAll(canary, "/", `\/`)+`"}`), "tag=v1.1.0: CVE-1 ::error::x ***\n",
			run.Incoming{Type: event.ArtifactQuarantined, Artifact: "pkg:oci/a?repository_url=docker.io%2Forg%2Fa&tag=v1.1.0", Reason: "CVE-1 ::error::x ***"}},
		"unknown type": {sent("0.5.1", "incident.reported.0.3.0", "x", "{}"), "ignored: its type means nothing here: dev.cdevents.incident.reported from " + sender + "\n",
			run.Incoming{Type: "dev.cdevents.incident.reported", Ignored: "its type means nothing here"}},
		"unknown version": {sent("0.9.0", "artifact.published.0.3.0", newTag, "{}"), "ignored: its version of CDEvents is not known: ",
			run.Incoming{Type: event.ArtifactPublished, Ignored: "its version of CDEvents is not known"}},
		"own": {own, "ignored: this instance told it itself: ",
			run.Incoming{Type: event.ArtifactPublished, Source: "https://github.com/acme/profile", Ignored: "this instance told it itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, listening)
			s.registry.SetTags("org/b", "v1.0.0", "v1.2.0")
			code, report, errs := s.receive(c.raw, false, nil)
			if code != cli.OK || s.value("a") != "v1.0.0" || s.value("b") != "v1.2.0" || !strings.Contains(errs, "pawl: info: incoming event: ") || !strings.Contains(errs, c.said) {
				t.Errorf("exit code %d, a is %s, b is %s, want %q: %s", code, s.value("a"), s.value("b"), c.said, errs)
			}
			c.want.ID, c.want.Chain, c.want.At = "271069a8", upChain, time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)
			if c.want.Source == "" {
				c.want.Source = sender
			}
			if diff := cmp.Diff(&c.want, report.Incoming); diff != "" {
				t.Error(diff)
			}
			want := "271069a8"
			if c.want.Ignored != "" {
				want = "there is none"
			}
			if chain, trigger := links(t, report, event.PipelineRunQueued, "TRIGGER"); chain != "" || trigger != want {
				t.Errorf("the run was queued by %q in the chain %q", trigger, chain)
			}
			if says, ok := change.ParseMetadata(s.pull(1).Body); !ok || says.Chain == upChain || says.Chain == "" {
				t.Errorf("the pull request says %+v", says)
			}
		})
	}
}

// TestIncomingRefused shows which events end a run before it does anything.
func TestIncomingRefused(t *testing.T) {
	t.Parallel()
	good := sent("0.5.1", "artifact.published.0.3.0", newTag, "{}")
	s := newStage(t, github.Settings{}, listening)
	for name, c := range map[string]struct {
		raw  string
		args []string
		want string
	}{
		"too long":      {raw: good + strings.Repeat(" ", event.MaxIncoming), want: "is longer than 65536 bytes"},
		"empty":         {raw: "", want: "not a JSON object"},
		"cut":           {raw: good[:100], want: "not a JSON object"},
		"no event":      {raw: "{}", want: "it has no context"},
		"no purl":       {raw: sent("0.5.1", "artifact.published.0.3.0", "org/a:v1.1.0", "{}"), want: "subject.id is "},
		"somebody else": {raw: strings.ReplaceAll(good, sender, "https://ci.example.evil/acme"), want: "events from https://ci.example.evil/acme are not accepted"},
		"with a secret": {raw: strings.ReplaceAll(good, sender, "https://evil.example/"+canary), want: "events from https://evil.example/*** are not accepted"},
		"and an image":  {raw: good, args: []string{"--image", "org/b:v1.2.0"}, want: "leave out --image"},
		"and a tag":     {raw: good, args: []string{"--tag", "v1.2.0"}, want: "leave out --image"},
	} {
		for _, stdin := range []bool{true, false} {
			code, report, errs := s.receive(c.raw, stdin, nil, c.args...)
			if code != cli.Usage || report.Schema != "" || !strings.Contains(errs, "pawl: error: --event: ") || !strings.Contains(errs, c.want) || !strings.Contains(errs, "pawl: hint: ") {
				t.Errorf("%s: exit code %d, want %q: %s", name, code, c.want, errs)
			}
		}
	}
	if code, _, errs := s.pawl(nil, "run", "--event", filepath.Join(s.root, "absent.json")); code != cli.Usage {
		t.Errorf("an absent file: exit code %d: %s", code, errs)
	}
	if calls := s.github.Calls(); len(calls) != 0 {
		t.Errorf("GitHub was asked: %v", calls)
	}
	deaf := newStage(t, github.Settings{}, "events: {source: 'https://github.com/acme/profile'}\n")
	if code, _, errs := deaf.receive(good, false, nil); code != cli.Usage || !strings.Contains(errs, "events: {accept: [SOURCE]}") {
		t.Errorf("nobody is accepted: exit code %d: %s", code, errs)
	}
}

// TestIncomingLoop shows that what pawl tells about itself starts nothing by the default name of its source either.
func TestIncomingLoop(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, "events: {accept: ['https://github.com/acme']}\n")
	raw := strings.ReplaceAll(sent("0.5.1", "artifact.published.0.3.0", newTag, "{}"), sender, "https://github.com/acme/profile/")
	code, report, errs := s.receive(raw, false, nil)
	if code != cli.OK || report.Incoming == nil || report.Incoming.Ignored == "" || len(s.repo.Pulls()) != 0 {
		t.Errorf("exit code %d, %+v: %s", code, report.Incoming, errs)
	}
}

// TestIncomingChain shows that a hostile chain stays text and one that is too long is not continued.
func TestIncomingChain(t *testing.T) {
	t.Parallel()
	for _, chain := range []string{`--><script>@alice|[x](y)`, "Pawl-Update:x", strings.Repeat("c", 200), strings.Repeat("c", 201), canary} {
		s := newStage(t, github.Settings{}, listening)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		if code, _, errs := s.receive(strings.ReplaceAll(sent("0.5.1", "artifact.published.0.3.0", newTag, "{}"), upChain, chain), false, nil); code != cli.OK {
			t.Fatalf("%s: exit code %d: %s", chain, code, errs)
		}
		body, message := s.pull(1).Body, s.repo.Log("main")[0].Message
		says, _ := change.ParseMetadata(body)
		trailers := change.ParseTrailers(message)
		want := map[string]string{canary: "***"}[chain]
		if want == "" {
			want = chain
		}
		if continued := says.Chain == want; continued != (len(chain) <= 200) || says.Chain != trailers.Chain || len(says.Chain) < 3 || len(trailers.Updates) != 1 {
			t.Errorf("%s: the pull request says %q, the commit %+v", chain, says.Chain, trailers)
		}
		if strings.Contains(body, "<script>") || strings.Contains(message, "@alice") {
			t.Errorf("%s\n%s", body, message)
		}
		s.secret("the change", body+message)
	}
}
