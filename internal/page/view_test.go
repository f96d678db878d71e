package page_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
)

// later is a run without updates, and with these triggers.
func later(t testing.TB, triggers ...run.Trigger) string {
	t.Helper()
	r := run.Report{Plan: plan.Plan{Schema: plan.PlanSchema}, Deploy: &run.Deploy{Commit: "c", Triggers: triggers}}
	return string(pageOf(t, r, page.Failure{}))
}

// TestPipelines: a pipeline of an earlier run is no work that is left and stands in a part of its own, and how long a
// trigger's request took is not how long the pipeline ran.
func TestPipelines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state, status string
		fired         bool
		badge         string
	}{
		{"accepted", "", false, `<span class="badge t-calm">already running</span>`},
		{"accepted", "success", false, `<span class="badge t-good">succeeded</span>`},
		{"accepted", "failed", false, `<span class="badge t-bad">failed</span>`},
		{"accepted", "", true, `<span class="badge t-calm">started</span>`},
		{"accepted", "running", true, `<span class="badge t-wait">running</span>`},
		{"refused", "", true, `<span class="badge t-bad">not started</span>`},
		{"covered", "", false, `<span class="badge t-calm">included in another pipeline</span>`},
		{"untouched", "", false, `<span class="badge t-calm">not affected</span>`},
	} {
		page := later(t, run.Trigger{Project: "dev", Commit: "c", State: c.state, PipelineID: 7, Status: c.status,
			Fired: c.fired, Duration: 0.001})
		part, other := `id="h-deploy"`, `id="h-earlier"`
		if !c.fired {
			part, other = other, part
		}
		if !strings.Contains(page, c.badge) || strings.Contains(page, "1\u00a0ms") || !strings.Contains(page, part) || strings.Contains(page, other) {
			t.Errorf("%+v: %s", c, content(page))
		}
	}
	if page := string(pageOf(t, profile(t), page.Failure{})); !strings.Contains(page, ">4711</a>, ran 1\u00a0min 31\u00a0s") {
		t.Error("the pipeline's own time is not shown")
	}
}

// TestEarlier: what earlier runs started stands below what is current, what is included says in what, and a headline
// counts what was started for others.
func TestEarlier(t *testing.T) {
	t.Parallel()
	fired := run.Trigger{Project: "dev", Commit: "c", State: "accepted", PipelineID: 8, Fired: true}
	older := run.Trigger{Project: "dev", Commit: "b", State: "covered"}
	failed := run.Trigger{Project: "qa", Commit: "a", State: "accepted", PipelineID: 5, Status: "failed"}
	for name, c := range map[string]struct {
		page       string
		says, lies []string
	}{
		"only earlier": {later(t, failed), []string{"Everything is current, an earlier deployment failed</h1>", "Earlier deployments"}, []string{`id="h-deploy"`}},
		"both":         {later(t, older, fired, failed), []string{"Everything is current, 1 pipeline started, an earlier deployment failed</h1>", "included in pipeline 8", `id="h-deploy"`, `id="h-earlier"`}, nil},
		"own":          {later(t, older, fired), []string{"included in pipeline 8", `id="h-deploy"`}, []string{`id="h-earlier"`}},
	} {
		for _, text := range c.says {
			if !strings.Contains(c.page, text) {
				t.Errorf("%s: the page does not say %s", name, text)
			}
		}
		for _, text := range c.lies {
			if strings.Contains(c.page, text) {
				t.Errorf("%s: the page says %s", name, text)
			}
		}
	}
}

// TestCommitLink: the merged commit leads to its page where that is known.
func TestCommitLink(t *testing.T) {
	t.Parallel()
	const sha = "888948f1f1858039672bfd54a73d97e5af227da5"
	pull := &forge.Pull{Number: 1, URL: "https://forge.example/acme/profile/pull/1"}
	for name, c := range map[string]struct {
		pull   *forge.Pull
		deploy *run.Deploy
		want   string
	}{
		"deployed":             {nil, &run.Deploy{Commit: sha, URL: "https://forge.example/x/y/commit/1"}, "https://forge.example/x/y/commit/1"},
		"another was deployed": {pull, &run.Deploy{Commit: "0", URL: "https://forge.example/x/y/commit/1"}, "https://forge.example/acme/profile/commit/" + sha},
		"pull request":         {pull, nil, "https://forge.example/acme/profile/commit/" + sha},
		"no forge":             {&forge.Pull{URL: "javascript:alert(1)/pull/"}, nil, ""},
		"nothing":              {nil, nil, ""},
	} {
		r := run.Report{Plan: plan.Plan{Schema: plan.PlanSchema}, Pull: c.pull, Deploy: c.deploy, Merge: &forge.Merge{Outcome: "merged", SHA: sha}}
		want := `<dt>Merged as</dt><dd><code>888948f1</code></dd>`
		if c.want != "" {
			want = `<dt>Merged as</dt><dd><a href="` + c.want + `" rel="noreferrer noopener"><code>888948f1</code></a></dd>`
		}
		if page := string(pageOf(t, r, page.Failure{})); !strings.Contains(page, want) {
			t.Errorf("%s: want %s in %s", name, want, content(page))
		}
	}
}

// TestChartName: a chart is called by its name, and its repository's address breaks after a slash.
func TestChartName(t *testing.T) {
	t.Parallel()
	chart := change.Update{Manifest: "m", Old: "1", New: "2", Source: change.Source{Kind: "helmchart", Name: "https://charts.example/stable/repo#payment-manager"}}
	r := run.Report{Plan: plan.Plan{Schema: plan.PlanSchema, Changes: []change.Update{chart}}}
	const address = `<a href="https://charts.example/stable/repo" rel="noreferrer noopener">https:/<wbr>/<wbr>charts.example/<wbr>stable/<wbr>repo</a>`
	for name, c := range map[string]struct{ page, want string }{
		"run":     {string(pageOf(t, r, page.Failure{})), `<h3>payment-manager <span class="of">chart</span></h3>`},
		"history": {string(history(t, page.NewHistory([]run.Report{r}, nil, nil))), `<span class="count">payment-manager</span></h4>`},
	} {
		if !strings.Contains(c.page, c.want) || !strings.Contains(c.page, address) {
			t.Errorf("%s: %s", name, content(c.page))
		}
	}
}

// content is a page without its head.
func content(page string) string {
	_, main, _ := strings.Cut(page, "<main")
	return main
}
