package page_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
)

const incoming = "6ca3f9c5-1cef-4ce0-861c-2456a69cf137"

// profile is a run of a real profile in which most things happen: updates, holds, a failed source, an automatic merge, a
// refused trigger, a receiver that is down. Its events are added by the teller.
func profile(t testing.TB) run.Report {
	t.Helper()
	data, err := os.ReadFile("testdata/profile.json")
	if err != nil {
		t.Fatal(err)
	}
	var r run.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	r.Events = tell(t, r)
	return r
}

// tell tells the events of a report.
func tell(t testing.TB, r run.Report) []json.RawMessage {
	t.Helper()
	const chain = "0b1f4c3e-7d1c-5b52-9d8e-0a4f7b2f9a11"
	w, err := event.NewTeller(event.About{
		Source: "https://github.com/acme/profile", Run: "7812345678-1", Pipeline: "update versions",
		URI: "https://github.com/acme/profile/actions/runs/7812345678", Trigger: incoming, Dispatched: true, Chain: chain,
		Forge: "https://github.com", Repository: "acme/profile", RepositoryURL: "https://github.com/acme/profile",
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(seconds float64) time.Time { return r.Started.Add(time.Duration(seconds * float64(time.Second))) }
	var all []json.RawMessage
	add := func(m event.Message) { all = append(all, m.Body) }
	add(w.Queued(at(-21)))
	add(w.Started(at(0)))
	for i, o := range r.Plan.Outcomes {
		q := event.Query{Registry: "docker.io", Repository: "mojaloop/" + o.Manifest, Listed: o.Candidates, At: at(2 + float64(i)*0.09)}
		if o.Outcome == policy.Failed {
			q.Registry, q.Err = "ghcr.io", o.Detail
		}
		add(w.Queried(q))
	}
	updates, files := told(r.Plan.Changes)
	for i, u := range updates {
		add(w.Found(event.Find{Update: u, Policy: r.Plan.Changes[i].Reason, Announced: i == 1, Chain: chain, At: at(8.1)}))
	}
	for _, file := range files {
		sum := "sha256:" + strings.Repeat("4f1d2a3b", 8)
		add(w.Rewritten(event.Rewrite{File: file, Before: sum, After: strings.Replace(sum, "4f", "5e", 1), Updates: updates[:min(2, len(updates))], Chain: chain, At: at(8.2)}))
	}
	if p := r.Pull; p != nil {
		c := event.Change{Number: p.Number, URI: p.URL, Branch: p.Branch, HeadSHA: p.HeadSHA, Title: r.Deploy.Message, Chain: chain, Updates: updates, Require: "named", At: at(12)}
		add(w.BranchCreated(event.Branch{Name: p.Branch, Chain: chain, Updates: updates, At: at(11)}))
		add(w.ChangeCreated(c))
		add(w.AutoMergeEnabled(c, at(13)))
		add(w.ChangeMerged(c, event.Merge{Commit: r.Merge.SHA, Auto: true, At: r.Merge.At}))
		deployment := event.Pipeline{Server: "https://gitlab.example", Project: "19", Name: "dev", ID: 4711,
			URI: "https://gitlab.example/acme/dev/-/pipelines/4711", Ref: "main", Commit: r.Merge.SHA, Change: p.Number, Chain: chain}
		add(w.PipelineQueued(deployment, r.Merge.At.Add(3*time.Second)))
		add(w.PipelineStarted(deployment, r.Merge.At.Add(9*time.Second)))
		add(w.PipelineFinished(deployment, "success", r.Merge.At.Add(100*time.Second)))
	}
	add(w.Finished(event.Finish{Outcome: event.Failure, Result: event.Updated, At: at(r.Duration), Errors: []string{"one source failed"},
		Counts: event.Counts{Manifests: 60, Updated: len(r.Plan.Changes), Current: 48, Held: 2, None: 1, Failed: 1}}))
	return all
}

// told are the changes as events name them, and their files.
func told(changes []change.Update) (updates []event.Update, files []string) {
	for _, c := range changes {
		updates = append(updates, event.Update{Artifact: source.ImageArtifact("docker.io/"+c.Source.Name, c.Version, c.Digest), Manifest: c.Manifest,
			File: c.File, Document: c.Document, Key: c.Key, From: c.Old, To: c.New})
		if len(files) == 0 || files[len(files)-1] != c.File {
			files = append(files, c.File)
		}
	}
	return updates, files
}

// months are reports of some months of the profile, and the commits of the repository.
func months(t testing.TB) ([]run.Report, []page.Commit) {
	t.Helper()
	base := profile(t)
	var reports []run.Report
	var commits []page.Commit
	for i := range 24 {
		r := base
		r.Started = base.Started.Add(time.Duration(i)*53*time.Hour + time.Duration(i*i*17)*time.Minute)
		r.Plan.Changes, r.Plan.Outcomes, r.Delivery, r.Deploy = nil, nil, nil, nil
		for j, c := range base.Plan.Changes {
			if (i*7+j*5)%11 > 2 {
				continue
			}
			c.Old, c.New = fmt.Sprintf("v%d.%d.0-infitx.%d", 12+j, j*3, i), fmt.Sprintf("v%d.%d.0-infitx.%d", 12+j, j*3, i+1)
			c.Version = c.New
			r.Plan.Changes = append(r.Plan.Changes, c)
		}
		for _, o := range base.Plan.Outcomes {
			if o.Outcome != policy.Failed || i%9 < 2 {
				r.Plan.Outcomes = append(r.Plan.Outcomes, o)
			}
		}
		pull, merge := *base.Pull, *base.Merge
		pull.Number = 100 + i
		pull.URL = fmt.Sprintf("https://github.com/acme/profile/pull/%d", pull.Number)
		merge.SHA = fmt.Sprintf("%040x", 0xabc123+i)
		merge.At = r.Started.Add(time.Duration(90+i*71%600) * time.Second)
		r.Pull, r.Merge, r.Deploy = &pull, &merge, base.Deploy
		r.Events = tell(t, r)
		r.Deploy = nil
		if len(r.Plan.Changes) == 0 {
			r.Pull, r.Merge = nil, nil
		} else if i%5 == 4 {
			r.Merge = &forge.Merge{Outcome: "pending"}
			if i < 15 {
				commits = append(commits, commit(merge.SHA, merge.At.Add(4*time.Hour), r.Plan.Changes))
			}
		}
		reports = append(reports, r)
	}
	return reports, commits
}

// commit is a merge as the repository tells it.
func commit(sha string, at time.Time, updates []change.Update) page.Commit {
	return page.Commit{SHA: sha, At: at, Message: change.CommitMessage(change.Set{Updates: updates, Chain: "c"}).String()}
}
