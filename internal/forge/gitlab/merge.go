package gitlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// settle is how long the server may take for what it does beside its answers: noticing a push, computing mergeability,
// merging.
const settle = time.Minute

// maxRefusals is how often the server may refuse a merge for the same reason, or for none.
const maxRefusals = 3

// merge is one order on its way.
type merge struct {
	*Client
	me       profile
	order    forge.Order
	began    time.Time
	seen     bool      // the head that was published was seen
	head     string    // the head that is waited for
	since    time.Time // since when
	odd      time.Time // since when the server does not know, or says what does not fit
	refusals int       // how often the server refused what it had called mergeable
	decision change.Decision
	detail   string
}

// Merge brings a merge request to its end: it reads, asks, merges or waits, until it is merged, refused, closed, or the
// time is up. A merge is sent with the head that the grant is for, and believed when it is seen.
func (c *Client) Merge(ctx context.Context, order forge.Order) (forge.Merge, error) {
	doing := fmt.Sprintf("merging merge request %d", order.Number)
	me, err := c.profile(ctx)
	if err != nil {
		return forge.Merge{Outcome: forge.Failed}, c.Fail(doing, err)
	}
	m := &merge{Client: c, me: me, order: order, began: c.config.Now()}
	result, err := m.run(ctx)
	if err != nil {
		return forge.Merge{Outcome: forge.Failed}, c.Fail(doing, err)
	}
	return result, nil
}

func (m *merge) run(ctx context.Context) (forge.Merge, error) {
	for {
		result, err := m.step(ctx)
		if err != nil {
			return forge.Merge{}, err
		}
		if result != nil {
			return *result, nil
		}
		grace := time.Duration(0)
		if !m.odd.IsZero() {
			grace = m.odd.Sub(m.began) + settle
		}
		if m.waited() >= max(m.order.Wait, grace) {
			return *m.end(forge.Pending, m.detail, cmp.Or(m.decision.Hint, "run again")), nil
		}
		if m.order.Before != nil {
			if err := m.order.Before(ctx, true); err != nil {
				return forge.Merge{}, err
			}
		}
		if err := m.config.Sleep(ctx, m.pause()); err != nil {
			return forge.Merge{}, err
		}
	}
}

func (m *merge) waited() time.Duration { return m.config.Now().Sub(m.began) }

// pause is the time until the next look: short while the server is at work.
func (m *merge) pause() time.Duration {
	if !m.odd.IsZero() {
		return min(time.Second, m.config.Poll)
	}
	return max(min(m.config.Poll, m.order.Wait-m.waited()), min(time.Second, m.config.Poll))
}

func (m *merge) end(outcome forge.Outcome, detail, hint string) *forge.Merge {
	return &forge.Merge{Outcome: outcome, Decision: m.decision, Detail: detail, Hint: hint}
}

// again looks again soon, for a minute; then it is left pending.
func (m *merge) again(detail string) (*forge.Merge, error) {
	m.detail = detail
	if m.odd.IsZero() {
		m.odd = m.config.Now()
	}
	if m.config.Now().Sub(m.odd) >= settle {
		return m.end(forge.Pending, detail, "run again"), nil
	}
	return nil, nil
}

// step looks once and does at most one thing. No result means: look again.
func (m *merge) step(ctx context.Context) (*forge.Merge, error) {
	p, err := m.pull(ctx, m.order.Number)
	switch {
	case err != nil:
		return nil, err
	case p.merged():
		return m.merged(p), nil
	case p.State == "locked":
		return m.again("GitLab is merging it")
	case !p.open():
		return m.closed(p), nil
	case m.lags(p.SHA):
		return m.again("GitLab does not show its new head yet")
	}
	if p.SHA != m.head {
		m.head, m.since = p.SHA, m.config.Now()
	}
	if err := m.ask(ctx, p); err != nil {
		return nil, err
	}
	grant, granted := m.decision.Grant()
	switch {
	case m.decision.Code == change.BaseMoved:
		return m.overtaken(ctx)
	case m.decision.Verdict == change.Refused:
		return m.end(forge.Refused, m.decision.Detail, m.decision.Hint), nil
	case !m.me.allows(m.order.Method):
		return m.end(forge.Failed, fmt.Sprintf("the project does not allow the method %q (its merge method is %q, its squashing %q)", m.order.Method, m.me.MergeMethod, m.me.Squash),
			"set `merge: {method: squash|merge|rebase}` to what the project allows"), nil
	case granted && p.User.CanMerge != nil && !*p.User.CanMerge:
		return m.mayNot(), nil
	case granted && m.me.Trains:
		return m.end(forge.Pending, "the project merges by a merge train, which would land another commit than the one that was authorised",
			"add it to the train yourself, or turn trains off"), nil
	case granted && p.Armed:
		return m.end(forge.Pending, "somebody told GitLab to merge it by itself", "run again"), nil
	case !granted:
		m.odd, m.detail = time.Time{}, m.decision.Detail
		if m.decision.Code == change.ChecksSilent {
			return m.end(forge.Pending, m.decision.Detail, m.decision.Hint), nil
		}
		return nil, nil
	}
	return m.decide(ctx, p, grant)
}

