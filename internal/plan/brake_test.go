package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
)

// pasts is what stood in a file, the newest first.
type pasts []plan.Revision

func (p pasts) Past(context.Context, ledger.Place, string) ([]plan.Revision, error) { return p, nil }

// merged is a past in which the key a had these values, the newest first.
func merged(values ...string) pasts {
	var all pasts
	for _, v := range values {
		all = append(all, plan.Revision{Bytes: []byte("a: " + v + "\n")})
	}
	return all
}

// TestOrderOfADecision holds every pair of levers that can meet against the order: quarantine, rollback, the ledger's hold, the
// manifest's hold, people's edits and vetoes, the filter.
func TestOrderOfADecision(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	at := ledger.Place{File: "a.yaml", Key: "$.a"}
	bad := func(versions ...string) (all []ledger.Lever) {
		for _, v := range versions {
			a, err := source.ParseNamed("o/app:" + v)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ledger.Lever{Kind: ledger.Quarantine, Subject: a.String(), Reason: "broken", By: "alice", At: now})
		}
		return all
	}
	use := func(version, to string) []ledger.Lever {
		all := bad(version)
		all[0].Version = to
		return all
	}
	hold := func(version string) []ledger.Lever {
		return []ledger.Lever{{Kind: ledger.Hold, Subject: "app", Version: version, Reason: "load test", By: "bob", At: now}}
	}
	back := func(version string) []ledger.Lever {
		return []ledger.Lever{{Kind: ledger.Rollback, Subject: "app", Version: version, Reason: "errors", By: "carol", At: now}}
	}
	until := func(end time.Time, levers []ledger.Lever) []ledger.Lever {
		for i := range levers {
			levers[i].Until = end
		}
		return levers
	}
	join := func(lists ...[]ledger.Lever) (all []ledger.Lever) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	const manifestHold = "policy: {hold: {reason: freeze}}\n"
	const holdAt = "policy: {hold: {version: 1.1.0, reason: freeze}}\n"
	edited, vetoed12, vetoed11, vetoed10 := "edited", "veto 1.2.0", "veto 1.1.0", "veto 1.0.0"
	for _, c := range []struct {
		name   string
		value  string
		more   string // the manifest's policy
		people string
		levers []ledger.Lever
		past   []string
		// want is outcome, reason, value and what the detail holds.
		want string
	}{
		{"nothing", "1.1.0", "", "", nil, nil, "update newest-match 1.2.0"},
		{"the candidate is quarantined", "1.1.0", "", "", bad("1.2.0"), nil, "held quarantined - broken (alice)"},
		{"one of two candidates", "1.0.0", "", "", bad("1.2.0"), nil, "update newest-match 1.1.0 1.2.0 is quarantined"},
		{"the one in the middle", "1.0.0", "", "", bad("1.1.0"), nil, "update newest-match 1.2.0"},
		{"every candidate", "1.0.0", "", "", bad("1.1.0", "1.2.0"), nil, "held quarantined - broken (alice)"},
		{"all that there is", "1.1.0", "", "", bad("1.0.0", "1.1.0", "1.2.0"), []string{"1.1.0", "1.0.0"}, "failed quarantined - nothing that may be written is newer"},
		{"the present one, something newer", "1.1.0", "", "", bad("1.1.0"), nil, "update quarantined 1.2.0 1.2.0 is newer"},
		{"the present one, merged before", "1.2.0", "", "", bad("1.2.0"), []string{"1.2.0", "1.0.0"}, "update quarantined 1.0.0 merged here before"},
		{"the highest that was merged, not the last", "1.2.0", "", "", bad("1.2.0"), []string{"1.2.0", "1.0.0", "1.1.0"}, "update quarantined 1.1.0"},
		{"the present one and the one before", "1.2.0", "", "", bad("1.2.0", "1.1.0"), []string{"1.2.0", "1.1.0", "1.0.0"}, "update quarantined 1.0.0"},
		{"the present one, no past", "1.2.0", "", "", bad("1.2.0"), nil, "failed quarantined - merged here before"},
		{"the present one, nothing lower was merged", "1.2.0", "", "", bad("1.2.0"), []string{"1.2.0"}, "failed quarantined"},
		{"the past is no longer listed", "1.2.0", "", "", bad("1.2.0"), []string{"1.2.0", "0.9.0"}, "failed quarantined"},
		{"the past is outside of the filter", "1.2.0", "versionfilter", "", bad("1.2.0"), []string{"1.2.0", "1.0.0"}, "failed quarantined"},
		{"with a version that was named", "1.2.0", "", "", use("1.2.0", "1.1.0"), nil, "update quarantined 1.1.0 which was named"},
		{"with a version that is not listed", "1.2.0", "", "", use("1.2.0", "1.1.5"), []string{"1.2.0", "1.0.0"}, "update quarantined 1.0.0"},
		{"with a version that is quarantined too", "1.2.0", "", "", join(use("1.2.0", "1.1.0"), bad("1.1.0")), []string{"1.2.0", "1.0.0"}, "update quarantined 1.0.0"},
		{"until yesterday", "1.1.0", "", "", until(now.Add(-time.Second), bad("1.2.0")), nil, "update newest-match 1.2.0"},
		{"until tomorrow", "1.1.0", "", "", until(now.Add(time.Hour), bad("1.2.0")), nil, "held quarantined - until 2026-11-27 13:00 UTC"},
		{"until this moment", "1.1.0", "", "", until(now, bad("1.2.0")), nil, "update newest-match 1.2.0"},

		{"quarantine and the ledger's hold", "1.2.0", "", "", join(bad("1.2.0"), hold("")), []string{"1.2.0", "1.1.0"}, "update quarantined 1.1.0"},
		{"quarantine and a hold at it", "1.1.0", "", "", join(bad("1.2.0"), hold("1.2.0")), nil, "held quarantined - to be held at 1.2.0"},
		{"quarantine of a candidate and a hold", "1.1.0", "", "", join(bad("1.2.0"), hold("")), nil, "held held - load test (bob)"},
		{"quarantine and the manifest's hold", "1.2.0", manifestHold, "", bad("1.2.0"), []string{"1.2.0", "1.1.0"}, "update quarantined 1.1.0"},
		{"quarantine of what the manifest holds", "1.0.0", holdAt, "", bad("1.1.0"), nil, "held quarantined - to be held at 1.1.0"},
		{"quarantine and rollback", "1.2.0", "", "", join(bad("1.2.0"), back("1.0.0")), []string{"1.2.0", "1.1.0", "1.0.0"}, "update rolled-back 1.0.0 1.2.0 is quarantined"},
		{"quarantine and rollback to it", "1.2.0", "", "", join(bad("1.2.0"), back("1.2.0")), []string{"1.2.0", "1.1.0"}, "update quarantined 1.1.0"},
		{"quarantine of what was rolled back to", "1.0.0", "", "", join(bad("1.0.0"), back("1.0.0")), []string{"1.0.0", "1.2.0"}, "failed quarantined"},
		{"quarantine of what was rolled back to, something lower", "1.1.0", "", "", join(bad("1.1.0"), back("1.1.0")), []string{"1.1.0", "1.2.0", "1.0.0"}, "update quarantined 1.0.0"},
		{"quarantine, rollback and --use", "1.2.0", "", "", join(use("1.2.0", "1.1.0"), back("1.0.0")), nil, "update quarantined 1.1.0 which was named"},
		{"quarantine and the ledger's hold at another", "1.2.0", "", "", join(bad("1.2.0"), hold("1.0.0")), []string{"1.2.0", "1.1.0"}, "update quarantined 1.0.0 held at 1.0.0"},
		{"quarantine and the manifest's hold at another", "1.0.0", holdAt, "", bad("1.0.0"), nil, "update quarantined 1.1.0 held at 1.1.0"},
		{"after it the rollback", "1.1.0", "", "", join(bad("1.2.0"), back("1.0.0")), []string{"1.1.0", "1.2.0", "1.0.0"}, "update rolled-back 1.0.0"},
		{"rollback to what is quarantined", "1.2.0", "", "", join(bad("1.1.0"), back("1.1.0")), nil, "failed rolled-back - to be rolled back"},
		{"quarantine and an edit", "1.2.0", "", edited, bad("1.2.0"), []string{"1.1.0", "1.0.0"}, "update quarantined 1.1.0"},
		{"quarantine and a veto of the very version", "1.2.0", "", vetoed11, bad("1.2.0"), []string{"1.2.0", "1.1.0"}, "failed quarantined"},
		{"quarantine and an earlier veto of one way out", "1.2.0", "", vetoed11, bad("1.2.0"), []string{"1.2.0", "1.1.0", "1.0.0"}, "update quarantined 1.0.0"},
		{"quarantine and a later veto of the very version", "1.2.0", "", "later " + vetoed11, bad("1.2.0"), []string{"1.2.0", "1.1.0", "1.0.0"}, "held vetoed - rejected 1.1.0"},
		{"quarantine upward and an earlier veto, down", "1.1.0", "", vetoed12, bad("1.1.0"), []string{"1.1.0", "1.0.0"}, "update quarantined 1.0.0"},
		{"quarantine and a veto of another version", "1.2.0", "", vetoed12, bad("1.2.0"), []string{"1.2.0", "1.1.0"}, "update quarantined 1.1.0"},
		{"quarantine upward and a veto of what is newer", "1.1.0", "", vetoed12, bad("1.1.0"), nil, "failed quarantined"},
		{"a veto, and the candidate is quarantined", "1.0.0", "", vetoed11, bad("1.2.0"), nil, "held vetoed"},

		{"rollback to a version", "1.2.0", "", "", back("1.0.0"), nil, "update rolled-back 1.0.0 errors (carol)"},
		{"rollback to the last different one", "1.2.0", "", "", back(""), []string{"1.2.0", "1.2.0", "1.0.0", "1.1.0"}, "update rolled-back 1.0.0"},
		{"rollback that is done", "1.0.0", "", "", back("1.0.0"), nil, "held rolled-back - rolled back to 1.0.0"},
		{"rollback that is done and was merged", "1.0.0", "", "", back(""), []string{"1.2.0", "1.0.0"}, "held rolled-back"},
		{"rollback without a past", "1.2.0", "", "", back(""), nil, "failed rolled-back - nothing that was merged"},
		{"rollback without another past", "1.2.0", "", "", back(""), []string{"1.2.0", "1.2.0"}, "failed rolled-back"},
		{"rollback to what is not listed", "1.2.0", "", "", back("0.9.0"), nil, "failed rolled-back - to be rolled back: to be held at 0.9.0, which is not listed"},
		{"rollback past what is quarantined", "1.2.0", "", "", join(back(""), bad("1.1.0")), []string{"1.2.0", "1.1.0", "1.0.0"}, "update rolled-back 1.0.0"},
		{"rollback to what is gone", "1.2.0", "", "", back(""), []string{"1.2.0", "0.9.0", "1.0.0"}, "failed rolled-back - 0.9.0, which is not listed"},
		{"rollback that ended", "1.0.0", "", "", until(now.Add(-1), back("1.0.0")), nil, "update newest-match 1.2.0"},
		{"rollback and the ledger's hold", "1.2.0", "", "", join(back("1.0.0"), hold("1.1.0")), nil, "update rolled-back 1.0.0"},
		{"rollback and the manifest's hold", "1.2.0", manifestHold, "", back("1.0.0"), nil, "update rolled-back 1.0.0"},
		{"rollback and the manifest's hold at another", "1.2.0", holdAt, "", back("1.0.0"), nil, "update rolled-back 1.0.0"},
		{"rollback and an edit", "1.2.0", "", edited, back("1.0.0"), nil, "update rolled-back 1.0.0"},
		{"rollback and a veto of the very version", "1.2.0", "", vetoed10, back("1.0.0"), nil, "failed vetoed - rejected 1.0.0"},
		{"rollback and a later veto of the very version", "1.2.0", "", "later " + vetoed10, back("1.0.0"), nil, "held vetoed - rejected 1.0.0"},
		{"rollback and a veto of another", "1.2.0", "", vetoed12, back("1.0.0"), nil, "update rolled-back 1.0.0"},
		{"rollback of what another manifest has", "1.1.0", "", "", []ledger.Lever{{Kind: ledger.Rollback, Subject: "other", Version: "1.0.0"}}, nil, "update newest-match 1.2.0"},

		{"the ledger's hold", "1.1.0", "", "", hold(""), nil, "held held - held at 1.1.0: load test (bob)"},
		{"the ledger's hold at a version", "1.0.0", "", "", hold("1.1.0"), nil, "update held 1.1.0"},
		{"the ledger's hold at a lower version", "1.2.0", "", "", hold("1.1.0"), nil, "update held 1.1.0"},
		{"the ledger's hold that ended", "1.1.0", "", "", until(now.Add(-1), hold("")), nil, "update newest-match 1.2.0"},
		{"the ledger's hold and the manifest's", "1.0.0", holdAt, "", hold(""), nil, "held held - held at 1.0.0: load test"},
		{"the ledger's hold at a version and the manifest's", "1.0.0", manifestHold, "", hold("1.2.0"), nil, "update held 1.2.0"},
		{"the ledger's ended hold and the manifest's", "1.0.0", holdAt, "", until(now.Add(-1), hold("")), nil, "update held 1.1.0"},
		{"the ledger's hold and a veto", "1.1.0", "", vetoed12, hold(""), nil, "held held"},
		{"the ledger's hold at a version and a veto of it", "1.1.0", "", vetoed12, hold("1.2.0"), nil, "held vetoed"},
		{"the ledger's hold and an edit", "1.1.0", "", edited, hold(""), nil, "held held"},
		{"a hold of another manifest", "1.1.0", "", "", []ledger.Lever{{Kind: ledger.Hold, Subject: "other"}}, nil, "update newest-match 1.2.0"},
		{"the manifest's hold", "1.1.0", manifestHold, "", nil, nil, "held held - freeze"},
		{"the manifest's hold and a quarantined candidate", "1.1.0", manifestHold, "", bad("1.2.0"), nil, "held held - freeze"},
		{"an edit", "1.1.0", "", edited, nil, nil, "held people-edit"},
		{"an edit and a quarantined candidate", "1.1.0", "", edited, bad("1.2.0"), nil, "held quarantined"},
		{"a veto", "1.1.0", "", vetoed12, nil, nil, "held vetoed"},
		{"a pause is the run's business", "1.1.0", "", "", []ledger.Lever{{Kind: ledger.Pause, Reason: "incident"}}, nil, "update newest-match 1.2.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := follow("o/app", "^1", "a.yaml:$.a")
			if c.more == "versionfilter" {
				text = follow("o/app", ">=1.1", "a.yaml:$.a")
			} else {
				text += c.more
			}
			texts := map[string]string{"app": text}
			asker := ledger.Asker{Manifest: "app", Digest: load(t, texts)[0].Digest}
			var l ledger.Ledger
			people, later := strings.CutPrefix(c.people, "later ")
			if version, ok := strings.CutPrefix(people, "veto "); ok {
				when := now.Add(-time.Minute)
				if later {
					when = now.Add(time.Minute)
				}
				l = l.Veto(ledger.Veto{Place: at, Asker: asker, Version: version, At: when})
			} else if c.people != "" {
				l = l.Written(ledger.Value{Place: at, Asker: asker, Value: "1.2.0", Version: "1.2.0"})
				if c.value == "1.2.0" { // a person went up to it
					l = l.Written(ledger.Value{Place: at, Asker: asker, Value: "1.1.0", Version: "1.1.0"})
				}
			}
			p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "1.2.0"}}}, map[string]string{"a.yaml": "a: " + c.value + "\n"})
			p.Ledger, p.Now, p.Past = l.Brake(c.levers...), now, merged(c.past...)
			got := planned(t, p, texts)
			o, value := got.Outcomes[0], "-"
			if len(got.Changes) > 0 {
				value = got.Changes[0].New
			}
			said := fmt.Sprintf("%s %s %s %s", o.Outcome, o.Reason, value, o.Detail)
			words := strings.SplitN(c.want+" ", " ", 4)
			head := strings.TrimSpace(strings.Join(words[:3], " "))
			if !strings.HasPrefix(said, head) || len(words) > 3 && !strings.Contains(o.Detail, strings.TrimSpace(words[3])) {
				t.Errorf("said %q, want %q", said, c.want)
			}
			if o.Detail == "" {
				t.Error("it does not say why")
			}
		})
	}
}

