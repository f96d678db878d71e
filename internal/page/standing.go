package page

import (
	"cmp"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/status"
)

// statusView is what the template of a status shows.
type statusView struct {
	Title, Headline, Tone string
	Status                status.Status
	// Groups are how many values stand alike, those that a person should look at first.
	Groups   []group
	Values   []standing
	Brakes   []brake
	Projects []project
	Sections []section
}

// group is a number of values that stand alike; they can be hidden together.
type group struct {
	standsAs
	Count int
}

// standsAs is a way in which values stand: its id in the page, its word and its tone.
type standsAs struct{ ID, Word, Class, Tone string }

// standing is a value, with its state in one word and for how long it has been so.
type standing struct {
	status.Value
	As  standsAs
	For string
}

// brake is a brake that holds, and for how long it has been pulled.
type brake struct {
	status.Brake
	For string
}

// project is what a project deployed last.
type project struct {
	status.Project
	Word, Tone string
}

// ways are all ways in which values stand, those that a person should look at first.
var ways = []standsAs{
	{"failed", "failed", "s-failed", "bad"},
	{"held", "held", "s-held", "wait"},
	{"waiting", "waiting", "s-wait", "wait"},
	{"barred", "quarantined", "s-barred", "bad"},
	{"update", "to update", "s-update", "good"},
	{"none", "without a match", "s-none", "wait"},
	{"current", "current", "s-current", "good"},
	{"known", "known from the ledger", "s-current", "calm"},
}

// Status renders the page of how a profile stands.
func Status(s status.Status) ([]byte, error) {
	v := newStatusView(s)
	return page("status", v.Title, v)
}

func newStatusView(s status.Status) statusView {
	v := statusView{Status: s}
	for _, one := range s.Values {
		v.Values = append(v.Values, standing{Value: one, As: waysOf(one), For: since(one.Since, s.At)})
	}
	slices.SortStableFunc(v.Values, func(a, b standing) int {
		return cmp.Compare(slices.Index(ways, a.As), slices.Index(ways, b.As))
	})
	for _, b := range s.Brakes {
		v.Brakes = append(v.Brakes, brake{b, since(b.At, s.At)})
	}
	for _, p := range s.Projects {
		v.Projects = append(v.Projects, newProject(p))
	}
	v.Groups = groups(v.Values)
	v.Headline, v.Tone = v.stands()
	v.Title = titled("Status: "+v.Headline, s.Repository)
	v.sections()
	return v
}

// waysOf is how a value stands.
func waysOf(v status.Value) standsAs {
	id := v.State
	switch policy.Reason(v.Reason) {
	case policy.Quarantined:
		id = "barred"
	case policy.TooYoung, policy.GateMissing, policy.PlatformMissing, policy.NotPublished:
		id = "waiting"
	}
	if v.State == string(policy.Failed) || v.State == string(policy.Current) {
		id = v.State
	}
	at := slices.IndexFunc(ways, func(w standsAs) bool { return w.ID == id })
	return ways[max(0, at)] // a state that nobody knows needs a look
}

// since is for how long something has been so.
func since(begun, now time.Time) string {
	if begun.IsZero() || !begun.Before(now) {
		return ""
	}
	return took(now.Sub(begun).Seconds())
}

// groups counts the values that stand alike; the values are in the order of ways.
func groups(all []standing) []group {
	var out []group
	for _, v := range all {
		if last := len(out) - 1; last >= 0 && out[last].standsAs == v.As {
			out[last].Count++
			continue
		}
		out = append(out, group{v.As, 1})
	}
	return out
}

// stands says in one sentence how the profile stands.
func (v statusView) stands() (text, tone string) {
	counts := map[string]int{}
	for _, g := range v.Groups {
		counts[g.ID] = g.Count
	}
	kept := counts["held"] + counts["waiting"] + counts["barred"]
	switch {
	case v.Status.Lost != "":
		return "The ledger is lost", "bad"
	case counts["failed"] > 0:
		return count(counts["failed"], "value") + " failed", "bad"
	case v.Status.Paused != nil:
		return "Everything is paused", "wait"
	case kept > 0:
		return count(kept, "value") + " held back", "wait"
	case counts["update"] > 0:
		return count(counts["update"], "value") + " to update", "good"
	case counts["none"] > 0:
		return count(counts["none"], "value") + " without a match", "wait"
	case counts["known"] > 0:
		return count(counts["known"], "value") + " known", "good"
	}
	return "Everything is current", "good"
}

// newProject names what became of a project's last trigger.
func newProject(p status.Project) project {
	switch p.State {
	case accepted:
		return project{p, "started", "good"}
	case "refused":
		return project{p, "not started", "bad"}
	case "claimed":
		return project{p, "being started", "wait"}
	}
	return project{p, p.State, "bad"}
}

// sections lists the parts that this page has.
func (v *statusView) sections() {
	for _, s := range []struct {
		there    bool
		id, name string
	}{
		{len(v.Brakes) > 0, "brakes", "Brakes"},
		{len(v.Values) > 0, "values", "Values"},
		{v.Status.Pull != nil, "pull", "Pull request"},
		{len(v.Projects) > 0, "projects", "Deployed last"},
	} {
		if s.there {
			v.Sections = append(v.Sections, section{s.id, s.name})
		}
	}
}
