package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/past"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
)

// Commit is a commit of the profile as git tells it. Its message is untrusted.
type Commit struct {
	SHA     string
	At      time.Time
	Message string
}

// Value is a tracked value over time, and what it follows.
type Value struct {
	past.Series
	Source change.Source
}

// History is how versions moved: one line for each manifest, ordered by name; one for each of its files where the values of
// a manifest stand in several and git tells of each.
type History struct {
	// Profile is whose history it is, as far as that is known.
	Profile string
	Lines   []Line
	// Runs are the reports, the newest first; Commits counts the commits that name updates,
	// Among how many there are in all, when that is known, and Values the tracked values of which git tells.
	Runs    []run.Report
	Commits int
	Among   int
	Values  int
	// Begin and End are the first and the last time of which anything is known; Now is the time at which the page is made,
	// End when it is zero.
	Begin, End, Now time.Time
}

// Line is the history of one manifest, the oldest first.
type Line struct {
	Manifest string
	// Source is what it follows, as far as that is known; File is where its values stand, the first one's where they are
	// apart. Now is what git says stands there.
	Source   change.Source
	File     string
	Now      string
	Moves    []Move
	Failures []Trouble
}

// Move is one version that took the place of another.
type Move struct {
	Old, New string
	Places   []string
	// Seen is when the new version was known first, and How by what: its publication, an announcement, or the first run
	// that saw it.
	Seen time.Time
	How  How
	// Merged is zero for what is not merged, as far as is known.
	Merged time.Time
	Commit string
	// Author is who made the commit, when git tells what it changed.
	Author string
	// Pull is the number of the pull request, URL its page.
	Pull int
	URL  string
}

// How says what a version was known by first.
type How string

// The ways in which a version becomes known.
const (
	Published How = "published"
	Announced How = "announced"
	FirstSeen How = "first seen"
)

// Trouble is a failure of a manifest, over all runs that had it.
type Trouble struct {
	Reason, Detail string
	// Times are when the runs began, the oldest first.
	Times []time.Time
}

// First is the earliest time.
func (t Trouble) First() time.Time { return t.Times[0] }

// Last is the latest time.
func (t Trouble) Last() time.Time { return t.Times[len(t.Times)-1] }

// Lead is the time from Seen to Merged; ok is false when one of them is not known.
func (m Move) Lead() (lead time.Duration, ok bool) {
	if m.Seen.IsZero() || m.Merged.IsZero() || m.Merged.Before(m.Seen) {
		return 0, false
	}
	return m.Merged.Sub(m.Seen), true
}

// Version reports that one version took the place of another: a value that is new has none before it, and one that is gone
// none after it.
func (m Move) Version() bool { return m.Old != "" && m.New != "" }

// NewHistory joins what reports, commits and the values themselves tell, each in any order.
func NewHistory(reports []run.Report, commits []Commit, values []Value) History {
	reports, commits = slices.Clone(reports), slices.Clone(commits)
	slices.SortStableFunc(reports, func(a, b run.Report) int { return a.Started.Compare(b.Started) })
	slices.SortStableFunc(commits, func(a, b Commit) int { return a.At.Compare(b.At) })
	b := builder{lines: map[string]*Line{}, owners: map[string]string{}, published: published(reports), apart: apart(values)}
	for _, v := range values {
		b.owners[foundKey(v.File, v.Key, string(rune(v.Document)))] = v.Manifest
	}
	for _, r := range reports {
		b.report(r)
	}
	for _, v := range values {
		b.value(v)
	}
	for _, c := range commits {
		b.commit(c)
	}
	slices.Reverse(reports)
	b.history.Runs, b.history.Profile, b.history.Values = reports, profilesOf(reports), len(values)
	for _, l := range b.lines {
		slices.SortStableFunc(l.Moves, func(a, b Move) int { return a.at().Compare(b.at()) })
		b.history.Lines = append(b.history.Lines, *l)
	}
	slices.SortFunc(b.history.Lines, func(a, b Line) int { return cmp.Or(cmp.Compare(a.Manifest, b.Manifest), cmp.Compare(a.File, b.File)) })
	return b.history
}

// at is the time that orders moves.
func (m Move) at() time.Time {
	if m.Merged.IsZero() {
		return m.Seen
	}
	return m.Merged
}

type builder struct {
	history History
	lines   map[string]*Line
	// owners is the manifest of each place, published the time of each event that tells of a publication.
	owners    map[string]string
	published map[string]time.Time
	// apart are the manifests whose files have lines of their own.
	apart map[string]bool
}

// profilesOf names the profiles that reports, the newest first, are about.
func profilesOf(reports []run.Report) string {
	var names []string
	for _, r := range reports {
		if name := profileOf(r); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	default:
		return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
	}
}

// published finds the events of others that tell when something was published.
func published(reports []run.Report) map[string]time.Time {
	times := map[string]time.Time{}
	for _, r := range reports {
		for _, raw := range r.Events {
			if t, ok := read(raw); ok && t.is(event.ArtifactPublished, "") {
				times[t.Context.ID] = t.at
			}
		}
		if in := r.Incoming; in != nil && in.Type == event.ArtifactPublished && in.Ignored == "" && !in.At.IsZero() {
			times[in.ID] = in.At
		}
	}
	return times
}