// decide does what the status asks for, now that pawl itself agrees.
func (m *merge) decide(ctx context.Context, p pull, grant change.Grant) (*forge.Merge, error) {
	what := meaningOf(cmp.Or(p.Status, "mergeable")) // versions before 15.6 say none, and refuse the merge
	switch what.step {
	case ready:
		return m.send(ctx, grant)
	case lookAgain:
		return m.again(what.detail)
	case rebuild:
		return m.end(forge.Rebuild, what.detail, "run again"), nil
	}
	m.decision = change.Decision{Verdict: change.Waiting, Code: what.code, Detail: "GitLab does not merge it: " + what.detail, Hint: what.hint}
	if what.step == refuse {
		m.decision.Verdict = change.Refused
		return m.end(forge.Refused, m.decision.Detail, m.decision.Hint), nil
	}
	m.odd, m.detail = time.Time{}, m.decision.Detail
	return nil, nil
}

func (m *merge) mayNot() *forge.Merge {
	return m.end(forge.Failed, "the token's user may not merge into "+m.me.Base,
		"allow it to merge in the protection of "+m.me.Base+", or give it a role that may")
}

// lags reports whether the head is not yet the one that was published. It is waited for only a moment, and not again
// once it was seen: what a person pushes must be refused.
func (m *merge) lags(head string) bool {
	m.seen = m.seen || head == m.order.Head
	return m.order.Head != "" && !m.seen && m.waited() < 5*time.Second
}

// overtaken is the end after the base moved: it may be another run's merge of this very merge request that moved it.
func (m *merge) overtaken(ctx context.Context) (*forge.Merge, error) {
	p, err := m.pull(ctx, m.order.Number)
	switch {
	case err != nil:
		return nil, err
	case p.merged():
		return m.merged(p), nil
	case p.State == "locked":
		return m.again("GitLab is merging it")
	}
	return m.end(forge.Rebuild, m.decision.Detail, m.decision.Hint), nil
}

// merged is the end that was hoped for, whoever brought it about: unless another run of ours had put something else on
// the branch before it was merged.
func (m *merge) merged(p pull) *forge.Merge {
	r := m.end(forge.Merged, "", "")
	r.SHA, r.At, r.By = p.landed(), p.MergedAt.UTC(), forge.Direct
	if !m.me.Self.Is(p.merger()) {
		r.By = forge.ByPerson
	}
	if r.By != forge.ByPerson && m.order.Head != "" && p.SHA != m.order.Head {
		return m.end(forge.Rebuild, "it was merged with another head than was published", "run again")
	}
	return r
}

// closed says who closed it: another run, or a person.
func (m *merge) closed(p pull) *forge.Merge {
	if p.withdrawn(m.me.Self) {
		return m.end(forge.Rebuild, "another run closed it", "run again")
	}
	r := m.end(forge.Closed, "a person closed it", "its versions are left alone until newer ones appear")
	r.Closed = p.ClosedAt.UTC()
	return r
}

