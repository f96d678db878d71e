package run

import (
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// nobody stands for the commit that covers a trigger which a person gave up.
const nobody = "nobody"

// picks is what a ledger lets a turn fire, and what has to be known first.
type picks struct {
	// ledger is what is to be written, when changed says that it differs.
	ledger  ledger.Ledger
	changed bool
	// claims are those that the run holds now; others are the triggers that it leaves alone, with the reason.
	// batches are what each of the claims brings.
	claims  []ledger.Claim
	batches []batch
	others  []Trigger
	// asks are questions to the base without whose answers nothing is claimed, checks the refused triggers of commits
	// that the forge has to be asked for.
	asks   []relation
	checks []ledger.Claim
	// lookups are triggers whose pipelines have to be looked for, waits those that another run may be at, and until is
	// when a project may be asked again, zero when none waits.
	lookups []ledger.Claim
	waits   []ledger.Claim
	until   time.Time
}

// candidate is a commit that may have to be brought to one project.
type candidate struct {
	commit forge.Commit
	// consumed reports that it changed a file of the project.
	consumed bool
}

// tell adds what becomes of a commit that is not fired for.
func (p *picks) tell(project deploy.Project, commit, state, detail string) *Trigger {
	p.others = append(p.others, Trigger{Project: project.Name, Commit: commit, State: state, Detail: detail})
	return &p.others[len(p.others)-1]
}

// cover notes that a newer commit's pipeline brings a commit.
func (p *picks) cover(c ledger.Claim) {
	p.ledger, p.changed = p.ledger.Cover(c), true
}

// covered is what the ledger says of a commit that another one's pipeline brings.
func (t *turns) covered(p deploy.Project, c forge.Commit, by string) ledger.Claim {
	covered := t.claimOf(p, c)
	covered.Project, covered.State, covered.CoveredBy = p.Name, ledger.Refused, by
	return covered
}

// claimOf is the claim of a commit by this run.
func (t *turns) claimOf(p deploy.Project, c forge.Commit) ledger.Claim {
	server, path, _ := p.Endpoint() // it was checked when the projects were read
	return ledger.Claim{Commit: c.SHA, CommitURL: c.URL, Message: deploy.Message(c.Message), MergedAt: c.At.UTC(), Server: server, Path: path,
		Pull: c.Pull, Chain: c.Chain, Ref: t.Ref, Run: t.Run, At: t.now().UTC()}
}

// pick claims for each project the newest commit that it has not got, provided that one of those that it has not got
// changed a file that it consumes: the pipeline reads the branch's head, so it brings the older ones as well. It asks
// nobody, for it is made again when another writer was faster.
func (t *turns) pick(l ledger.Ledger) picks {
	p := picks{ledger: l}
	t.mend(&p)
	t.see(p.ledger)
	t.settle(&p)
	for _, project := range t.Projects {
		t.pickFor(&p, project)
	}
	return p
}

// mend names the claims of times that cannot be, and puts them right.
func (t *turns) mend(p *picks) {
	now := t.now()
	next, wrong := p.ledger.Mend(now, now.Add(impossible))
	for _, c := range wrong {
		t.distrust(c, "the ledger says a time of it that is in the future")
	}
	p.ledger, p.changed = next, len(wrong) > 0
}

// settle decides about the triggers that no run holds the answer of: those of a run that may be at them are waited for,
// the others are looked up, or unknown where nobody can look.
func (t *turns) settle(p *picks) {
	asked := map[string]int{}
	for _, c := range slices.Backward(p.ledger.Claims) {
		project, ours := t.project(c.Project)
		if !ours || !c.Open() || c.State == ledger.Claimed && c.Run == t.Run {
			continue
		}
		verdict, judged := t.verdicts[keyOf(c)]
		judged = judged && same(verdict.seen, c)
		switch {
		case judged && verdict.becomes.State != ledger.Unknown:
			p.become(verdict.becomes)
		case c.State == ledger.Claimed && t.left(c) > 0:
			p.waits = append(p.waits, c)
		case t.Retry && c.Run != t.Run && t.named(c.Commit):
			c.State, c.Detail = ledger.Refused, "given up by a person"
			p.become(c)
		case project.API != "" && !judged && asked[project.Name] < rivals && t.progress[project.Name].spent < looking:
			asked[project.Name]++
			p.lookups = append(p.lookups, c)
		case c.State == ledger.Claimed:
			c.State, c.Detail = ledger.Unknown, "the run "+c.Run+" ended before it had an answer"
			p.become(c)
		}
	}
}

// become records what was found out about a trigger.
func (p *picks) become(c ledger.Claim) {
	p.ledger, p.changed = p.ledger.Answer(c), true
}

// named reports that a person asks for a commit, or for all.
func (t *turns) named(commit string) bool {
	return len(t.commits) == 0 || slices.ContainsFunc(t.commits, func(c forge.Commit) bool { return c.SHA == commit })
}

// pickFor claims what one project has not got.
func (t *turns) pickFor(p *picks, project deploy.Project) {
	progress := t.progress[project.Name]
	for _, b := range progress.batches {
		p.others = append(p.others, b.others...)
	}
	begin := len(p.others)
	pending, sure := t.pending(p, project)
	pending = slices.DeleteFunc(pending, func(c candidate) bool { return progress.handled(c.commit.SHA) })
	if !sure || len(pending) == 0 {
		return
	}
	consumed := func(c candidate) bool { return c.consumed }
	if slices.ContainsFunc(pending, consumed) {
		if pending, sure = t.ordered(p, project, pending); !sure {
			return
		}
	}
	if !slices.ContainsFunc(pending, consumed) {
		for _, c := range pending {
			p.tell(project, c.commit.SHA, Untouched, "no file that the project consumes was changed").Settled = !c.commit.Own
		}
		return
	}
	if progress.after.After(t.Clock()) {
		if p.until.IsZero() || progress.after.Before(p.until) {
			p.until = progress.after
		}
		return
	}
	newest, older := pending[len(pending)-1].commit, pending[:len(pending)-1]
	next, fresh, _ := p.ledger.Claim(t.claimOf(project, newest), project.Name)
	if len(fresh) != 1 {
		return // somebody holds it, which pending leaves out
	}
	p.ledger, p.claims, p.changed = next, append(p.claims, fresh[0]), true
	var made batch
	for _, c := range older {
		p.tell(project, c.commit.SHA, Covered, "the pipeline of "+short(newest.SHA)+" brings it")
		made.older = append(made.older, t.covered(project, c.commit, newest.SHA))
	}
	made.others = slices.Clone(p.others[begin:])
	p.batches = append(p.batches, made)
}

// pending are the commits that a project has not got and that nobody is bringing: those given, and those whose trigger was
// refused before. It is false when the forge has to be asked for some of them first.
func (t *turns) pending(p *picks, project deploy.Project) (pending []candidate, sure bool) {
	given := map[string]bool{}
	for _, c := range t.commits {
		given[c.SHA] = true
		claim, claimed := p.ledger.ClaimOf(c.SHA, project.Name)
		switch {
		case claimed && claim.State == ledger.Accepted:
			one := triggerOf(claim)
			one.Settled = !c.Own
			p.others = append(p.others, one)
		case claimed && claim.State != ledger.Refused: // told with the open ones
		case claimed && claim.CoveredBy != "" && !t.Retry:
			p.tell(project, c.SHA, Covered, "the pipeline of "+short(claim.CoveredBy)+" brought it").Settled = !c.Own
		case claimed && claim.CommitURL != "" && claim.CommitURL != c.URL && !t.Retry:
			t.distrust(claim, "the ledger says another page of it than the forge")
		default:
			pending = append(pending, candidate{c, c.All || project.Consumes(c.Changed, t.Targets, t.Extra)})
		}
	}
	var refused []ledger.Claim
	for _, c := range p.ledger.Claims {
		if c.Project == project.Name && c.State == ledger.Refused && c.CoveredBy == "" && !given[c.Commit] {
			refused = append(refused, c)
		}
	}
	slices.SortStableFunc(refused, func(a, b ledger.Claim) int { return b.At.Compare(a.At) })
	asked := len(p.asks) + len(p.checks)
	for _, c := range refused[:min(leftovers, len(refused))] { // the newest one brings the others
		if commit, ok := t.believed(p, c); ok {
			pending = append(pending, candidate{commit, true})
		}
	}
	return pending, asked == len(p.asks)+len(p.checks)
}

func triggerOf(c ledger.Claim) Trigger {
	return Trigger{Project: c.Project, Commit: c.Commit, State: string(c.State), PipelineID: c.PipelineID, URL: c.URL, Detail: c.Detail}
}

// short is a commit's SHA as people write it.
func short(sha string) string { return sha[:min(len(sha), 8)] }
