package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// skew is how far the times of two commits may be apart from the truth: one comes from the forge's word on a merge, the
// other from the commit itself. A commit counts as the older one only beyond it.
const skew = 5 * time.Second

// picks is what the ledger lets a run fire.
type picks struct {
	ledger ledger.Ledger
	// claims are those that the run holds now; others are the triggers that it leaves alone, with the reason.
	claims []ledger.Claim
	others []Trigger
}

// candidate is a commit that may have to be brought to one project.
type candidate struct {
	commit Commit
	// consumed reports that it changed a file of the project.
	consumed bool
}

// pick claims for each project the newest commit that it has not got, provided that one of those that it has not got
// changed a file that it consumes: the pipeline reads the branch's head, so it brings the older ones as well. It is
// pure, for it is asked again when another writer was faster.
func (d Deployment) pick(l ledger.Ledger, commits []Commit, at time.Time) picks {
	if d.Retry {
		l = d.giveUp(l, commits)
	}
	picked := picks{ledger: l}
	for _, p := range d.Projects {
		pending, others := d.pending(picked.ledger, p, commits)
		picked.others = append(picked.others, others...)
		if !slices.ContainsFunc(pending, func(c candidate) bool { return c.consumed }) {
			for _, c := range pending {
				picked.others = append(picked.others, Trigger{Project: p.Name, Commit: c.commit.SHA, State: Untouched, Detail: "no file that the project consumes was changed"})
			}
			continue
		}
		newest := pending[len(pending)-1].commit
		server, path, _ := p.Endpoint() // it was checked when the projects were read
		next, fresh, _ := picked.ledger.Claim(ledger.Claim{
			Commit: newest.SHA, CommitURL: newest.URL, Message: deploy.Message(newest.Message), MergedAt: newest.At.UTC(), Server: server, Path: path,
			Pull: newest.Pull, Chain: newest.Chain, Ref: d.Ref, Run: d.Run, At: at,
		}, p.Name)
		picked.ledger, picked.claims = next, append(picked.claims, fresh...)
		for _, c := range pending[:len(pending)-1] {
			picked.others = append(picked.others, Trigger{Project: p.Name, Commit: c.commit.SHA, State: Covered, Detail: "the pipeline of " + short(newest.SHA) + " brings it"})
		}
	}
	picked.others = append(picked.others, d.open(picked, at)...)
	return picked
}

// pending are the commits that a project has not got and that nobody is bringing, in the order of their merges: those
// given, and those whose trigger was refused before.
func (d Deployment) pending(l ledger.Ledger, p deploy.Project, commits []Commit) (pending []candidate, others []Trigger) {
	var latest ledger.Claim
	for _, c := range l.Claims {
		if c.Project == p.Name && c.State == ledger.Accepted && c.MergedAt.After(latest.MergedAt) {
			latest = c
		}
	}
	given := map[string]bool{}
	for _, c := range commits {
		given[c.SHA] = true
		claim, claimed := l.ClaimOf(c.SHA, p.Name)
		switch {
		case claimed && claim.State == ledger.Accepted:
			others = append(others, triggerOf(claim))
		case claimed && claim.State != ledger.Refused: // told with the open ones
		case latest.MergedAt.After(c.At.Add(skew)):
			others = append(others, Trigger{Project: p.Name, Commit: c.SHA, State: Covered, Detail: "the pipeline of " + short(latest.Commit) + " brought it"})
		default:
			pending = append(pending, candidate{c, c.All || p.Consumes(c.Changed, d.Targets, d.Extra)})
		}
	}
	for _, c := range l.Claims {
		if c.Project == p.Name && c.State == ledger.Refused && !given[c.Commit] && !latest.MergedAt.After(c.MergedAt.Add(skew)) && c.CommitURL != "" {
			pending = append(pending, candidate{Commit{SHA: c.Commit, URL: c.CommitURL, Message: c.Message, At: c.MergedAt, Pull: c.Pull, Chain: c.Chain}, true})
		}
	}
	slices.SortStableFunc(pending, func(a, b candidate) int { return a.commit.At.Compare(b.commit.At) })
	return pending, others
}

