package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
)

// said answers for gates by version; what it does not name is not judged.
type said struct {
	by    map[string]gate.Outcome
	asked []string
}

func (s *said) Judges(_ string, kind source.Kind) bool { return kind == source.Image }

func (s *said) Judge(_ context.Context, name string, of gate.Subject) (gate.Verdict, error) {
	s.asked = append(s.asked, of.Version)
	v := gate.Verdict{Gate: name, Key: "key of " + of.Version, Artifact: of.Artifact, Version: of.Version, Digest: of.Digest, Outcome: s.by[of.Version], Detail: "so it is"}
	if v.Outcome == "" {
		v.Outcome, v.Detail = gate.Broken, "there is no verdict"
	}
	return v, nil
}

// TestOrderOfGates holds chains of candidates with mixed answers against the order: brakes and people first, then existence, age,
// conditions, platforms and programs, candidate by candidate, at most three of them held back.
func TestOrderOfGates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	bad := func(v string) ledger.Lever {
		return ledger.Lever{Kind: ledger.Quarantine, Subject: source.ImageArtifact("docker.io/o/app", v, "").String(), Reason: "broken", By: "alice", At: now}
	}
	for name, c := range map[string]struct {
		value, policy string
		// verdicts are VERSION=pass|deny|broken, young those that nobody saw before, narrow those without arm64.
		verdicts, young, narrow string
		levers                  []ledger.Lever
		people                  string
		// want is outcome, reason, value, and what the detail holds; asked are the versions that the gate was asked about.
		want, asked string
	}{
		"passes":                            {"1.0.0", "gates: [g]", "1.5.0=pass", "", "", nil, "", "update newest-match 1.5.0", "1.5.0"},
		"the next one":                      {"1.0.0", "gates: [g]", "1.5.0=deny 1.4.0=pass", "", "", nil, "", "update newest-match 1.4.0 1.5.0 is denied by the gate g: so it is", "1.5.0 1.4.0"},
		"the third one":                     {"1.0.0", "gates: [g]", "1.5.0=deny 1.4.0=broken 1.3.0=pass", "", "", nil, "", "update newest-match 1.3.0", "1.5.0 1.4.0 1.3.0"},
		"not the fourth one":                {"1.0.0", "gates: [g]", "1.5.0=deny 1.4.0=deny 1.3.0=deny 1.2.0=pass", "", "", nil, "", "held gate-denied - 1.5.0 is denied by the gate g", "1.5.0 1.4.0 1.3.0"},
		"the reason of the newest":          {"1.3.0", "gates: [g]", "1.5.0=broken 1.4.0=deny", "", "", nil, "", "held gate-missing - 1.5.0 is not judged by the gate g: so it is", "1.5.0 1.4.0"},
		"never down":                        {"1.4.0", "gates: [g]", "1.5.0=deny 1.3.0=pass", "", "", nil, "", "held gate-denied - 1.5.0", "1.5.0"},
		"nothing newer":                     {"1.5.0", "gates: [g]", "1.5.0=deny", "", "", nil, "", "current already-newest -", ""},
		"two gates":                         {"1.4.0", "gates: [g, h]", "1.5.0=pass", "", "", nil, "", "update newest-match 1.5.0", "1.5.0 1.5.0"},
		"a quarantined one is not asked":    {"1.0.0", "gates: [g]", "1.5.0=pass 1.4.0=pass", "", "", []ledger.Lever{bad("1.5.0")}, "", "update newest-match 1.4.0", "1.4.0"},
		"quarantined and denied":            {"1.3.0", "gates: [g]", "1.4.0=deny", "", "", []ledger.Lever{bad("1.5.0")}, "", "held gate-denied - 1.4.0 is denied", "1.4.0"},
		"up from a quarantined one":         {"1.3.0", "gates: [g]", "1.5.0=deny 1.4.0=pass", "", "", []ledger.Lever{bad("1.3.0")}, "", "update quarantined 1.4.0", "1.5.0 1.4.0"},
		"up to one that was named":          {"1.3.0", "gates: [g]", "1.4.0=deny", "", "", []ledger.Lever{{Kind: ledger.Quarantine, Subject: bad("1.3.0").Subject, Version: "1.4.0", Reason: "r", At: now}}, "", "update quarantined 1.4.0", ""},
		"held by a lever":                   {"1.0.0", "gates: [g]", "1.5.0=pass", "", "", []ledger.Lever{{Kind: ledger.Hold, Subject: "app", Reason: "r", At: now}}, "", "held held -", ""},
		"held at a version by a lever":      {"1.0.0", "gates: [g]", "1.2.0=deny", "", "", []ledger.Lever{{Kind: ledger.Hold, Subject: "app", Version: "1.2.0", Reason: "r", At: now}}, "", "update held 1.2.0", ""},
		"held by the manifest":              {"1.0.0", "gates: [g], hold: {reason: r}", "1.5.0=pass", "", "", nil, "", "held held -", ""},
		"rejected by people":                {"1.0.0", "gates: [g]", "1.5.0=pass", "", "", nil, "veto 1.5.0", "held vetoed -", ""},
		"rejected, and a gate would deny":   {"1.0.0", "gates: [g]", "1.5.0=deny", "", "", nil, "veto 1.5.0", "held vetoed -", ""},
		"too young before it is judged":     {"1.0.0", "gates: [g], age: 1h", "1.5.0=deny 1.4.0=pass", "1.5.0", "", nil, "", "update newest-match 1.4.0 1.5.0 is too young", "1.4.0"},
		"young and denied count together":   {"1.0.0", "gates: [g], age: 1h", "1.4.0=deny 1.3.0=deny 1.2.0=pass", "1.5.0", "", nil, "", "held too-young - 1.5.0 is too young", "1.4.0 1.3.0"},
		"narrow before it is judged":        {"1.0.0", "gates: [g], platforms: linux/arm64", "1.5.0=pass 1.4.0=pass", "", "1.5.0", nil, "", "update newest-match 1.4.0 1.5.0 is not built for linux/arm64", "1.4.0"},
		"young, narrow and denied":          {"1.0.0", "gates: [g], age: 1h, platforms: linux/arm64", "1.3.0=deny 1.2.0=pass", "1.5.0", "1.4.0", nil, "", "held too-young - 1.5.0", "1.3.0"},
		"young, narrow, and the third":      {"1.0.0", "gates: [g], age: 1h, platforms: linux/arm64", "1.3.0=pass", "1.5.0", "1.4.0", nil, "", "update newest-match 1.3.0", "1.3.0"},
		"denied in the ledger, not judged":  {"1.3.0", "gates: [g]", "1.4.0=pass", "", "", nil, "denied 1.5.0", "update newest-match 1.4.0 1.5.0 is denied by the gate g: as before", "1.5.0 1.4.0"},
		"denied in the ledger, passes now":  {"1.3.0", "gates: [g]", "1.5.0=pass", "", "", nil, "denied 1.5.0", "update newest-match 1.5.0", "1.5.0"},
		"passed in the file, denied before": {"1.3.0", "gates: [g]", "1.5.0=deny 1.4.0=pass", "", "", nil, "denied 1.4.0", "update newest-match 1.4.0", "1.5.0 1.4.0"},
		"an excluded one is not asked":      {"1.0.0", "gates: [g], exclude: 1.5.0", "1.5.0=pass 1.4.0=pass", "", "", nil, "", "update newest-match 1.4.0", "1.4.0"},
		"downgrade: follow, and no further": {"2.0.0", "gates: [g], downgrade: follow", "1.5.0=deny 1.4.0=pass", "", "", nil, "", "held gate-denied - 1.5.0", "1.5.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tags := []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"}
			w := &world{listings: map[string][]string{"docker.io/o/app": tags}, platforms: map[string][]string{}}
			l := ledger.Ledger{}.Brake(c.levers...)
			var seen []ledger.Sighting
			for _, tag := range tags {
				if !strings.Contains(c.young, tag) {
					seen = append(seen, ledger.Sighting{Source: "docker.io/o/app", Tag: tag, Digest: digestOf("o/app:" + tag), At: now.AddDate(0, 0, -1)})
				}
				if w.platforms["docker.io/o/app:"+tag] = []string{"linux/amd64", "linux/arm64"}; strings.Contains(c.narrow, tag) {
					w.platforms["docker.io/o/app:"+tag] = []string{"linux/amd64"}
				}
			}
			l = l.Sight(seen, func(string, string) bool { return false })
			texts := map[string]string{"app": "sources: {s: {kind: dockerimage, spec: {image: o/app, versionfilter: '>=1.0.0'}}}\ntargets: {t: {kind: yaml, spec: {file: a.yaml, key: $.a}}}\npolicy: {" + c.policy + "}\n"}
			manifests := load(t, texts)
			if v, ok := strings.CutPrefix(c.people, "veto "); ok {
				l = l.Veto(ledger.Veto{Place: ledger.Place{File: "a.yaml", Key: "$.a"}, Asker: ledger.Asker{Manifest: "app", Digest: manifests[0].Digest}, Version: v, At: now})
			}
			if v, ok := strings.CutPrefix(c.people, "denied "); ok {
				l.Denials = []ledger.Denial{{Gate: "g", Key: "key of " + v, Source: "docker.io/o/app", Tag: v, Detail: "as before", At: now}}
			}
			judge := &said{by: map[string]gate.Outcome{}}
			for _, one := range words(c.verdicts) {
				version, outcome, _ := strings.Cut(one, "=")
				judge.by[version] = gate.Outcome(outcome)
			}
			p := newPlanner(w, map[string]string{"a.yaml": "a: " + c.value + "\n"})
			p.Now, p.Ledger, p.Judge, p.Sightings = now, l, judge, true
			made, err := p.Plan(t.Context(), manifests)
			if err != nil {
				t.Fatal(err)
			}
			check(t, made, c.want)
			if got := strings.Join(judge.asked, " "); got != c.asked {
				t.Errorf("the gate was asked about %q, want %q", got, c.asked)
			}
		})
	}
}

// check holds the only outcome of a plan against outcome, reason, value (- for none) and a part of the detail.
func check(t *testing.T, made plan.Plan, want string) {
	t.Helper()
	parts := strings.SplitN(want, " ", 4)
	o, value := made.Outcomes[0], "-"
	if len(made.Changes) > 0 {
		value = made.Changes[0].New
	}
	if got := fmt.Sprintf("%s %s %s", o.Outcome, o.Reason, value); got != strings.Join(parts[:3], " ") || len(parts) > 3 && !strings.Contains(o.Detail, parts[3]) {
		t.Errorf("it is %s: %s, want %s", got, o.Detail, want)
	}
}
