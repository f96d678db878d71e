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
	at time.Time
}

// read reads an event as far as it can.
func read(raw json.RawMessage) (t told, ok bool) {
	err := json.Unmarshal(raw, &t)
	if _, partly := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !partly {
		return told{}, false
	}
	t.at, err = time.Parse(time.RFC3339Nano, t.Context.Timestamp)
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

// newChain reads the events of a report.
func newChain(events []json.RawMessage) chain {
	c := chain{Count: len(events), Omitted: max(0, len(events)-maxEvents)}
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
	begin, end := span(all)
	c.Took = took(end.Sub(begin).Seconds())
	c.nodes(all, begin)
	c.Legs = legs(all, begin, end)
	return c
}

func span(all []told) (begin, end time.Time) {
	byTime := func(a, b told) int { return a.at.Compare(b.at) }
	return slices.MinFunc(all, byTime).at, slices.MaxFunc(all, byTime).at
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
func (c *chain) nodes(all []told, begin time.Time) {
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
			n.Anchor, n.Offset = fmt.Sprintf("e%d", len(c.Nodes)+1), "+"+took(n.At.Sub(begin).Seconds())
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
		out = append(out, leg{name, took(d), place(min(from.at.Sub(begin).Seconds(), whole*0.994), whole), percent(d, whole), tone})
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
