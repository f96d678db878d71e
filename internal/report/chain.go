package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/pipeline"
)

// maxEvents is how many events a timeline shows, maxRaw how many bytes of them are shown as they are.
const (
	maxEvents = 1000
	maxRaw    = 512 << 10
)

// told is what is read of an event. A field of another type than expected stays empty.
type told struct {
	Context struct {
		ID, Source, Type, Timestamp string
		ChainID                     string `json:"chainId"`
		Links                       []struct {
			LinkType, LinkKind string
			From, Target       struct {
				ContextID string `json:"contextId"`
			}
		}
	}
	Subject struct {
		ID, Source string
		Content    struct {
			URI, PipelineName, Outcome, Errors, Description, From, To string
			Target                                                    struct{ Manifest, File, Key string }
		}
	}
	CustomData struct {
		Pawl struct {
			Step, Result, URI, MergeCommit     string
			Registry, Repository, File, Reason string
			Listed                             int
			Updates                            []json.RawMessage
		}
	}
	// at is when it happened, and no earlier than what it follows; coarse says that it was told in whole seconds.
	at     time.Time
	coarse bool
}

// read reads an event as far as it can.
func read(raw json.RawMessage) (t told, ok bool) {
	err := json.Unmarshal(raw, &t)
	if _, partly := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !partly {
		return told{}, false
	}
	t.at, err = time.Parse(time.RFC3339Nano, t.Context.Timestamp)
	t.coarse = t.at.Nanosecond() == 0
	return t, err == nil && t.Context.ID != ""
}

// is reports whether the event is of a type, whatever its version, and of a step when one is named.
func (t told) is(name, step string) bool {
	return strings.HasPrefix(t.Context.Type, name+".") && (step == "" || t.CustomData.Pawl.Step == step)
}

// of is the type without its version.
func (t told) of() string {
	for _, k := range event.Kinds() {
		if strings.HasPrefix(t.Context.Type, k.Name+".") {
			return k.Name
		}
	}
	return t.Context.Type
}

// chain is the way from the first event to the last.
type chain struct {
	ID, Source string
	Nodes      []node
	Legs       []leg
	Took       string
	// Count is the number of events, Omitted how many of them are not shown, Raw the events as they are told.
	Count, Omitted int
	Raw            []string
	// ran is how long pipelines ran, by project and number.
	ran map[string]string
}

// node is one event of the timeline, or several of one kind that were told in a row.
type node struct {
	Anchor, Title, Detail, URL, Tone, Type string
	At                                     time.Time
	Offset                                 string
	Links                                  []edge
	Items                                  []item
}

// item is an event of a node that holds several.
type item struct{ Title, Detail, Tone string }

// edge leads to the event that another one refers to; without an anchor that event is told elsewhere.
type edge struct{ Word, Anchor, Title, ID string }

// leg is a part of the way, with its bar.
type leg struct{ Name, Took, X, Width, Tone string }

// newChain reads the events of a report of a run that began at a time, which is where the timeline's clock starts.
func newChain(events []json.RawMessage, began time.Time) chain {
	c := chain{Count: len(events), Omitted: max(0, len(events)-maxEvents), ran: map[string]string{}}
	var all []told
	for _, raw := range events[:len(events)-c.Omitted] {
		if t, ok := read(raw); ok {
			all = append(all, t)
		} else {
			c.Omitted++
		}
	}
	if len(all) == 0 {
		return c
	}
	c.Raw = raws(events)
	c.Source = all[0].Context.Source
	for _, t := range all {
		if t.Context.ChainID != "" {
			c.ID = t.Context.ChainID
		}
	}
	settle(all)
	first, last := all[0], all[len(all)-1]
	c.Took = between(first, last)
	c.nodes(all, zero(all, began))
	c.Legs = legs(all, first.at, last.at)
	c.pipelines(all)
	return c
}

