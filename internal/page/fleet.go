package page

import (
	"strings"

	"github.com/pawl-cd/pawl/internal/fleet"
)

// fleetView is what the template of a fleet shows.
type fleetView struct {
	Title, Headline, Tone string
	Report                fleet.Report
	Groups                []group
	Profiles              []fleetProfile
}

// fleetProfile is how one profile ended.
type fleetProfile struct {
	fleet.Result
	As   standsAs
	Took string
}

// endings are the words and tones of the states in which profiles end.
var endings = map[fleet.State]standsAs{
	fleet.Failed:    {"failed", "failed", "s-failed", "bad"},
	fleet.Late:      {"late", "late", "s-failed", "bad"},
	fleet.Refused:   {"refused", "refused", "s-failed", "bad"},
	fleet.Partial:   {"partial", "done in part", "s-barred", "bad"},
	fleet.Pending:   {"pending", "waiting", "s-wait", "wait"},
	fleet.Paused:    {"paused", "paused", "s-held", "wait"},
	fleet.Planned:   {"planned", "to update", "s-update", "good"},
	fleet.Merged:    {"merged", "merged", "s-update", "good"},
	fleet.Unchanged: {"unchanged", "current", "s-current", "good"},
	fleet.Quiet:     {"quiet", "quiet", "s-none", "calm"},
}

// Fleet renders the page of how a run of a fleet ended.
func Fleet(r fleet.Report) ([]byte, error) {
	r.Sort()
	v := fleetView{Report: r}
	bad := 0
	for _, one := range r.Profiles {
		as, known := endings[one.State]
		if !known {
			as = endings[fleet.Failed] // a state that nobody knows needs a look
		}
		if as.Tone == "bad" {
			bad++
		}
		v.Profiles = append(v.Profiles, fleetProfile{one, as, took(one.Seconds)})
		if last := len(v.Groups) - 1; last >= 0 && v.Groups[last].standsAs == as {
			v.Groups[last].Count++
		} else {
			v.Groups = append(v.Groups, group{as, 1})
		}
	}
	v.Headline, v.Tone = fleetStands(r, bad)
	v.Title = titled("Fleet: "+v.Headline, r.Shard)
	return page("fleet", v.Title, v)
}

// fleetStands says in one sentence how a fleet stands.
func fleetStands(r fleet.Report, bad int) (text, tone string) {
	if bad > 0 {
		needs := " needs somebody"
		if bad > 1 {
			needs = " need somebody"
		}
		return count(bad, "profile") + " of " + thousands(len(r.Profiles)) + needs, "bad"
	}
	var parts []string
	tone = "good"
	for _, t := range r.Tally() {
		switch t.State {
		case fleet.Pending, fleet.Paused:
			tone = "wait"
		case fleet.Unchanged, fleet.Quiet:
			continue
		}
		parts = append(parts, thousands(t.Count)+" "+endings[t.State].Word)
	}
	if len(parts) == 0 {
		return "Everything is current", "good"
	}
	return strings.Join(parts, ", "), tone
}
