package run

import (
	"context"
	"time"

	"github.com/pawl-cd/pawl/internal/trace"
)

// Step is one part of a run, over all its rounds: how long it took, in seconds, and the requests that it made to the forge.
// Writes are those of the calls that change something there.
type Step struct {
	Name     string  `json:"name"`
	Duration float64 `json:"duration"`
	Calls    int     `json:"calls"`
	Writes   int     `json:"writes"`
}

// meter measures the steps of a run; each lasts from the end of the one before.
type meter struct {
	runner        Runner
	report        *Report
	begin         time.Time
	calls, writes int
	// whole is the context of the round, span that of the step.
	whole context.Context
	span  *trace.Span
}

func (r Runner) meter(ctx context.Context, report *Report) *meter {
	return &meter{runner: r, report: report, begin: r.Clock(), calls: r.Forge.Calls(), writes: r.Forge.Writes(), whole: ctx}
}

// next is the context of the step that begins, whose requests stand below it in a trace.
func (m *meter) next(name string) context.Context {
	ctx, span := trace.Start(m.whole, name, trace.Internal)
	m.span = span
	return ctx
}

// left ends the span of a step that did not come to its end.
func (m *meter) left(err error) {
	if m.span != nil && err != nil {
		m.span.Fail(err.Error())
	}
	m.span.End()
}

// done ends a step.
func (m *meter) done(name string) {
	now, calls, writes := m.runner.Clock(), m.runner.Forge.Calls(), m.runner.Forge.Writes()
	step := m.report.step(name)
	step.Duration += now.Sub(m.begin).Seconds()
	step.Calls += calls - m.calls
	step.Writes += writes - m.writes
	m.begin, m.calls, m.writes = now, calls, writes
	m.span.Rename(name)
	m.span.End()
}

// step finds a step by its name, or adds it.
func (r *Report) step(name string) *Step {
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i]
		}
	}
	r.Steps = append(r.Steps, Step{Name: name})
	return &r.Steps[len(r.Steps)-1]
}