// ask reads what the authority needs, and asks for permission.
func (m *merge) ask(ctx context.Context, p pull) error {
	tips, err := m.git.Tips(ctx)
	if err != nil {
		return err
	}
	var checks []change.Check
	var d repository.Diff
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		checks, err = m.checks(inner, p, tips.BaseSHA)
		return err
	})
	group.Go(func() (err error) {
		d, err = m.git.Diff(inner, tips.BaseSHA, p.SHA)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	q := forge.State{Pull: m.asChange(p, d), Checks: checks, BaseSHA: tips.BaseSHA, Enforced: m.me.enforced(), Waited: m.config.Now().Sub(m.since),
		Silent: "see which jobs the rules of .gitlab-ci.yml let run for merge requests, and whether they may be skipped"}
	answer, err := m.order.Authority(ctx, q)
	m.decision = answer.Now
	return err
}

// asChange is a merge request as the authority judges it. GitLab does not say who pushed, and a commit may name anybody:
// a head that was published by nobody that is known is somebody else's.
func (m *merge) asChange(p pull, d repository.Diff) change.PullRequest {
	out := change.PullRequest{Number: p.Number, Author: p.Author.identity(), HeadRepo: m.pathOf(p.From), BaseRepo: m.pathOf(p.Into),
		HeadBranch: p.Branch, HeadSHA: p.SHA, BaseBranch: p.Target, State: "open", Draft: p.Draft, Labels: p.Labels,
		Commits: authors(d.Commits, m.me), Files: d.Files, Irregular: d.Irregular}
	if m.order.Head != "" && p.SHA != m.order.Head && !m.git.Knows(p.SHA) {
		for i, one := range out.Commits {
			if m.me.Self.Is(one.Author) {
				out.Commits[i].Author = change.Identity{Login: "somebody"}
			}
		}
	}
	return out
}

// pathOf is the path of the project where the number is its own: paths of others are not needed, they only differ.
func (m *merge) pathOf(id int64) string {
	if id == m.me.ID {
		return m.me.Repository
	}
	return fmt.Sprintf("project %d", id)
}

// send merges now.
func (m *merge) send(ctx context.Context, grant change.Grant) (*forge.Merge, error) {
	if grant.Pull() != m.order.Number || grant.Head() == "" || grant.Auto() {
		return nil, errors.New("the grant is for another merge")
	}
	if m.order.Before != nil {
		if err := m.order.Before(ctx, false); err != nil {
			return nil, err
		}
	}
	message := safeMessage(m.config.Clean(m.order.Message.String()))
	var p pull
	_, err := m.Once(ctx, http.MethodPut, m.path("/merge_requests/%d/merge", m.order.Number), map[string]any{
		"sha": grant.Head(), "squash": m.order.Method == "squash", "should_remove_source_branch": false,
		"merge_commit_message": message, "squash_commit_message": message,
	}, &p)
	switch {
	case err != nil:
		return m.notMerged(ctx, err)
	case p.complete() == nil && p.merged():
		return m.merged(p), nil
	}
	return m.again("what became of the request to merge is not seen yet")
}

// notMerged says what a refusal means. What became of the merge request is read afterwards, whatever the answer was.
func (m *merge) notMerged(ctx context.Context, err error) (*forge.Merge, error) {
	a := rest.Said(err)
	if a == nil || a.Status >= http.StatusInternalServerError {
		if ctx.Err() != nil {
			return nil, err
		}
		return m.again("the answer to the request to merge got lost")
	}
	switch a.Status {
	case http.StatusUnauthorized: // the same as for a token that is none
		if err := m.Get(ctx, "user", &user{}); err != nil {
			return nil, err
		}
		return m.mayNot(), nil
	case http.StatusConflict:
		return m.again("its head was moved")
	case http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusUnprocessableEntity:
	default:
		return nil, err
	}
	p, failure := m.pull(ctx, m.order.Number)
	m.refusals++
	switch {
	case failure != nil:
		return nil, failure
	case !p.open() || p.State == "locked" || m.refusals < maxRefusals:
		return m.again("GitLab did not merge it: " + a.Message)
	case strings.Contains(p.Error, "fast-forward") || strings.Contains(p.Error, "has been updated"):
		return m.end(forge.Rebuild, p.Error, "run again"), nil
	}
	detail := "GitLab does not merge it: " + m.config.HTTP.Line(cmp.Or(p.Error, a.Message))
	m.decision = change.Decision{Verdict: change.Refused, Code: change.RuleBroken, Detail: detail, Hint: atPage}
	if a.Status == http.StatusMethodNotAllowed {
		m.decision.Verdict = change.Waiting
		return m.end(forge.Pending, detail, atPage), nil
	}
	return m.end(forge.Failed, detail, atPage), nil
}