// note widens the time that the history spans.
func (b *builder) note(t time.Time) {
	if t.IsZero() {
		return
	}
	if b.history.Begin.IsZero() || t.Before(b.history.Begin) {
		b.history.Begin = t
	}
	b.history.End = maxTime(b.history.End, t)
}

// line is that of a manifest, and of a file where its files are apart; a failure has no file.
func (b *builder) line(manifest, file string) *Line {
	key := manifest
	if b.apart[manifest] && file != "" {
		key = foundKey(manifest, file)
	}
	l, ok := b.lines[key]
	if !ok {
		l = &Line{Manifest: manifest}
		b.lines[key] = l
	}
	l.File = cmp.Or(l.File, file)
	return l
}

func (b *builder) report(r run.Report) {
	b.note(r.Started)
	for _, o := range r.Plan.Outcomes {
		if o.Outcome == policy.Failed {
			b.line(o.Manifest, "").fail(o, r.Started)
		}
	}
	known := b.known(r)
	for _, u := range r.Plan.Changes {
		l := b.line(u.Manifest, u.File)
		l.Source = u.Source
		b.owners[spot(u)] = u.Manifest
		seen, how := r.Started, FirstSeen
		if k, ok := known[foundKey(u.Manifest, u.File, u.Key, u.New)]; ok {
			seen, how = k.at, k.how
		}
		m := l.move(u, func(m Move) bool { return m.Merged.IsZero() || !m.Merged.Before(r.Started) })
		if m.Seen.IsZero() || seen.Before(m.Seen) {
			m.Seen, m.How = seen, how
		}
		b.note(m.Seen)
		if p := r.Pull; p != nil {
			m.Pull, m.URL = p.Number, p.URL
		}
		if g := r.Merge; g != nil && g.Outcome == forge.Merged && m.Merged.IsZero() {
			m.Merged, m.Commit = g.At, g.SHA
			b.note(g.At)
		}
	}
}

type seen struct {
	at  time.Time
	how How
}

// known is when each version of a run was known first, by what its events say.
func (b *builder) known(r run.Report) map[string]seen {
	all := map[string]seen{}
	var announced time.Time
	for _, raw := range r.Events {
		t, ok := read(raw)
		switch {
		case ok && t.is(event.PipelineRunQueued, "run"):
			announced = t.at
		case ok && t.is(event.VersionFound, ""):
			s := seen{t.at, FirstSeen}
			for _, l := range t.Context.Links {
				if l.LinkKind != "CAUSED_BY" {
					continue
				}
				if at, ok := b.published[l.Target.ContextID]; ok && !at.After(t.at) {
					s = seen{at, Published}
				} else if !announced.IsZero() {
					s = seen{announced, Announced}
				}
			}
			c := t.Subject.Content
			all[foundKey(c.Target.Manifest, c.Target.File, c.Target.Key, c.To)] = s
		}
	}
	return all
}

func foundKey(texts ...string) string { return strings.Join(texts, "\x00") }

// spot is a place as the key of a map.
func spot(u change.Update) string {
	u.Manifest, u.Old, u.New = "", "", ""
	return foundKey(u.File, u.Key, string(rune(u.Document)))
}

func (b *builder) commit(c Commit) {
	trailers := change.ParseMessage(c.Message)
	if len(trailers.Updates) == 0 {
		return
	}
	b.history.Commits++
	b.note(c.At)
	for _, u := range trailers.Updates {
		u.Manifest = cmp.Or(b.owners[spot(u)], u.Manifest, u.File+" "+u.Key)
		m := b.line(u.Manifest, u.File).move(u, func(m Move) bool { return m.Merged.IsZero() || m.Commit == c.SHA })
		if m.Merged.IsZero() {
			m.Merged = c.At
		}
		m.Commit = c.SHA
	}
}

// move finds the move of an update that fits, or adds one; the place of the update is one of its places.
func (l *Line) move(u change.Update, fits func(Move) bool) *Move {
	at := slices.IndexFunc(l.Moves, func(m Move) bool { return m.Old == u.Old && m.New == u.New && fits(m) })
	if at < 0 {
		at = len(l.Moves)
		l.Moves = append(l.Moves, Move{Old: u.Old, New: u.New})
	}
	m := &l.Moves[at]
	if place := u.File + " " + u.Key; !slices.Contains(m.Places, place) {
		m.Places = append(m.Places, place)
	}
	return m
}

// fail counts a failure.
func (l *Line) fail(o plan.Outcome, at time.Time) {
	for i := range l.Failures {
		t := &l.Failures[i]
		if t.Reason == string(o.Reason) && t.Detail == o.Detail {
			if at.After(t.Last()) { // a manifest may have several targets
				t.Times = append(t.Times, at)
			}
			return
		}
	}
	l.Failures = append(l.Failures, Trouble{string(o.Reason), o.Detail, []time.Time{at}})
}
