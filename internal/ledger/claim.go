package ledger

import (
	"cmp"
	"slices"
	"time"
)

// State is what is known of one trigger.
type State string

// The states of a trigger. A claim becomes one of the other three; unknown may still become accepted or refused.
const (
	// Claimed: one run announced that it will send the trigger; whether it was sent is not known yet.
	Claimed State = "claimed"
	// Accepted: the pipeline exists. Final.
	Accepted State = "accepted"
	// Refused: it is certain that no pipeline was made; the trigger may be claimed again.
	Refused State = "refused"
	// Unknown: it was sent and no answer came; only a look-up or a person settles it.
	Unknown State = "unknown"
)

// maxDetail bounds the text of an answer, in bytes.
const maxDetail = 1000

// Claim is the trigger of one project for one merged commit.
type Claim struct {
	Commit  string `json:"commit"`
	Project string `json:"project"`
	// CommitURL, Message and MergedAt are what the project was told of the commit, and when it was merged: for people. What
	// a project is told is asked of the forge each time, and the order of commits is that of the base branch.
	CommitURL string    `json:"commitUrl,omitempty"`
	Message   string    `json:"message,omitempty"`
	MergedAt  time.Time `json:"mergedAt,omitzero"`
	// Server is the address of the GitLab that is asked, and Path the number or path of the project there.
	Server string `json:"server,omitempty"`
	Path   string `json:"path,omitempty"`
	// Pull is the number of the pull request that was merged, 0 when there was none; Chain the chain that its events have;
	// Ref the branch of the project that is built. Queued is when GitLab made the pipeline.
	Pull   int       `json:"pull,omitempty"`
	Chain  string    `json:"chain,omitempty"`
	Ref    string    `json:"ref,omitempty"`
	Queued time.Time `json:"queued,omitzero"`
	// Run is the run that holds the claim, At the time of the claim or of its answer, by the forge's clock.
	Run   string    `json:"run"`
	At    time.Time `json:"at,omitzero"`
	State State     `json:"state"`
	// CoveredBy is the newer commit whose pipeline brought this one, although its own trigger was refused.
	CoveredBy string `json:"coveredBy,omitempty"`
	// PipelineID and URL name the pipeline that was accepted; Detail says why it was not.
	PipelineID int64  `json:"pipelineId,omitempty"`
	URL        string `json:"url,omitempty"`
	Detail     string `json:"detail,omitempty"`
	Extra      Extra  `json:"-"`
}

// Open reports whether the claim is not settled: a pipeline may or may not exist.
func (c Claim) Open() bool { return c.State != Accepted && c.State != Refused }

// owed reports that the project has not got the commit: the trigger was refused, and no newer pipeline brought it.
func (c Claim) owed() bool { return c.State == Refused && c.CoveredBy == "" }

func compareClaims(a, b Claim) int {
	return cmp.Or(cmp.Compare(a.Commit, b.Commit), cmp.Compare(a.Project, b.Project))
}

// Claim claims the triggers of a commit: c says which, for which run and when, and what the projects are told. It returns
// the next ledger, the claims that the run now holds, and those of other runs, which must not be fired: claimed, accepted
// or unknown. A refused trigger is free again. Both lists are in the order of the projects.
func (l Ledger) Claim(c Claim, projects ...string) (next Ledger, fresh, taken []Claim) {
	c.At, c.MergedAt, c.Message, c.State = c.At.UTC(), c.MergedAt.UTC(), cut(c.Message), Claimed
	for _, project := range slices.Compact(slices.Sorted(slices.Values(projects))) {
		old, found := l.ClaimOf(c.Commit, project)
		if found && old.State != Refused {
			taken = append(taken, old)
			continue
		}
		c.Project, c.Extra = project, old.Extra
		fresh = append(fresh, c)
	}
	l.Claims = put(l.Claims, fresh, compareClaims, func(_, c Claim) Claim { return c })
	return l, fresh, taken
}

// Answer records what became of a trigger. An accepted pipeline is never forgotten, whoever reports it; any other
// answer counts only for the run that holds the claim, so that a late word of an old run changes nothing.
func (l Ledger) Answer(answers ...Claim) Ledger {
	answers = slices.Clone(answers)
	for i, a := range answers {
		answers[i].At, answers[i].Detail = a.At.UTC(), cut(a.Detail)
	}
	l.Claims = put(l.Claims, answers, compareClaims, settle)
	return l
}

// settle decides between what is recorded of a trigger and an answer to it.
func settle(old, answer Claim) Claim {
	if answer.Extra == nil {
		answer.Extra = old.Extra
	}
	switch {
	case old.State == Accepted:
		return old
	case answer.State == Accepted:
		return answer
	case old.Run != answer.Run || certainty(answer.State) < certainty(old.State):
		return old
	default:
		return answer
	}
}

// certainty ranks how much a state says about whether a pipeline exists.
func certainty(s State) int {
	return slices.Index([]State{Claimed, Unknown, Refused, Accepted}, s)
}

// Cover notes that the pipeline of a newer commit, CoveredBy, brought commits that had no pipelines of their own. What is
// known of a pipeline of their own stays.
func (l Ledger) Cover(covered ...Claim) Ledger {
	covered = slices.Clone(covered)
	for i, c := range covered {
		covered[i].At, covered[i].MergedAt, covered[i].Message, covered[i].State = c.At.UTC(), c.MergedAt.UTC(), cut(c.Message), Refused
	}
	l.Claims = put(l.Claims, covered, compareClaims, func(old, c Claim) Claim {
		if old.State == Refused {
			old.CoveredBy = c.CoveredBy
		}
		return old
	})
	return l
}

// Mend puts right the claims that say that they were made after a time that is certainly not over, and returns them as
// they were.
func (l Ledger) Mend(now, limit time.Time) (next Ledger, wrong []Claim) {
	for i, c := range l.Claims {
		if !c.At.After(limit) {
			continue
		}
		if wrong == nil {
			l.Claims = slices.Clone(l.Claims)
		}
		wrong = append(wrong, c)
		l.Claims[i].At = now.UTC()
	}
	return l, wrong
}

// ClaimOf returns the claim of one project for a commit.
func (l Ledger) ClaimOf(commit, project string) (Claim, bool) {
	at, found := slices.BinarySearchFunc(l.Claims, Claim{Commit: commit, Project: project}, compareClaims)
	if !found {
		return Claim{}, false
	}
	return l.Claims[at], true
}

// cut bounds a text to maxDetail bytes of valid UTF-8.
func cut(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	end := maxDetail
	for end > 0 && text[end]&0xC0 == 0x80 {
		end--
	}
	return text[:end]
}
