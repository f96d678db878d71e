package page

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
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
