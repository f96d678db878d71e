package page

import (
	"cmp"
	"slices"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/run"
)

// waits is the tone of a leg in which nothing but waiting was done.
const waits = "waits"

// way measures parts of the way on one scale.
type way struct {
	all  []told
	legs []leg
}

// legs are the parts of the way that somebody waits for, on one scale. Waiting and running are parts of their own.
func (c *chain) legs(all []told) {
	w := way{all: all}
	queued, started := w.find(event.PipelineRunQueued, "run"), w.find(event.PipelineRunStarted, "run")
	asked := w.last(event.TaskRunFinished, "query")
	created, merged := w.last(event.ChangeCreated, ""), w.last(event.ChangeMerged, "")
	w.add("Waiting for the run to start", queued, started, waits)
	if len(w.legs) > 0 && started.at.After(queued.at) {
		c.Waited = w.legs[0].Took
	}
	w.add("Reading, and asking the sources", started, asked, "")
	w.add("Making the pull request", asked, created, "")
	w.add("Waiting for checks and the merge", created, merged, waits)
	for i := range all {
		if all[i].is(event.PipelineRunQueued, "deploy") {
			w.pipeline(&all[i], merged)
		}
	}
	c.Legs = w.legs
}

// pipeline adds how long a pipeline was waited for, and how long it ran.
func (w *way) pipeline(queued, merged *told) {
	name := cmp.Or(queued.Subject.Content.PipelineName, queued.Subject.ID)
	started, finished := w.of(event.PipelineRunStarted, queued), w.of(event.PipelineRunFinished, queued)
	tone := ""
	if finished != nil {
		tone = ended(finished.Subject.Content.Outcome)
	}
	begin := cmp.Or(merged, queued)
	if started == nil {
		w.add("Waiting for the pipeline of "+name, merged, queued, waits)
		w.add("Pipeline of "+name+", with its queue", queued, finished, tone)
		return
	}
	w.add("Waiting for the pipeline of "+name, begin, started, waits)
	w.add("Pipeline of "+name, started, finished, tone)
}

// find is the first event of a type and step, nil when there is none.
func (w *way) find(name, step string) *told {
	i := slices.IndexFunc(w.all, func(t told) bool { return t.is(name, step) })
	if i < 0 {
		return nil
	}
	return &w.all[i]
}

// last is the last event of a type and step, nil when there is none.
func (w *way) last(name, step string) *told {
	for i := range slices.Backward(w.all) {
		if w.all[i].is(name, step) {
			return &w.all[i]
		}
	}
	return nil
}

// of is the event of a type about the pipeline that another event is about, nil when there is none.
func (w *way) of(name string, about *told) *told {
	for i, t := range w.all {
		if t.is(name, "deploy") && t.Subject.ID == about.Subject.ID && t.Subject.Source == about.Subject.Source {
			return &w.all[i]
		}
	}
	return nil
}

// add adds the part from one event to another, when there are both.
func (w *way) add(name string, from, to *told, tone string) {
	if from == nil || to == nil || to.at.Before(from.at) {
		return
	}
	begin := w.all[0].at
	whole := w.all[len(w.all)-1].at.Sub(begin).Seconds()
	x := place(min(from.at.Sub(begin).Seconds(), whole*0.994), whole)
	w.legs = append(w.legs, leg{name, between(*from, *to), x, percent(to.at.Sub(from.at).Seconds(), whole), tone})
}

// runTook is how long a run took in seconds: from its start to its end, by its own events where they say so to the
// millisecond, which is what its timeline shows.
func runTook(r run.Report) float64 {
	var from, to told
	for _, raw := range r.Events {
		if t, ok := read(raw); ok && t.is(event.PipelineRunStarted, "run") {
			from = t
			break
		}
	}
	for _, raw := range slices.Backward(r.Events) {
		if t, ok := read(raw); ok && t.is(event.PipelineRunFinished, "run") {
			to = t
			break
		}
	}
	if from.at.IsZero() || to.at.Before(from.at) || from.coarse || to.coarse {
		return r.Duration
	}
	return to.at.Sub(from.at).Seconds()
}
