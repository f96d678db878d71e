package page_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/page"
)

// aFleet is a run in which profiles ended in each of the ways.
func aFleet() fleet.Report {
	r := fleet.Report{Schema: fleet.ReportSchema, Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Seconds: 12.5, Shard: "0/3", Listings: 61, Uses: 240, Calls: 97}
	for i, s := range []fleet.State{fleet.Quiet, fleet.Unchanged, fleet.Merged, fleet.Planned, fleet.Paused, fleet.Pending, fleet.Partial, fleet.Refused, fleet.Late, fleet.Failed, fleet.Quiet} {
		one := fleet.Result{Profile: fmt.Sprintf("acme/profile-%d", i), Forge: "github", State: s, Calls: 1, Seconds: 0.4}
		switch s {
		case fleet.Merged, fleet.Pending:
			one.Forge, one.Changes, one.Summary, one.Pull = "gitea", 2, "web v1.0.0 -> v1.1.0 and 1 more", "https://git.example/acme/profile/pulls/7"
		case fleet.Failed, fleet.Late, fleet.Refused, fleet.Partial:
			one.Detail, one.Hint = "the variable SHOP_TOKEN is not set", "set it to the token of the profile's forge"
		case fleet.Paused:
			one.Summary = "incident 42"
		}
		if s == fleet.Merged {
			one.Commit, one.Fired = "888948f1f1858039672bfd54a73d97e5af227da5", 3
		}
		r.Profiles = append(r.Profiles, one)
	}
	return r
}

func fleetPage(t testing.TB, r fleet.Report) []byte {
	t.Helper()
	page, err := page.Fleet(r)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// hostileFleet is a report of which every text is the given one.
func hostileFleet(text string) fleet.Report {
	var r fleet.Report
	fill(reflect.ValueOf(&r).Elem(), text)
	return r
}

// TestFleetHeadline: the page of a fleet says first how many profiles need somebody.
func TestFleetHeadline(t *testing.T) {
	t.Parallel()
	of := func(states ...fleet.State) fleet.Report {
		var r fleet.Report
		for _, s := range states {
			r.Profiles = append(r.Profiles, fleet.Result{Profile: "a/b", State: s})
		}
		return r
	}
	for want, r := range map[string]fleet.Report{
		"4 profiles of 11 need somebody":       aFleet(),
		"1 profile of 2 needs somebody":        of(fleet.Quiet, fleet.Late),
		"1 profile of 1 needs somebody – pawl": of("odd"),
		"1 waiting, 2 merged":                  of(fleet.Merged, fleet.Pending, fleet.Merged, fleet.Quiet),
		"Everything is current":                of(fleet.Quiet, fleet.Unchanged),
		"1 to update":                          of(fleet.Planned),
		"Everything is current – pawl":         of(),
	} {
		if page := string(fleetPage(t, r)); !strings.Contains(page, "<title>Fleet: "+want) {
			t.Errorf("the page does not say %s: %s", want, content(page))
		}
	}
}
