package page

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/run"
)

// maxEvents is how many events a timeline shows, maxRaw how many bytes of them are shown as they are.
const (
	maxEvents = 1000
	maxRaw    = 512 << 10
)

// chain is the way from the first event to the last.
type chain struct {
	ID, Source string
	Nodes      []node
	Legs       []leg
	// Waited is how long the run waited to start, empty when its events do not say.
	Waited string
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

// leg is a part of the way, with its bar. The tone of one in which nothing but waiting was done is waits.
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
	c.nodes(all, zero(all, began))
	c.legs(all)
	c.pipelines(all)
	return c
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
func (c chain) Ran(t run.Trigger) string {
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
