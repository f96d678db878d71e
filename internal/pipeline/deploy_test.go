package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/pipeline"
)

// notebook is a ledger in memory.
type notebook struct{ ledger.Ledger }

func (n *notebook) Record(_ context.Context, next ledger.Transition) error {
	n.Ledger = next(n.Ledger)
	return nil
}

// pipelines accepts every trigger, and finds those that it is told of by their commit's page.
type pipelines struct {
	fired []string
	there map[string]bool
}

func (p *pipelines) Trigger(_ context.Context, to deploy.Project, r deploy.Request) deploy.Answer {
	p.fired = append(p.fired, to.Name+" "+r.CommitURL)
	return deploy.Answer{State: deploy.Accepted, PipelineID: int64(len(p.fired))}
}

func (p *pipelines) Lookup(_ context.Context, _ deploy.Project, q deploy.Search) (deploy.Answer, bool, error) {
	return deploy.Answer{State: deploy.Accepted, PipelineID: 99}, p.there[q.CommitURL], nil
}

func (p *pipelines) Follow(context.Context, deploy.Project, int64, time.Duration) (deploy.Answer, error) {
	return deploy.Answer{}, nil
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func merge(n int, changed string) pipeline.Commit {
	return pipeline.Commit{SHA: fmt.Sprint("c", n), URL: fmt.Sprint("page", n), Message: "m", At: noon.Add(time.Duration(n) * time.Minute), Changed: []string{changed}}
}

// claim is what the ledger holds of a merge of values.yaml, made by another run at a minute.
func claim(n int, state ledger.State, minute int) ledger.Claim {
	c := merge(n, "")
	return ledger.Claim{Commit: c.SHA, CommitURL: c.URL, Message: c.Message, MergedAt: c.At, Project: "dev", Run: "other", State: state, At: noon.Add(time.Duration(minute) * time.Minute)}
}

// TestDeployOfClaims lists what earlier and other runs left in the ledger, and what a run at the thirtieth minute fires
// and says.
func TestDeployOfClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		api     bool
		there   []string
		claims  []ledger.Claim
		commits []pipeline.Commit
		fired   []string
		says    []string
	}{
		{"nothing known", false, nil, nil, []pipeline.Commit{merge(1, "values.yaml")}, []string{"dev page1"}, []string{"c1 accepted"}},
		{"another run is at it", true, nil, []ledger.Claim{claim(1, ledger.Claimed, 25)}, []pipeline.Commit{merge(1, "values.yaml")}, nil, []string{"c1 claimed"}},
		{"another run is at it, and fired", true, []string{"page1"}, []ledger.Claim{claim(1, ledger.Claimed, 25)}, []pipeline.Commit{merge(1, "values.yaml")}, nil, []string{"c1 accepted"}},
		{"another run died before it fired", true, nil, []ledger.Claim{claim(1, ledger.Claimed, 15)}, []pipeline.Commit{merge(1, "values.yaml")}, []string{"dev page1"}, []string{"c1 accepted"}},
		{"another run died, and nobody can look", false, nil, []ledger.Claim{claim(1, ledger.Claimed, 15)}, []pipeline.Commit{merge(1, "values.yaml")}, nil, []string{"c1 unknown"}},
		{"unknown, and nothing newer that is consumed", false, nil, []ledger.Claim{claim(1, ledger.Unknown, 15)}, []pipeline.Commit{merge(1, "values.yaml"), merge(2, "notes.md")}, nil, []string{"c1 unknown", "c2 untouched"}},
		{"unknown, and something newer", false, nil, []ledger.Claim{claim(1, ledger.Unknown, 15)}, []pipeline.Commit{merge(1, "values.yaml"), merge(2, "values.yaml")}, []string{"dev page2"}, []string{"c1 unknown", "c2 accepted"}},
		{"refused before, and not given again", false, nil, []ledger.Claim{claim(1, ledger.Refused, 15)}, nil, []string{"dev page1"}, []string{"c1 accepted"}},
		{"refused before, brought by a newer one", false, nil, []ledger.Claim{claim(1, ledger.Refused, 15)}, []pipeline.Commit{merge(2, "notes.md")}, []string{"dev page2"}, []string{"c1 covered", "c2 accepted"}},
		{"a newer one was accepted", false, nil, []ledger.Claim{claim(2, ledger.Accepted, 15)}, []pipeline.Commit{merge(1, "values.yaml")}, nil, []string{"c1 covered"}},
		{"several at once", false, nil, nil, []pipeline.Commit{merge(1, "values.yaml"), merge(2, "notes.md")}, []string{"dev page2"}, []string{"c1 covered", "c2 accepted"}},
		{"more paths than are known", false, nil, nil, []pipeline.Commit{{SHA: "c1", URL: "page1", At: noon, All: true}}, []string{"dev page1"}, []string{"c1 accepted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			book, gitlab := &notebook{ledger.Ledger{Claims: c.claims}}, &pipelines{there: map[string]bool{}}
			for _, page := range c.there {
				gitlab.there[page] = true
			}
			project := deploy.Project{Name: "dev", Secret: "S"}
			if c.api {
				project.API = "A"
			}
			d := pipeline.Deployment{Projects: []deploy.Project{project}, Triggerer: gitlab, Recorder: book, Ref: "main", Targets: []string{"values.yaml"},
				Run: "own", Clock: func() time.Time { return noon.Add(30 * time.Minute) }}
			for round := range 2 { // a second one fires nothing
				report, err := d.Deploy(t.Context(), book.Ledger, c.commits, nil)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.fired, gitlab.fired); diff != "" {
					t.Fatalf("round %d fired: %s", round, diff)
				}
				var says []string
				for _, trigger := range report.Triggers {
					says = append(says, trigger.Commit+" "+trigger.State)
				}
				slices.Sort(says)
				if diff := cmp.Diff(c.says, says); round == 0 && diff != "" {
					t.Errorf("said: %s", diff)
				}
				d.Run = "next"
			}
		})
	}
}