// TestQuarantineByDigest shows that a quarantined digest bars every tag that has it, and is left wherever it stands.
func TestQuarantineByDigest(t *testing.T) {
	t.Parallel()
	digest := digestOf("o/app:1.2.0")
	a, err := source.ParseNamed("o/app@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.Ledger{}.Brake(ledger.Lever{Kind: ledger.Quarantine, Subject: a.String(), Reason: "broken"})
	for _, c := range []struct{ file, want string }{
		{"a: 1.1.0\n", "app/t0 held quarantined"},
		{"a: 1.0.0\n", "app/t0 update newest-match"},
		{"a: 1.2.0\n", "app/t0 update quarantined"},
		{"a: 1.2.0@" + digest + "\n", "app/t0 update quarantined"},
		{"a: 1.2.0@" + digestOf("another") + "\n", "app/t0 held digest-moved"},
	} {
		p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "1.2.0"}}}, map[string]string{"a.yaml": c.file})
		p.Ledger, p.Past = l, merged("1.2.0", "1.1.0")
		got := planned(t, p, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})
		if said := outcomes(got); said[0] != c.want {
			t.Errorf("%q: %v, want %s: %s", c.file, said, c.want, got.Outcomes[0].Detail)
		}
		for _, u := range got.Changes {
			if u.Digest == digest || u.Version == "1.2.0" {
				t.Errorf("%q: wrote what is quarantined: %+v", c.file, u)
			}
		}
	}
}

