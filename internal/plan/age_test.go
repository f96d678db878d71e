package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/source"
)

// oneDigest gives every tag the same digest.
type oneDigest string

func (d oneDigest) Digest(context.Context, source.Query, string) (string, error) {
	return string(d), nil
}

// TestAgeIsOfTheBytes shows that the age of what a registry has counts for its digest, for images and for charts at oci://, also where
// no digest is written and where only the digest is; a chart of a classic repository has its version alone.
func TestAgeIsOfTheBytes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	const aged = "policy: {age: 2h}\n"
	target := "targets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.a}}}\n"
	for _, c := range []struct{ name, text, source, file string }{
		{"image", follow("o/app", "^1", "a.yaml:$.a"), "docker.io/o/app", "1.0.0"},
		{"pinned image", follow("o/app", "^1", "a.yaml:$.a"), "docker.io/o/app", "1.0.0@" + sumOf("x")},
		{"digest alone", "sources: {s: {kind: dockerimage, spec: {image: o/app, versionfilter: ^1}}}\ntargets: {t0: {kind: yaml, writes: digest, spec: {file: a.yaml, key: $.a}}}\n", "docker.io/o/app", sumOf("x")},
		{"chart", "sources: {s: {kind: helmchart, spec: {url: 'oci://r.example/charts', name: web, versionfilter: {kind: semver, pattern: ^1}}}}\n" + target, "oci://r.example/charts#web", "1.0.0"},
		{"chart of a repository", "sources: {s: {kind: helmchart, spec: {url: 'https://c.example', name: web, versionfilter: {kind: semver, pattern: ^1}}}}\n" + target, "https://c.example#web", "1.0.0"},
	} {
		for seen, want := range map[string]string{sumOf("now"): "update", sumOf("before it moved"): "held"} {
			if c.name == "chart of a repository" {
				seen, want = "", "update"
			}
			p := newPlanner(&world{listings: map[string][]string{c.source: {"1.0.0", "1.1.0"}}}, map[string]string{"a.yaml": "a: '" + c.file + "'\n"})
			p.Digester, p.Now, p.Sightings = oneDigest(sumOf("now")), now, true
			p.Ledger = ledger.Ledger{}.Sight([]ledger.Sighting{{Source: c.source, Tag: "1.1.0", Digest: seen, At: now.Add(-2 * time.Hour)}}, func(_, _ string) bool { return false })
			got := planned(t, p, map[string]string{"app": c.text + aged})
			if o := got.Outcomes[0]; string(o.Outcome) != want || len(got.Seen) == 0 {
				t.Errorf("%s: %s %s, want %s: %s, seen %+v", c.name, o.Outcome, o.Reason, want, o.Detail, got.Seen)
			}
		}
	}
}

// TestAgeOfADigestAlone shows that the next lower version that is old enough is taken there too.
func TestAgeOfADigestAlone(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "1.2.0"}}}, map[string]string{"a.yaml": "a: '" + digestOf("o/app:1.0.0") + "'\n"})
	p.Now, p.Sightings = now, true
	p.Ledger = ledger.Ledger{}.Sight([]ledger.Sighting{{Source: "docker.io/o/app", Tag: "1.1.0", Digest: digestOf("o/app:1.1.0"), At: now.Add(-2 * time.Hour)}}, func(_, _ string) bool { return false })
	got := planned(t, p, map[string]string{"app": "sources: {s: {kind: dockerimage, spec: {image: o/app, versionfilter: ^1}}}\ntargets: {t0: {kind: yaml, writes: digest, spec: {file: a.yaml, key: $.a}}}\npolicy: {age: 2h}\n"})
	if len(got.Changes) != 1 || got.Changes[0].New != digestOf("o/app:1.1.0") {
		t.Errorf("%+v: %+v", got.Changes, got.Outcomes)
	}
}

// TestAgeOfAnImmutableRelease shows that it counts from when GitHub published the release, whenever pawl saw it first; that of any
// other release counts from the first sighting.
func TestAgeOfAnImmutableRelease(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	const manifest = "sources: {s: {kind: githubrelease, spec: {owner: o, repository: r, versionfilter: {kind: semver, pattern: ^1}}}}\n" +
		"targets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.a}}}\npolicy: {age: 2h}\n"
	listed := map[string][]string{"o/r": {"1.0.0", "1.1.0", "1.2.0"}}
	for name, c := range map[string]struct {
		immutable map[string]time.Time
		seen      time.Duration
		want      string
	}{
		"old enough":          {map[string]time.Time{"1.2.0": now.Add(-2 * time.Hour)}, 0, "update newest-match 1.2.0"},
		"too young":           {map[string]time.Time{"1.2.0": now.Add(-time.Hour)}, 0, "held too-young 1.2.0 is too young: published 2026-11-27 11:00 UTC, takes part from 2026-11-27 13:00 UTC on"},
		"seen before it":      {map[string]time.Time{"1.2.0": now.Add(-time.Hour)}, 5 * time.Hour, "held too-young 1.2.0 is too young: published 2026-11-27 11:00 UTC"},
		"the next lower one":  {map[string]time.Time{"1.2.0": now, "1.1.0": now.Add(-3 * time.Hour)}, 0, "update newest-match 1.1.0"},
		"any other":           {nil, 0, "held too-young 1.2.0 is too young: first seen 2026-11-27 12:00 UTC"},
		"any other, seen":     {nil, 2 * time.Hour, "update newest-match 1.2.0"},
		"published to come":   {map[string]time.Time{"1.2.0": now.Add(time.Hour)}, 0, "held too-young 1.2.0 is too young: published 2026-11-27 13:00 UTC"},
		"of the other of two": {map[string]time.Time{"1.1.0": now.Add(-time.Hour)}, 0, "held too-young 1.2.0 is too young: first seen"},
	} {
		p := newPlanner(&world{listings: listed, immutable: c.immutable}, map[string]string{"a.yaml": "a: 1.0.0\n"})
		p.Now, p.Sightings = now, true
		if c.seen > 0 {
			first := ledger.Sighting{Source: "o/r", Tag: "1.2.0", At: now.Add(-c.seen)}
			p.Ledger = ledger.Ledger{}.Sight([]ledger.Sighting{first}, func(_, _ string) bool { return false })
		}
		got := planned(t, p, map[string]string{"app": manifest})
		o := got.Outcomes[0]
		said := fmt.Sprintf("%s %s %s", o.Outcome, o.Reason, o.Detail)
		if len(got.Changes) == 1 {
			said = fmt.Sprintf("%s %s %s", o.Outcome, o.Reason, got.Changes[0].New)
		}
		if !strings.HasPrefix(said, c.want) {
			t.Errorf("%s: %s, want %s", name, said, c.want)
		}
	}
}