// giveUp frees the open triggers of the projects, of the given commits or, without any, of all.
func (d Deployment) giveUp(l ledger.Ledger, commits []Commit) ledger.Ledger {
	for _, c := range l.Claims {
		named := len(commits) == 0 || slices.ContainsFunc(commits, func(o Commit) bool { return o.SHA == c.Commit })
		if _, ours := d.project(c.Project); ours && named && c.Open() {
			c.State, c.Detail = ledger.Refused, "given up by a person"
			l = l.Answer(c)
		}
	}
	return l
}

// open are the triggers that no run holds the answer of: those of a run that may be at it are its own business, all others
// are unknown.
func (d Deployment) open(picked picks, at time.Time) []Trigger {
	var all []Trigger
	for _, c := range picked.ledger.Claims {
		if !c.Open() || c.Run == d.Run {
			continue
		}
		t := triggerOf(c)
		if c.State == ledger.Claimed && at.Sub(c.At) <= lease {
			t.Detail = "the run " + c.Run + " is at it"
		} else {
			t.State = string(ledger.Unknown)
			t.Detail = cmp.Or(t.Detail, "the run "+c.Run+" ended before it had an answer")
			t.Hint = fmt.Sprintf("look at the project's pipelines; when there is none for this commit, run pawl deploy --project %s --retry-unknown", c.Project)
		}
		all = append(all, t)
	}
	return all
}

// lookUp asks for the pipelines of triggers whose answer is not known, where a project lets itself be asked. Those that
// are found were accepted; those that are not, though nobody can be at them any more, were not.
func (d Deployment) lookUp(ctx context.Context, l ledger.Ledger) []ledger.Claim {
	var settled []ledger.Claim
	for _, c := range l.Claims {
		p, known := d.project(c.Project)
		if !known || !c.Open() || p.API == "" || c.CommitURL == "" {
			continue
		}
		answer, found, err := d.Triggerer.Lookup(ctx, p, deploy.Search{CommitURL: c.CommitURL, Ref: d.Ref, Since: c.At.Add(-lease)})
		switch {
		case err != nil:
			continue
		case found:
			c.State, c.PipelineID, c.URL, c.Detail = ledger.Accepted, answer.PipelineID, answer.URL, ""
			c.Queued = queued(answer, c.At)
		case d.Clock().Sub(c.At) > lease:
			c.State, c.Detail = ledger.Refused, "there is certainly no pipeline for this commit"
		default:
			continue
		}
		settled = append(settled, c)
	}
	return settled
}

// report tells what became of each trigger, in the order of the projects.
func (d Deployment) report(commits []Commit, picked picks, sent []fired) *Deploy {
	report := &Deploy{Triggers: picked.others}
	if len(commits) > 0 {
		newest := slices.MaxFunc(commits, func(a, b Commit) int { return a.At.Compare(b.At) })
		report.Commit, report.URL, report.Message = newest.SHA, newest.URL, deploy.Message(newest.Message)
	}
	for _, f := range sent {
		t := triggerOf(f.claim)
		t.Status, t.Hint, t.Duration, t.Fired = f.answer.Status, f.answer.Hint, f.took.Seconds(), true
		report.Triggers = append(report.Triggers, t)
	}
	slices.SortStableFunc(report.Triggers, func(a, b Trigger) int { return cmp.Compare(a.Project, b.Project) })
	if report.Triggers == nil {
		report.Triggers = []Trigger{}
	}
	return report
}

func triggerOf(c ledger.Claim) Trigger {
	return Trigger{Project: c.Project, Commit: c.Commit, State: string(c.State), PipelineID: c.PipelineID, URL: c.URL, Detail: c.Detail}
}

// short is a commit's SHA as people write it.
func short(sha string) string { return sha[:min(len(sha), 8)] }