// brakedBy is a ledger with quarantines of artifacts as people name them.
func brakedBy(t *testing.T, names ...string) ledger.Ledger {
	t.Helper()
	l := ledger.Ledger{}
	for _, name := range names {
		a, err := source.ParseNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		l = l.Brake(ledger.Lever{Kind: ledger.Quarantine, Subject: a.String(), Reason: "broken"})
	}
	return l
}

// TestQuarantineOfADigestThatMoved shows that a value which is pinned to a good digest stays when its tag has a quarantined one by
// now: a quarantine of other bytes brings nothing down, in whatever order values are asked.
func TestQuarantineOfADigestThatMoved(t *testing.T) {
	t.Parallel()
	good, bad := sumOf("good"), digestOf("o/app:1.2.0")
	for _, more := range []string{"", "policy: {digest: follow}\n"} {
		texts := map[string]string{
			"a": follow("o/app", "^1", "a.yaml:$.a") + more, "b": follow("o/app", "^1", "a.yaml:$.b") + more, "c": follow("o/app", "^1", "a.yaml:$.c") + more,
		}
		p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "1.2.0"}}},
			map[string]string{"a.yaml": "a: 1.2.0@" + good + "\nb: 1.2.0@" + good + "\nc: 1.1.0@" + digestOf("o/app:1.1.0") + "\n"})
		p.Ledger, p.Past = brakedBy(t, "o/app@"+bad), merged("1.2.0", "1.1.0")
		got := planned(t, p, texts)
		if len(got.Changes) > 0 {
			t.Errorf("%q: %+v", more, got.Changes)
		}
		for _, o := range got.Outcomes {
			if o.Outcome != "held" {
				t.Errorf("%q: %+v", more, o)
			}
		}
	}
}