// settle moves each event to no earlier than those that it follows, and orders them by time: a forge reports whole seconds,
// and clocks differ, but what a link says is sure.
func settle(all []told) {
	index := map[string]int{}
	for i, t := range all {
		index[t.Context.ID] = i
	}
	for moved := true; moved; { // times only grow, and not beyond the latest
		moved = false
		for i := range all {
			for _, id := range all[i].follows() {
				if before, ok := index[id]; ok && all[i].at.Before(all[before].at) {
					all[i].at, moved = all[before].at, true
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.at.Compare(b.at) })
}

// follows are the ids of the events that come before this one.
func (t told) follows() []string {
	var ids []string
	for _, l := range t.Context.Links {
		switch {
		case l.LinkType == "PATH", l.LinkType == "END":
			ids = append(ids, l.From.ContextID)
		case l.LinkKind == "TRIGGER", l.LinkKind == "CAUSED_BY":
			ids = append(ids, l.Target.ContextID)
		}
	}
	return ids
}

// zero is where the timeline's clock starts: with the run.
func zero(all []told, began time.Time) time.Time {
	for _, t := range all {
		if t.is(event.PipelineRunStarted, "run") {
			return t.at
		}
	}
	if began.IsZero() {
		return all[0].at
	}
	return began
}

// between is how long it took from one event to another, no more exactly than both were told.
func between(from, to told) string { return lasted(to.at.Sub(from.at), from.coarse || to.coarse) }

// lasted is a duration, of which whole seconds are known when it is coarse.
func lasted(d time.Duration, coarse bool) string {
	switch {
	case !coarse:
		return took(d.Seconds())
	case d < time.Second:
		return "<\u00a01\u00a0s"
	default:
		return took(d.Round(time.Second).Seconds())
	}
}

// offset is where on the clock something is, before or after its start.
func offset(d time.Duration, coarse bool) string {
	switch {
	case coarse && d.Abs() < time.Second:
		return lasted(0, true)
	case d < 0:
		return "−" + lasted(-d, coarse)
	default:
		return "+" + lasted(d, coarse)
	}
}

// pipelines finds how long each pipeline ran.
func (c *chain) pipelines(all []told) {
	started := map[string]told{}
	for _, t := range all {
		key := t.Subject.Content.PipelineName + " " + t.Subject.ID[strings.LastIndex(t.Subject.ID, "/")+1:]
		switch from, there := started[key]; {
		case t.is(event.PipelineRunStarted, "deploy"):
			started[key] = t
		case t.is(event.PipelineRunFinished, "deploy") && there:
			c.ran[key] = between(from, t)
		}
	}
}

// Ran is how long the pipeline of a trigger ran, by its events; empty when they do not say.
func (c chain) Ran(t pipeline.Trigger) string {
	return c.ran[fmt.Sprintf("%s %d", t.Project, t.PipelineID)]
}

// raws are the events as lines of indented JSON, as many as there is room for.
func raws(events []json.RawMessage) []string {
	var lines []string
	size := 0
	for _, raw := range events {
		var out bytes.Buffer
		if size += len(raw); size > maxRaw || json.Indent(&out, raw, "", "  ") != nil {
			continue
		}
		for line := range strings.Lines(out.String()) {
			lines = append(lines, visible(strings.TrimSuffix(line, "\n")))
		}
	}
	return lines
}

// nodes makes the timeline. Three or more questions, rewritten files or found versions in a row become one node.
func (c *chain) nodes(all []told, zero time.Time) {
	type spot struct{ anchor, title string }
	spots := map[string]spot{}
	var runs [][]told
	for _, t := range all {
		last := len(runs) - 1
		if last >= 0 && kindOf(runs[last][0]) == kindOf(t) {
			runs[last] = append(runs[last], t)
			continue
		}
		runs = append(runs, []told{t})
	}
	for _, run := range runs {
		groups := [][]told{run}
		if len(run) < 3 || !run[0].is(event.VersionFound, "") && !run[0].is(event.TaskRunFinished, "") {
			groups = slices.Collect(slices.Chunk(run, 1))
		}
		for _, group := range groups {
			n := newNode(group)
			n.Anchor, n.Offset = fmt.Sprintf("e%d", len(c.Nodes)+1), offset(n.At.Sub(zero), group[len(group)-1].coarse)
			for _, t := range group {
				spots[t.Context.ID] = spot{n.Anchor, n.Title}
			}
			c.Nodes = append(c.Nodes, n)
		}
	}
	for i, n := range c.Nodes {
		var links []edge
		for _, l := range n.Links {
			s := spots[l.ID]
			l.Anchor, l.Title = s.anchor, s.title
			if same := func(e edge) bool { return e.Word == l.Word && e.Anchor == l.Anchor && (l.Anchor != "" || e.ID == l.ID) }; l.Anchor == n.Anchor || slices.ContainsFunc(links, same) {
				continue
			}
			links = append(links, l)
		}
		c.Nodes[i].Links = links
	}
}

// kindOf is what events have in common that stand in a row.
func kindOf(t told) string { return t.of() + " " + t.CustomData.Pawl.Step }

// newNode describes one or more events of a kind.
func newNode(group []told) node {
	first := group[0]
	n := node{At: first.at, Type: first.Context.Type}
	n.Title, n.Detail, n.Tone = say(first)
	n.URL = cmp.Or(link(first.Subject.Content.URI), link(first.CustomData.Pawl.URI))
	if len(group) > 1 {
		n.URL, n.Detail = "", ""
		n.Title, n.Tone = sum(group)
		for _, t := range group {
			title, detail, tone := say(t)
			n.Items = append(n.Items, item{title, detail, tone})
		}
	}
	for _, t := range group {
		n.At = maxTime(n.At, t.at)
		for _, l := range t.Context.Links {
			n.Links = append(n.Links, edge{Word: relation(l.LinkType, l.LinkKind), ID: l.From.ContextID + l.Target.ContextID})
		}
	}
	return n
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// relation is a link in a word.
func relation(linkType, kind string) string {
	switch linkType {
	case "PATH":
		return "after"
	case "END":
		return "ends the chain after"
	}
	switch kind {
	case "TRIGGER":
		return "triggered by"
	case "CAUSED_BY":
		return "caused by"
	case "SUPERSEDES":
		return "superseded by"
	}
	return "relates to"
}

// sum is the title of several events.
func sum(group []told) (title, tone string) {
	failed := 0
	for _, t := range group {
		if _, _, tone := say(t); tone == "bad" {
			failed++
		}
	}
	switch {
	case group[0].is(event.VersionFound, ""):
		title = "Found " + count(len(group), "version") + " to go to"
	case group[0].CustomData.Pawl.Step == "rewrite":
		title = "Rewrote " + count(len(group), "file")
	default:
		title = "Asked " + count(len(group), "source")
	}
	if failed > 0 {
		return fmt.Sprintf("%s, %d failed", title, failed), "bad"
	}
	return title, ""
}

// say is an event in words.
func say(t told) (title, detail, tone string) {
	content, own := t.Subject.Content, t.CustomData.Pawl
	name := cmp.Or(content.PipelineName, t.Subject.ID)
	deploying := own.Step == "deploy"
	switch t.of() {
	case event.PipelineRunQueued:
		if deploying {
			return "Pipeline of " + name + " accepted", t.Subject.ID, ""
		}
		return "Dispatch received", t.Subject.ID, ""
	case event.PipelineRunStarted:
		if deploying {
			return "Pipeline of " + name + " started", t.Subject.ID, ""
		}
		return "Run started", t.Subject.ID, ""
	case event.PipelineRunFinished:
		tone = ended(content.Outcome)
		if deploying {
			return "Pipeline of " + name + " ended: " + content.Outcome, cmp.Or(content.Errors, t.Subject.ID), tone
		}
		title = "Run ended: " + content.Outcome
		if own.Result != "" {
			title += ", " + map[string]string{"noop": "nothing to do", "updated": "values updated", "pending": "something is left"}[own.Result]
		}
		return title, cmp.Or(content.Errors, t.Subject.ID), tone
	case event.TaskRunFinished:
		if own.Step == "rewrite" {
			return "Rewrote " + own.File, count(len(own.Updates), "value"), ended(content.Outcome)
		}
		if content.Errors != "" {
			return "Asked " + own.Registry + " for " + own.Repository, content.Errors, ended(content.Outcome)
		}
		return "Asked " + own.Registry + " for " + own.Repository, count(own.Listed, "version") + " listed", ""
	case event.VersionFound:
		return "Found " + content.To, strings.TrimSpace("for " + content.Target.Manifest + ", now " + content.From), ""
	case event.BranchCreated:
		return "Branch pushed", t.Subject.ID, ""
	case event.ChangeCreated:
		return "Pull request opened", cmp.Or(content.Description, t.Subject.ID), ""
	case event.ChangeUpdated:
		return "Pull request updated", t.Subject.ID, ""
	case event.AutoMergeEnabled:
		return "Merge left to the forge", t.Subject.ID, ""
	case event.ChangeMerged:
		return "Merged", t.Subject.ID + ", commit " + shortSHA(own.MergeCommit), "good"
	case event.ChangeAbandoned:
		return "Pull request closed, not merged", strings.Trim(t.Subject.ID+", "+own.Reason, ", "), "wait"
	}
	return t.Context.Type, t.Subject.ID, ""
}

// ended is the tone of an outcome in CDEvents' words.
func ended(outcome string) string {
	switch outcome {
	case string(event.Success):
		return "good"
	case string(event.Cancel):
		return "wait"
	}
	return "bad"
}

// legs are the parts of the way that somebody waits for, on one scale.
func legs(all []told, begin, end time.Time) []leg {
	find := func(last bool, name, step string) (told, bool) {
		var found told
		ok := false
		for _, t := range all {
			if t.is(name, step) && (!ok || last) {
				found, ok = t, true
			}
		}
		return found, ok
	}
	var out []leg
	whole := end.Sub(begin).Seconds()
	add := func(name string, from, to told, there bool, tone string) {
		if !there || to.at.Before(from.at) {
			return
		}
		d := to.at.Sub(from.at).Seconds()
		out = append(out, leg{name, between(from, to), place(min(from.at.Sub(begin).Seconds(), whole*0.994), whole), percent(d, whole), tone})
	}
	queued, hasQueued := find(false, event.PipelineRunQueued, "run")
	started, hasStarted := find(false, event.PipelineRunStarted, "run")
	asked, hasAsked := find(true, event.TaskRunFinished, "query")
	created, hasCreated := find(true, event.ChangeCreated, "")
	merged, hasMerged := find(true, event.ChangeMerged, "")
	add("Waiting for the run to start", queued, started, hasQueued && hasStarted, "")
	add("Asking the sources", started, asked, hasStarted && hasAsked, "")
	add("From the answers to a pull request", asked, created, hasAsked && hasCreated, "")
	add("From pull request to merge", created, merged, hasCreated && hasMerged, "")
	for _, t := range all {
		if !t.is(event.PipelineRunQueued, "deploy") {
			continue
		}
		name := cmp.Or(t.Subject.Content.PipelineName, t.Subject.ID)
		add("From merge to the pipeline of "+name, merged, t, hasMerged, "")
		for _, f := range all {
			if f.is(event.PipelineRunFinished, "deploy") && f.Subject.ID == t.Subject.ID && f.Subject.Source == t.Subject.Source {
				add("Pipeline of "+name, t, f, true, ended(f.Subject.Content.Outcome))
			}
		}
	}
	return out
}
