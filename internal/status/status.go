// Package status is how a profile stands, as a value: a line for each value, the brakes that are pulled, the open pull request, and
// what each project deployed last. It is pure.
package status

import (
	"cmp"
	_ "embed" // the schema is a file, so that editors and other tools can use it as well
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
)

// Schema is the version of the status' JSON form.
const Schema = "pawl.status/1"

//go:embed schemas/pawl.status@1.json
var schema string

// SchemaJSON returns the JSON Schema (2020-12) of the JSON form.
func SchemaJSON() []byte { return []byte(schema) }

// Status is how a profile stands. Its JSON form is a contract.
type Status struct {
	Schema     string    `json:"schema"`
	Repository string    `json:"repository"`
	Base       string    `json:"base"`
	At         time.Time `json:"at"`
	// Paused is the brake that stops everything, Lost why the ledger cannot be trusted.
	Paused *Brake `json:"paused,omitempty"`
	Lost   string `json:"lost,omitempty"`
	// Values are in the order in which a person should look: what failed first, what is current last.
	Values []Value `json:"values"`
	Brakes []Brake `json:"brakes"`
	// Pull is the open pull request.
	Pull     *Pull     `json:"pull,omitempty"`
	Projects []Project `json:"projects"`
}

// Value is where one value stands.
type Value struct {
	Manifest string `json:"manifest"`
	Target   string `json:"target,omitempty"`
	File     string `json:"file"`
	Document int    `json:"document,omitempty"`
	Key      string `json:"key"`
	// Now is the text on the base, Newest the version that would be chosen if nothing held it back; empty when it is not known.
	Now    string `json:"now"`
	Newest string `json:"newest,omitempty"`
	// State is the outcome of a plan made now, known when nothing was asked; Reason its code, Why its words.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	Why    string `json:"why,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Since is when it came to stand so, By the person who said so, Until when that ends.
	Since time.Time `json:"since,omitzero"`
	By    string    `json:"by,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Known is the state of a value that is known from the ledger alone.
const Known = "known"

// Brake is a person's word that holds.
type Brake struct {
	Kind    string    `json:"kind"`
	Subject string    `json:"subject,omitempty"`
	Version string    `json:"version,omitempty"`
	Reason  string    `json:"reason"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until,omitzero"`
}

// Pull is the open pull request.
type Pull struct {
	Number  int       `json:"number"`
	URL     string    `json:"url"`
	Title   string    `json:"title"`
	Updates int       `json:"updates"`
	Since   time.Time `json:"since"`
}

// Project is what one project deployed last.
type Project struct {
	Name string `json:"name"`
	// Commit is the newest merged commit that it was told of, State what became of that.
	Commit   string    `json:"commit"`
	State    string    `json:"state"`
	Pipeline int64     `json:"pipeline,omitempty"`
	URL      string    `json:"url,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// Of puts together what was read. Values are those of the plan; nil takes what the ledger knows.
func Of(profile forge.Profile, l ledger.Ledger, pulls []forge.PullState, values []plan.Standing, now time.Time) Status {
	s := Status{Schema: Schema, Repository: profile.Repository, Base: profile.Base, At: now.UTC().Truncate(time.Second), Values: []Value{}, Brakes: []Brake{}, Projects: projects(l)}
	for _, lever := range l.Levers {
		if !lever.Active(now) || !lever.Kind.Known() {
			continue
		}
		b := brake(lever)
		if lever.Kind == ledger.Pause {
			s.Paused = &b
		}
		s.Brakes = append(s.Brakes, b)
	}
	for _, v := range values {
		s.Values = append(s.Values, standing(v))
	}
	if values == nil {
		for _, v := range l.Values {
			s.Values = append(s.Values, Value{Manifest: v.Manifest, File: v.File, Document: v.Document, Key: v.Key, Now: v.Value, State: Known, Since: v.At})
		}
	}
	order := []string{string(policy.Failed), string(policy.Held), string(policy.Update), string(policy.None), string(policy.Current), Known}
	slices.SortStableFunc(s.Values, func(a, b Value) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)), cmp.Compare(a.Manifest, b.Manifest))
	})
	for _, p := range pulls {
		if p.Open() && s.Pull == nil {
			s.Pull = &Pull{Number: p.Number, URL: p.URL, Title: p.Title, Updates: len(p.Says.Updates), Since: p.Created}
		}
	}
	return s
}

func standing(v plan.Standing) Value {
	return Value{Manifest: v.Manifest, Target: v.Target, File: v.File, Document: v.Document, Key: v.Key, Now: v.Now, Newest: v.Newest,
		State: string(v.Decision.Outcome), Reason: string(v.Decision.Reason), Why: v.Decision.Detail, Hint: v.Decision.Hint, Since: v.Since, By: v.Lever.By, Until: v.Lever.Until}
}

func brake(l ledger.Lever) Brake {
	return Brake{Kind: string(l.Kind), Subject: l.Subject, Version: l.Version, Reason: l.Reason, By: l.By, At: l.At, Until: l.Until}
}

// Only is the status of some manifests: their values, and the brakes that concern them. What is the profile's as a whole stays.
func (s Status) Only(manifests []string, concerns func(Brake) bool) Status {
	others := func(v Value) bool { return !slices.Contains(manifests, v.Manifest) }
	s.Values = slices.DeleteFunc(slices.Clone(s.Values), others)
	s.Brakes = slices.DeleteFunc(slices.Clone(s.Brakes), func(b Brake) bool { return !concerns(b) })
	return s
}

// projects are the last claims of each project, by when what they are about was merged.
func projects(l ledger.Ledger) []Project {
	last := map[string]ledger.Claim{}
	for _, c := range l.Claims {
		old, known := last[c.Project]
		if !known || cmp.Or(c.MergedAt.Compare(old.MergedAt), c.At.Compare(old.At)) > 0 {
			last[c.Project] = c
		}
	}
	all := []Project{}
	for _, c := range last {
		all = append(all, Project{Name: c.Project, Commit: c.Commit, State: string(c.State), Pipeline: c.PipelineID, URL: c.URL, At: cmp.Or(c.Queued, c.At)})
	}
	slices.SortFunc(all, func(a, b Project) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