// TestQuarantineOfWhatIsWritten shows that the tag which transformers make is barred and left by its own name and by its digest.
func TestQuarantineOfWhatIsWritten(t *testing.T) {
	t.Parallel()
	text := strings.Replace(follow("o/app", "^1", "a.yaml:$.a"), "kind: yaml,", "kind: yaml, transformers: [{addsuffix: -alpine}],", 1)
	for _, name := range []string{"o/app:1.2.0-alpine", "o/app@" + digestOf("o/app:1.2.0-alpine")} {
		for value, want := range map[string]string{"1.2.0-alpine": "1.1.0-alpine", "1.0.0-alpine": "1.1.0-alpine", "1.1.0-alpine": ""} {
			p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "1.2.0", "1.0.0-alpine", "1.1.0-alpine", "1.2.0-alpine"}}},
				map[string]string{"a.yaml": "a: " + value + "\n"})
			p.Ledger, p.Past = brakedBy(t, name), merged("1.2.0-alpine", "1.1.0-alpine")
			got := planned(t, p, map[string]string{"app": text})
			wrote := ""
			if len(got.Changes) > 0 {
				wrote = got.Changes[0].New
			}
			if wrote != want || got.Failed() {
				t.Errorf("%s, at %s: wrote %q, want %q: %+v", name, value, wrote, want, got.Outcomes)
			}
		}
	}
}

