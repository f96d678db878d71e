package policy

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

var today = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func listing(tags ...string) source.Listing {
	all := make(source.Listing, len(tags))
	for i, t := range tags {
		all[i].Tag = t
	}
	return all
}

// filter compiles a range, which must be right.
func filter(t testing.TB, pattern string) Filter {
	t.Helper()
	f, err := ParseFilter("semver", pattern, "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

type vector struct {
	ID      string
	Tags    []string
	Filter  json.RawMessage
	Want    *string
	Current string
	Policy  struct {
		Channel, Downgrade string
		Loose              bool
		Hold               *struct{ Version, Reason, Until string }
	}
}

func (v vector) filter(t *testing.T) (Filter, error) {
	t.Helper()
	var f struct{ Kind, Pattern, Regex string }
	if err := json.Unmarshal(v.Filter, &f.Pattern); err == nil {
		return ParseFilter("", f.Pattern, "")
	}
	if err := json.Unmarshal(v.Filter, &f); err != nil {
		t.Fatal(err)
	}
	return ParseFilter(f.Kind, f.Pattern, f.Regex)
}

func (v vector) policy(t *testing.T) Policy {
	t.Helper()
	p := Policy{Channel: v.Policy.Channel, Downgrade: Downgrade(v.Policy.Downgrade), Loose: v.Policy.Loose}
	if h := v.Policy.Hold; h != nil {
		until, err := time.Parse(time.DateOnly, h.Until)
		if err != nil {
			t.Fatal(err)
		}
		p.Hold = &Hold{Version: h.Version, Reason: h.Reason, Until: until}
	}
	return p
}

// TestVectors runs the shared cases: which tag the file holds after the decision.
func TestVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/selection-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(data, &file); err != nil || len(file.Vectors) != 42 {
		t.Fatalf("%d vectors, %v", len(file.Vectors), err)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			f, err := v.filter(t)
			if v.Want != nil && *v.Want == "error" {
				if err == nil {
					t.Errorf("the filter is accepted: %s", f)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r := Request{Listing: listing(v.Tags...), Current: v.Current, Filter: f, Policy: v.policy(t), Now: today}
			d := Decide(r)
			got := d.Tag
			if d.Outcome == Held || d.Outcome == Current {
				got = v.Current
			}
			if v.Want == nil && d.Outcome != None || v.Want != nil && got != *v.Want {
				t.Errorf("got %q by %+v", got, d)
			}
			if d.Outcome == Update {
				r.Current = d.Value
				if again := Decide(r); again.Outcome == Update {
					t.Errorf("deciding again moves on: %+v, then %+v", d, again)
				}
			}
		})
	}
}
