package run

import "time"

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
}

func (r Runner) meter(report *Report) *meter {
	return &meter{runner: r, report: report, begin: r.Clock(), calls: r.Forge.Calls(), writes: r.Forge.Writes()}
}

// done ends a step.
func (m *meter) done(name string) {
	now, calls, writes := m.runner.Clock(), m.runner.Forge.Calls(), m.runner.Forge.Writes()
	step := m.report.step(name)
	step.Duration += now.Sub(m.begin).Seconds()
	step.Calls += calls - m.calls
	step.Writes += writes - m.writes
	m.begin, m.calls, m.writes = now, calls, writes
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