// TestQuarantineOfAChartByDigest shows that a chart in a registry stays away from a quarantined digest once it left it.
func TestQuarantineOfAChartByDigest(t *testing.T) {
	t.Parallel()
	const chart = "sources: {s: {kind: helmchart, spec: {url: 'oci://r.example/charts', name: web, versionfilter: {kind: semver, pattern: ^1}}}}\ntargets: {t0: {kind: yaml, spec: {file: a.yaml, key: $.a}}}\n"
	w := &world{listings: map[string][]string{"oci://r.example/charts#web": {"1.0.0", "1.1.0"}}}
	a := source.ImageArtifact("r.example/charts/web", "", sumOf("oci://r.example/charts#web:1.1.0"))
	for value, want := range map[string]string{"1.1.0": "1.0.0", "1.0.0": ""} {
		p := newPlanner(w, map[string]string{"a.yaml": "a: " + value + "\n"})
		p.Ledger, p.Past = brakedBy(t, a.String()), merged("1.1.0", "1.0.0")
		got := planned(t, p, map[string]string{"web": chart})
		wrote := ""
		if len(got.Changes) > 0 {
			wrote = got.Changes[0].New
		}
		if wrote != want || got.Failed() {
			t.Errorf("at %s: wrote %q, want %q: %+v", value, wrote, want, got.Outcomes)
		}
	}
}

