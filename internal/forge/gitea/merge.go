package gitea

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

const (
	// settle is how long the server may take for what it does beside its answers: computing mergeability, closing and
	// merging.
	settle = time.Minute
	// resend is how long after a request to merge whose end is not seen another one may be sent.
	resend = 10 * time.Second
)

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
	sent     time.Time // when the last request to merge was sent
	answered bool      // and it was said to be done
	claimed  time.Time // when the claim was taken, zero without one
	reopened bool
	decision change.Decision
	detail   string
}

// Merge brings a pull request to its end: it reads, asks, merges or waits, until it is merged, refused, closed, or the
// time is up. A merge is sent under a claim, with the head that the grant is for, and believed when it is seen.
func (c *Client) Merge(ctx context.Context, order forge.Order) (forge.Merge, error) {
	doing := fmt.Sprintf("merging pull request %d", order.Number)
	me, err := c.profile(ctx)
	if err != nil {
		return forge.Merge{Outcome: forge.Failed}, c.Fail(doing, err)
	}
	order.Message = change.Message{Subject: c.config.Clean(order.Message.Subject), Body: c.config.Clean(order.Message.Body)}
	m := &merge{Client: c, me: me, order: order, began: c.config.Now()}
	result, err := m.run(ctx)
	if released := c.release(context.WithoutCancel(ctx)); err == nil && result.Outcome != forge.Merged {
		err = released // after a merge a claim that stays does no harm
	}
	if err != nil {
		result.Outcome = forge.Failed
		return result, c.Fail(doing, err)
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
	return max(min(m.config.Poll, m.order.Wait-m.waited()), time.Second)
}

func (m *merge) end(outcome forge.Outcome, detail, hint string) *forge.Merge {
	return &forge.Merge{Outcome: outcome, Decision: m.decision, Detail: detail, Hint: hint}
}

// again looks again soon, for a minute; then it ends as it says.
func (m *merge) again(detail string, outcome forge.Outcome) (*forge.Merge, error) {
	m.detail = detail
	if m.odd.IsZero() {
		m.odd = m.config.Now()
	}
	if m.config.Now().Sub(m.odd) >= settle {
		return m.end(outcome, detail, "run again"), nil
	}
	return nil, nil
}

// step looks once and does at most one thing. No result means: look again.
func (m *merge) step(ctx context.Context) (*forge.Merge, error) {
	p, err := m.pull(ctx, m.order.Number)
	switch {
	case err != nil:
		return nil, err
	case p.Merged:
		return m.merged(p)
	case !p.open():
		return m.closed(ctx, p)
	case m.lags(p.Head.SHA):
		return m.again("the server does not show its new head yet", forge.Pending)
	}
	if p.Head.SHA != m.head {
		m.head, m.since = p.Head.SHA, m.config.Now()
	}
	if result, err := m.unseen(ctx, p); result != nil || err != nil {
		return result, err
	}
	if err := m.ask(ctx, p); err != nil {
		return nil, err
	}
	grant, granted := m.decision.Grant()
	switch {
	case m.decision.Code == change.BaseMoved:
		return m.overtaken(ctx)
	case m.decision.Verdict == change.Refused:
		return m.refused(), nil
	case m.me.Self.ID < 0:
		return m.end(forge.Failed, "the token of a job cannot merge here (go-gitea/gitea#39124)", jobToken), nil
	case !m.me.allows[m.order.Method]:
		return m.end(forge.Failed, fmt.Sprintf("the repository does not allow the method %q", m.order.Method), m.allowed()), nil
	case !granted:
		return m.wait(ctx)
	case !p.Mergeable:
		return m.again("the server says that it cannot be merged, or is still computing whether it can", forge.Rebuild)
	case !m.sent.IsZero() && m.config.Now().Sub(m.sent) < resend:
		return m.again("what became of the request to merge is not seen yet", forge.Pending)
	}
	return m.send(ctx, grant)
}

const jobToken = "set MERGE_TOKEN to the token of a bot user of its own"

func (m *merge) allowed() string {
	var ways []string
	for way, yes := range m.me.allows {
		if yes {
			ways = append(ways, way)
		}
	}
	slices.Sort(ways)
	return fmt.Sprintf("allow it, or set `merge: {method: %s}`", strings.Join(ways, "|"))
}

// lags reports whether the head is not yet the one that was published. It is waited for only a moment, and not again
// once it was seen: what a person pushes must be refused.
func (m *merge) lags(head string) bool {
	m.seen = m.seen || head == m.order.Head
	return m.order.Head != "" && !m.seen && m.waited() < 5*time.Second
}

// unseen is the end after the server said that it merged, and the base moved, and the pull request stays open: that
// happens with the token of a job, and another request would make another commit.
func (m *merge) unseen(ctx context.Context, p pull) (*forge.Merge, error) {
	if !m.answered || m.config.Now().Sub(m.sent) < resend {
		return nil, nil
	}
	tips, err := m.git.Tips(ctx)
	if err != nil || tips.BaseSHA == m.me.BaseSHA || tips.BaseSHA == "" {
		return nil, err
	}
	commits, err := m.git.Between(ctx, m.me.BaseSHA, tips.BaseSHA)
	if err != nil {
		return nil, err
	}
	for _, c := range commits.Commits {
		if subject, _, _ := strings.Cut(c.Message, "\n"); subject == m.order.Message.Subject {
			return m.end(forge.Failed, fmt.Sprintf("the server put it on the base as %s and left pull request %d open (go-gitea/gitea#39124)", c.ID, p.Number), jobToken), nil
		}
	}
	return nil, nil
}

// overtaken is the end after the base moved: it may be another run's merge of this very pull request that moved it.
func (m *merge) overtaken(ctx context.Context) (*forge.Merge, error) {
	if _, err := m.idle(ctx); err != nil {
		return nil, err
	}
	p, err := m.pull(ctx, m.order.Number)
	switch {
	case err != nil:
		return nil, err
	case p.Merged:
		return m.merged(p)
	case !m.sent.IsZero() && m.config.Now().Sub(m.sent) < resend:
		return m.again("what became of the request to merge is not seen yet", forge.Pending)
	}
	if result, err := m.unseen(ctx, p); result != nil || err != nil {
		return result, err
	}
	return m.landedOr(ctx, p)
}

// landedOr is the end of a pull request whose commit is on the base although the server says that it is open, else the authority's no.
func (m *merge) landedOr(ctx context.Context, p pull) (*forge.Merge, error) {
	tips, err := m.git.Tips(ctx)
	if err != nil {
		return nil, err
	}
	as, err := m.landed(ctx, p, tips.BaseSHA)
	if err != nil || as.ID == "" || m.order.Head != "" && p.Head.SHA != m.order.Head {
		return m.refused(), err
	}
	r := m.end(forge.Merged, "", "")
	r.SHA, r.At, r.By = as.ID, as.Committer.At.UTC(), forge.Direct
	return r, m.patch(ctx, p.Number, map[string]any{"state": "closed", "body": forge.Landed(p.Body, as.ID)}, nil)
}

// refused is the end after the authority's no.
func (m *merge) refused() *forge.Merge {
	outcome := forge.Refused
	if m.decision.Code == change.BaseMoved {
		outcome = forge.Rebuild
	}
	return m.end(outcome, m.decision.Detail, m.decision.Hint)
}

// wait goes on, unless no wait can help.
func (m *merge) wait(ctx context.Context) (*forge.Merge, error) {
	if err := m.letGo(ctx); err != nil {
		return nil, err
	}
	m.odd, m.detail = time.Time{}, m.decision.Detail
	if m.decision.Code == change.ChecksSilent {
		return m.end(forge.Pending, m.decision.Detail, m.decision.Hint), nil
	}
	return nil, nil
}

// merged is the end that was hoped for, whoever brought it about: unless another run of ours had put something else on
// the branch before it was merged.
func (m *merge) merged(p pull) (*forge.Merge, error) {
	if p.Commit == "" {
		return m.again("the server says that it is merged and shows no commit", forge.Pending)
	}
	r := m.end(forge.Merged, "", "")
	r.SHA, r.At, r.By = p.Commit, p.MergedAt.UTC(), forge.Direct
	if !m.me.Self.Is(p.MergedBy.identity()) {
		r.By = forge.ByPerson
	}
	if r.By != forge.ByPerson && m.order.Head != "" && p.Head.SHA != m.order.Head {
		return m.end(forge.Rebuild, "it was merged with another head than was published", "run again"), nil
	}
	return r, nil
}

// closed says who closed it: a person, another run, or the server itself, late and in our name, which is undone once.
func (m *merge) closed(ctx context.Context, p pull) (*forge.Merge, error) {
	if forge.IsWithdrawn(p.Body) {
		return m.end(forge.Rebuild, "another run closed it", "run again"), nil
	}
	closer, err := m.closer(ctx, p.Number)
	if err != nil {
		return nil, err
	}
	switch {
	case !m.me.Self.Is(closer):
		r := m.end(forge.Closed, "a person closed it", "its versions are left alone until newer ones appear")
		r.Closed = p.ClosedAt.UTC()
		return r, nil
	case m.reopened:
		return m.end(forge.Rebuild, "the server closed it twice", "run again"), nil
	}
	m.reopened = true
	if err := m.patch(ctx, p.Number, map[string]any{"state": "open"}, nil); err != nil {
		return nil, err
	}
	return m.again("the server closed it, and it was opened again", forge.Rebuild)
}

// ask reads what the authority needs, and asks for permission.
func (m *merge) ask(ctx context.Context, p pull) error {
	var checks []change.Check
	var base branch
	var who change.Identity
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		checks, err = m.checks(inner, p.Head.SHA)
		return err
	})
	group.Go(func() (err error) {
		base, err = m.branch(inner, p.Base.Ref)
		return err
	})
	group.Go(func() (err error) {
		who, err = m.pusher(inner, p.Number, m.me.Self)
		return err
	})
	var tip string
	var d repository.Diff
	group.Go(func() error {
		tips, err := m.git.Tips(inner)
		if err != nil {
			return err
		}
		tip = tips.BaseSHA
		d, err = m.git.Diff(inner, tip, p.Head.SHA)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	q := forge.State{Pull: m.asChange(p, d, who), Checks: checks, BaseSHA: tip, Enforced: enforced(base, checks), Waited: m.config.Now().Sub(m.since)}
	answer, err := m.order.Authority(ctx, q)
	m.decision = answer.Now
	return err
}

// asChange is a pull request as the authority judges it. Whoever else pushed to it stands for all of its commits.
func (m *merge) asChange(p pull, d repository.Diff, who change.Identity) change.PullRequest {
	out := change.PullRequest{Number: p.Number, Author: p.User.identity(), HeadRepo: p.Head.fullName(), BaseRepo: p.Base.fullName(),
		HeadBranch: p.Head.Label, HeadSHA: p.Head.SHA, BaseBranch: p.Base.Ref, State: p.State, Merged: p.Merged, Draft: p.Draft, Labels: p.labels(),
		Commits: authors(d.Commits, m.me), Files: d.Files, Irregular: d.Irregular}
	for i := range out.Commits {
		if who != (change.Identity{}) {
			out.Commits[i].Author = who
		}
	}
	return out
}

// send merges now. The first time it takes the claim and looks at everything again: what was read before may have been
// another run's to change.
func (m *merge) send(ctx context.Context, grant change.Grant) (*forge.Merge, error) {
	if grant.Pull() != m.order.Number || grant.Head() == "" || grant.Auto() {
		return nil, errors.New("the grant is for another merge")
	}
	if m.claimed.IsZero() || m.config.Now().Sub(m.claimed) > claimFor/2 {
		return m.takeClaim(ctx, grant)
	}
	if m.order.Before != nil {
		if err := m.order.Before(ctx, false); err != nil {
			return nil, err
		}
	}
	m.sent = m.config.Now()
	res, err := m.Once(ctx, http.MethodPost, m.path("/pulls/%d/merge", m.order.Number), map[string]any{
		"Do": m.order.Method, "head_commit_id": grant.Head(), "delete_branch_after_merge": false,
		"merge_title_field": m.order.Message.Subject, "merge_message_field": m.order.Message.Body,
	}, nil)
	switch {
	case err != nil:
		return m.notMerged(ctx, err)
	case res.StatusCode == http.StatusCreated:
		return m.unschedule(ctx)
	}
	m.answered = true
	if p, err := m.pull(ctx, m.order.Number); err == nil && p.Merged {
		return m.merged(p)
	}
	return m.again("what became of the request to merge is not seen yet", forge.Pending)
}

func (m *merge) takeClaim(ctx context.Context, grant change.Grant) (*forge.Merge, error) {
	if err := m.letGo(ctx); err != nil {
		return nil, err
	}
	mine, err := m.claim(ctx, m.order.Number, grant.Head())
	if err != nil {
		return nil, err
	}
	if !mine {
		return m.again("another run is merging it", forge.Pending)
	}
	m.claimed = m.config.Now()
	return m.step(ctx)
}

// letGo gives the claim back.
func (m *merge) letGo(ctx context.Context) error {
	m.claimed = time.Time{}
	return m.release(ctx)
}

// notMerged says what a refusal means.
func (m *merge) notMerged(ctx context.Context, err error) (*forge.Merge, error) {
	a := rest.Said(err)
	if a == nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return m.again("the answer to the request to merge got lost", forge.Pending)
	}
	what, known := meaningOf(a)
	if !known {
		return nil, err
	}
	if what.step != lookAgain || a.Status < http.StatusInternalServerError {
		m.sent = time.Time{} // it was not carried out
		if err := m.letGo(ctx); err != nil {
			return nil, err
		}
	}
	detail := "Gitea does not merge it: " + what.detail
	switch what.step {
	case lookAgain:
		return m.again(what.detail, forge.Pending)
	case rebuild:
		return m.end(forge.Rebuild, what.detail, "run again"), nil
	case failed:
		return m.end(forge.Failed, detail, what.hint), nil
	case scheduled:
		return m.unschedule(ctx)
	}
	m.decision = change.Decision{Verdict: change.Refused, Code: what.code, Detail: detail, Hint: what.hint}
	if what.step == refuse {
		return m.refused(), nil
	}
	m.decision.Verdict, m.detail, m.odd = change.Waiting, detail, time.Time{}
	return nil, nil
}

// unschedule takes back what somebody told the server: to merge it when checks succeed, whatever is pushed meanwhile.
func (m *merge) unschedule(ctx context.Context) (*forge.Merge, error) {
	_, err := m.Call(ctx, http.MethodDelete, m.path("/pulls/%d/merge", m.order.Number), nil, nil)
	if err != nil && !rest.SaidNo(err, http.StatusNotFound) {
		return nil, err
	}
	return m.again("it was scheduled to merge by itself, which was taken back", forge.Failed)
}
