package page_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/status"
)

// standings are how the profile of the tests stands: most is current, something is held in each of the ways.
func standings(t testing.TB) status.Status {
	t.Helper()
	r := profile(t)
	ago := func(hours int) time.Time { return r.Started.Add(-time.Duration(hours) * time.Hour) }
	s := status.Status{Schema: status.Schema, Repository: "acme/profile", Base: "main", At: r.Started, Values: []status.Value{
		{Manifest: "sdk-scheme-adapter", Target: "yaml", File: "profiles/pm.yaml", Key: "$.a", State: "held",
			Now: "v24.20.0-infitx.1", Newest: "v24.20.0-infitx.3", Reason: "quarantined",
			Why: "v24.20.0-infitx.3 is quarantined: it leaks memory (ann)", By: "ann", Since: ago(30)},
		{Manifest: "quoting-service", Target: "yaml", File: "profiles/values.yaml", Key: "$.b", State: "held",
			Now: "v17.15.0", Newest: "v17.15.1", Reason: "too-young", Since: ago(2), Until: ago(-70),
			Why: "v17.15.1 was first seen 2 hours ago, and has to be 3 days old"},
	}}
	for _, u := range r.Plan.Changes {
		s.Values = append(s.Values, status.Value{Manifest: u.Manifest, Target: u.Target, File: u.File, Key: u.Key,
			Now: u.Old, Newest: u.New, State: "update", Reason: u.Reason, Since: ago(1)})
	}
	for _, o := range r.Plan.Outcomes {
		if o.Outcome == policy.Update {
			continue
		}
		v := status.Value{Manifest: o.Manifest, Target: o.Target, File: "profiles/values.yaml", Key: "$." + o.Manifest,
			Now: "v1.2.3", State: string(o.Outcome), Reason: string(o.Reason), Why: o.Detail, Hint: o.Hint}
		if o.Outcome == policy.Held {
			v.Since = ago(200)
		}
		s.Values = append(s.Values, v)
	}
	s.Brakes = []status.Brake{
		{Kind: "quarantine", Subject: "pkg:oci/sdk-scheme-adapter?repository_url=docker.io/mojaloop/sdk-scheme-adapter",
			Version: "v24.20.0-infitx.3", Reason: "it leaks memory", By: "ann", At: ago(30)},
		{Kind: "hold", Subject: "helm-mojaloop", Reason: "waits for the migration", By: "bob", At: ago(200), Until: ago(-500)},
	}
	s.Pull = &status.Pull{Number: 7, URL: "https://github.com/acme/profile/pull/7",
		Title: "8 updates: account-lookup-service +7", Updates: 8, Since: ago(1)}
	s.Projects = []status.Project{
		{Name: "dev", Commit: "888948f1f1858039672bfd54a73d97e5af227da5", State: "accepted", Pipeline: 4711,
			URL: "https://gitlab.example/acme/dev/-/pipelines/4711", At: ago(20)},
		{Name: "qa", Commit: "888948f1f1858039672bfd54a73d97e5af227da5", State: "unknown"},
	}
	return s
}

func statusPage(t testing.TB, s status.Status) []byte {
	t.Helper()
	page, err := page.Status(s)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// hostileStatus is a status of which every text is the given one.
func hostileStatus(text string) status.Status {
	var s status.Status
	fill(reflect.ValueOf(&s).Elem(), text)
	return s
}

// TestStatusHeadline: a status page says first what a person should know first.
func TestStatusHeadline(t *testing.T) {
	t.Parallel()
	value := func(state, reason string) status.Value {
		return status.Value{Manifest: "m", State: state, Reason: reason}
	}
	pause := &status.Brake{Kind: "pause", Reason: "incident"}
	for want, s := range map[string]status.Status{
		"The ledger is lost":   {Lost: "there is none", Values: []status.Value{value("failed", "")}},
		"1 value failed":       {Paused: pause, Values: []status.Value{value("failed", "source-failed"), value("held", "held")}},
		"Everything is paused": {Paused: pause, Values: []status.Value{value("held", "held")}},
		"3 values held back": {Values: []status.Value{value("held", "held"), value("held", "too-young"),
			value("update", "quarantined"), value("update", "")}},
		"2 values to update":        {Values: []status.Value{value("update", "newest-match"), value("update", "rolled-back")}},
		"1 value without a match":   {Values: []status.Value{value("none", "no-match"), value("current", "")}},
		"1 value known":             {Values: []status.Value{value("known", "")}},
		"Everything is current":     {Values: []status.Value{value("current", "already-newest")}},
		"1 value failed – a – pawl": {Repository: "a", Values: []status.Value{value("odd", "")}},
	} {
		if page := string(statusPage(t, s)); !strings.Contains(page, "<title>Status: "+want) {
			t.Errorf("the page does not say %s: %s", want, content(page))
		}
	}
}

// filters: each box of a page has a rule that hides the rows beside whose name it stands; there are so many.
func filters(t *testing.T, page []byte, want int) {
	t.Helper()
	all := string(page)
	boxes := regexp.MustCompile(`id="f-([a-z]+)" checked`).FindAllStringSubmatch(all, -1)
	for _, box := range boxes {
		rule := fmt.Sprintf("body:has(#f-%s:not(:checked)) .g-%s", box[1], box[1])
		if !strings.Contains(all, rule) || !strings.Contains(all, `<tr class="g-`+box[1]+`">`) {
			t.Errorf("%s hides nothing", box[1])
		}
	}
	if len(boxes) != want {
		t.Errorf("%d boxes, want %d", len(boxes), want)
	}
}

// TestFilter: each box of the pages hides its rows.
func TestFilter(t *testing.T) {
	t.Parallel()
	filters(t, statusPage(t, standings(t)), 7)
	filters(t, fleetPage(t, aFleet()), 10)
}