// TestBackToTheBytesThatWereMerged shows that a pinned value goes back to a version only while the registry has the bytes that were
// merged here, behind the version or beside it.
func TestBackToTheBytesThatWereMerged(t *testing.T) {
	t.Parallel()
	old, now := sumOf("of old"), digestOf("o/app:1.1.0")
	back := ledger.Ledger{}.Brake(ledger.Lever{Kind: ledger.Rollback, Subject: "app", Reason: "errors"})
	beside := follow("o/app", "^1", "a.yaml:$.a.tag") + "  t1: {kind: yaml, writes: digest, spec: {file: a.yaml, key: $.a.digest}}\n"
	for _, c := range []struct {
		name, text, file, past, want string
	}{
		{"the same bytes", follow("o/app", "^1", "a.yaml:$.a"), "a: 1.2.0@" + digestOf("o/app:1.2.0"), "a: 1.1.0@" + now, "update"},
		{"other bytes", follow("o/app", "^1", "a.yaml:$.a"), "a: 1.2.0@" + digestOf("o/app:1.2.0"), "a: 1.1.0@" + old, "failed digest-moved"},
		{"other bytes are followed", follow("o/app", "^1", "a.yaml:$.a") + "policy: {digest: follow}\n", "a: 1.2.0@" + digestOf("o/app:1.2.0"), "a: 1.1.0@" + old, "update"},
		{"unpinned then", follow("o/app", "^1", "a.yaml:$.a"), "a: 1.2.0@" + digestOf("o/app:1.2.0"), "a: 1.1.0", "update"},
		{"the same bytes beside", beside, "a: {tag: 1.2.0, digest: '" + digestOf("o/app:1.2.0") + "'}", "a: {tag: 1.1.0, digest: '" + now + "'}", "update"},
		{"other bytes beside", beside, "a: {tag: 1.2.0, digest: '" + digestOf("o/app:1.2.0") + "'}", "a: {tag: 1.1.0, digest: '" + old + "'}", "failed digest-moved"},
	} {
		for brake, l := range map[string]ledger.Ledger{"rollback": back, "quarantine": brakedBy(t, "o/app:1.2.0")} {
			p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.1.0", "1.2.0"}}}, map[string]string{"a.yaml": c.file + "\n"})
			p.Ledger, p.Past = l, pasts{{Bytes: []byte(c.file + "\n")}, {Bytes: []byte(c.past + "\n")}}
			got := planned(t, p, map[string]string{"app": c.text})
			for _, o := range got.Outcomes {
				if said := string(o.Outcome) + " " + string(o.Reason); !strings.HasPrefix(said, c.want) {
					t.Errorf("%s by %s: %s, want %s: %s", c.name, brake, said, c.want, o.Detail)
				}
			}
		}
	}
}

// TestBrakesOfADigestAlone shows that a digest without its tag is never moved down or kept silently by a brake.
func TestBrakesOfADigestAlone(t *testing.T) {
	t.Parallel()
	text := strings.Replace(follow("o/app", "^1", "a.yaml:$.a"), "kind: yaml,", "kind: yaml, writes: digest,", 1)
	rollback := func(version string) ledger.Ledger {
		return ledger.Ledger{}.Brake(ledger.Lever{Kind: ledger.Rollback, Subject: "app", Version: version, Reason: "errors"})
	}
	for _, c := range []struct {
		name, file string
		ledger     ledger.Ledger
		want       string
	}{
		{"quarantine of the newest, the version is unknown", digestOf("o/app:1.1.0"), brakedBy(t, "o/app:1.2.0"), "held quarantined -"},
		{"quarantine of the newest, which it is", digestOf("o/app:1.2.0"), brakedBy(t, "o/app:1.2.0"), "held quarantined -"},
		{"quarantine of the digest that stands there", digestOf("o/app:1.2.0"), brakedBy(t, "o/app@"+digestOf("o/app:1.2.0")), "failed quarantined -"},
		{"rollback", digestOf("o/app:1.2.0"), rollback(""), "failed rolled-back -"},
		{"rollback to a version", digestOf("o/app:1.2.0"), rollback("1.1.0"), "update rolled-back " + digestOf("o/app:1.1.0")},
		{"nothing", digestOf("o/app:1.1.0"), ledger.Ledger{}, "update newest-match " + digestOf("o/app:1.2.0")},
	} {
		p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "1.2.0"}}}, map[string]string{"a.yaml": "a: '" + c.file + "'\n"})
		p.Ledger, p.Past = c.ledger, pasts{{Bytes: []byte("a: '" + c.file + "'\n")}, {Bytes: []byte("a: '" + digestOf("o/app:1.0.0") + "'\n")}}
		got := planned(t, p, map[string]string{"app": text})
		wrote := "-"
		if len(got.Changes) > 0 {
			wrote = got.Changes[0].New
		}
		o := got.Outcomes[0]
		if said := fmt.Sprintf("%s %s %s", o.Outcome, o.Reason, wrote); said != c.want {
			t.Errorf("%s: %s, want %s: %s", c.name, said, c.want, o.Detail)
		}
	}
}

// TestPastOfMergesOnly shows what of the past counts: what a commit left, and what it replaced where that is certain.
func TestPastOfMergesOnly(t *testing.T) {
	t.Parallel()
	a, _ := source.ParseNamed("o/app:1.2.0")
	l := ledger.Ledger{}.Brake(ledger.Lever{Kind: ledger.Quarantine, Subject: a.String(), Reason: "broken"})
	for _, c := range []struct {
		name     string
		replaced []change.Update
		want     string
	}{
		{"unknown", nil, "app/t0 failed quarantined"},
		{"certain", []change.Update{{File: "a.yaml", Key: "$.a", Old: "1.0.0"}}, "app/t0 update quarantined"},
		{"of another key", []change.Update{{File: "a.yaml", Key: "$.b", Old: "1.0.0"}}, "app/t0 failed quarantined"},
	} {
		p := newPlanner(&world{listings: map[string][]string{"docker.io/o/app": {"1.0.0", "1.1.0", "1.2.0"}}}, map[string]string{"a.yaml": "a: 1.2.0\n"})
		p.Ledger, p.Past = l, pasts{{Bytes: []byte("a: 1.2.0\n"), Replaced: c.replaced}, {Bytes: []byte("other: file\n")}, {Bytes: []byte("{")}}
		if said := outcomes(planned(t, p, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.a")})); said[0] != c.want {
			t.Errorf("%s: %v, want %s", c.name, said, c.want)
		}
	}
}
