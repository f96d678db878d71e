package github

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
)

// settle is how long GitHub may take to compute what it answers, whatever the order's own wait.
const settle = time.Minute

// merge is one order on its way.
type merge struct {
	*Client
	order    forge.Order
	began    time.Time
	seen     bool   // the head that was published was seen
	head     string // the head that is waited for
	since    time.Time
	base     string // what diff and enforced were read for
	diff     diff
	enforced Enforcement
	decision change.Decision
	way      forge.Way // the way that GitHub was told
	auto     bool      // GitHub's auto-merge was on, by our word
	noAuto   string    // why auto-merge does not work here
	detail   string    // why it is not merged yet
	failures int       // requests in a row that were refused for a reason that may pass
}

// Merge brings a pull request to its end: it reads, asks, and merges, arms or waits, until it is merged, refused,
// closed, or the time is up. Each way of merging takes a grant, and sends the head that the grant is for. A refusal
// disarms what was armed before, by this run or an earlier one. GitHub looks at no grant when it merges by itself: what
// is pushed after the arming is seen, and disarmed, at the next look only.
func (c *Client) Merge(ctx context.Context, order forge.Order) (forge.Merge, error) {
	order.Message = change.Message{Subject: c.clean(order.Message.Subject), Body: c.clean(order.Message.Body)}
	m := &merge{Client: c, order: order, began: c.config.Now()}
	result, err := m.run(ctx)
	result.Armed = m.auto
	if err != nil {
		result.Outcome = forge.Failed
		return result, c.fail(fmt.Sprintf("merging pull request %d", order.Number), writeContents+"` and `"+writePulls, err)
	}
	return result, nil
}

func (m *merge) run(ctx context.Context) (forge.Merge, error) {
	for {
		result, err := m.step(ctx)
		if err != nil || result != nil {
			return value(result), err
		}
		if m.waited() >= max(m.order.Wait, m.grace()) {
			return m.end(forge.Pending, m.detail, cmp.Or(m.decision.Hint, m.noAutoHint())), nil
		}
		if err := m.before(ctx, true); err != nil {
			return forge.Merge{}, err
		}
		if err := m.config.Sleep(ctx, m.pause()); err != nil {
			return forge.Merge{}, err
		}
	}
}

// before lets the order's owner do what has to be done first.
func (m *merge) before(ctx context.Context, later bool) error {
	if m.order.Before == nil {
		return nil
	}
	return m.order.Before(ctx, later)
}

func value(r *forge.Merge) forge.Merge {
	if r == nil {
		return forge.Merge{}
	}
	return *r
}

// waited is how long the order is under way.
func (m *merge) waited() time.Duration { return m.config.Now().Sub(m.began) }

// grace is the wait for GitHub itself while it does not know, or when a request should be repeated.
func (m *merge) grace() time.Duration {
	if m.failures > 0 {
		return settle
	}
	return 0
}

// pause is the time until the next look: short while a request is to be repeated.
func (m *merge) pause() time.Duration {
	if m.failures > 0 {
		return min(time.Duration(m.failures)*time.Second, m.config.Poll)
	}
	return max(min(m.config.Poll, m.order.Wait-m.waited()), time.Second)
}

func (m *merge) end(outcome forge.Outcome, detail, hint string) forge.Merge {
	return forge.Merge{Outcome: outcome, Decision: m.decision, Detail: detail, Hint: hint}
}

func (m *merge) ended(outcome forge.Outcome, detail, hint string) *forge.Merge {
	r := m.end(outcome, detail, hint)
	return &r
}

// step looks once and does at most one thing. No result means: look again.
func (m *merge) step(ctx context.Context) (*forge.Merge, error) {
	s, err := m.state(ctx, m.order.Number)
	if err != nil {
		return nil, err
	}
	if err := m.look(ctx, s); err != nil {
		return nil, err
	}
	p := s.PullRequest
	switch {
	case s.is("merged"):
		return m.merged(ctx, s)
	case !s.is("open") && forge.IsWithdrawn(p.Body):
		return m.ended(forge.Rebuild, "another run closed it", "run again"), nil
	case !s.is("open"):
		r := m.ended(forge.Closed, "a person closed it", "its versions are left alone until newer ones appear")
		r.Closed = s.PullRequest.ClosedAt.UTC()
		return r, nil
	case m.lags(p.HeadRefOid):
		return m.repeat("GitHub does not show its new head yet", forge.Pending)
	case p.Mergeable == "CONFLICTING":
		return m.stop(ctx, s, m.ended(forge.Rebuild, "it conflicts with its base", "run again"))
	}
	if p.HeadRefOid != m.head {
		m.head, m.since = p.HeadRefOid, m.config.Now()
	}
	answer, err := m.ask(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case answer.Now.Verdict == change.Refused:
		return m.stop(ctx, s, m.refused())
	case p.Mergeable == "UNKNOWN":
		return m.repeat("GitHub is still computing whether it can be merged", forge.Pending)
	}
	return m.proceed(ctx, s, answer)
}

// look notes whether auto-merge is on because pawl said so.
func (m *merge) look(ctx context.Context, s state) error {
	auto := s.PullRequest.AutoMergeRequest
	if auto == nil {
		return nil
	}
	repository, err := m.repository(ctx)
	m.auto = repository.Self.Is(auto.EnabledBy.identity())
	return err
}

// lags reports whether the head is not yet the one that was published. It is waited for only a moment, and not again
// once it was seen: what a person pushes must be refused.
func (m *merge) lags(head string) bool {
	m.seen = m.seen || head == m.order.Head
	return m.order.Head != "" && !m.seen && m.failures < 3
}

// refused is the end after the authority's no.
func (m *merge) refused() *forge.Merge {
	outcome := forge.Refused
	if m.decision.Code == change.BaseMoved {
		outcome = forge.Rebuild
	}
	return m.ended(outcome, m.decision.Detail, m.decision.Hint)
}

// merged is the end that was hoped for, whoever brought it about: unless another run of ours had put something else on
// the branch before it was merged.
func (m *merge) merged(ctx context.Context, s state) (*forge.Merge, error) {
	repository, err := m.repository(ctx)
	if err != nil {
		return nil, err
	}
	r := m.ended(forge.Merged, "", "")
	r.At, r.By = s.PullRequest.MergedAt.UTC(), m.way
	if s.PullRequest.MergeCommit == nil || s.PullRequest.MergeCommit.Oid == "" {
		return m.repeat("GitHub says that it is merged and shows no commit", forge.Pending)
	}
	r.SHA = s.PullRequest.MergeCommit.Oid
	by := s.PullRequest.MergedBy.identity()
	switch {
	case strings.HasPrefix(by.Login, "github-merge-queue"):
		r.By = forge.Queue
	case !repository.Self.Is(by):
		r.By = forge.ByPerson
	case r.By == "":
		r.By = forge.Direct
	}
	if r.By != forge.ByPerson && m.order.Head != "" && s.PullRequest.HeadRefOid != m.order.Head {
		return m.ended(forge.Rebuild, "it was merged with another head than was published", "run again"), nil
	}
	return r, nil
}

// ask reads what is not known yet, and asks for permission.
func (m *merge) ask(ctx context.Context, s state) (forge.Answer, error) {
	q := forge.State{Pull: s.pull(), BaseSHA: s.baseSHA(), Waited: m.config.Now().Sub(m.since)}
	if err := m.read(ctx, s, &q); err != nil {
		return forge.Answer{}, err
	}
	q.Pull, q.Enforced = m.diff.into(q.Pull), m.enforced.Checks
	answer, err := m.order.Authority(ctx, q)
	m.decision, m.detail = answer.Now, answer.Now.Detail
	return answer, err
}

func (m *merge) read(ctx context.Context, s state, q *forge.State) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		q.Checks, err = m.Checks(inner, q.Pull.HeadSHA)
		return err
	})
	if key := q.BaseSHA + " " + q.Pull.HeadSHA; m.base != key {
		group.Go(func() (err error) {
			m.diff, err = m.Client.diff(inner, q.BaseSHA, q.Pull.HeadSHA)
			return err
		})
		group.Go(func() (err error) {
			m.enforced, err = m.Enforced(inner, s.PullRequest.BaseRefName)
			return err
		})
		m.base = key
	}
	return group.Wait()
}

// proceed takes the way that is granted and open.
func (m *merge) proceed(ctx context.Context, s state, answer forge.Answer) (*forge.Merge, error) {
	now, granted := answer.Now.Grant()
	later, armable := answer.Later.Grant()
	queue := s.PullRequest.IsMergeQueueEnabled || m.enforced.Queue || m.way == forge.Queue
	switch {
	case !slices.Contains(s.methods(), m.order.Method) && !queue:
		return m.stop(ctx, s, m.methodRefused(s))
	case granted && !queue:
		return m.direct(ctx, s, now)
	case !armable && (m.auto || s.PullRequest.IsInMergeQueue && answer.Later.Code == change.ArmIsOff):
		m.auto = false
		return m.stop(ctx, s, nil)
	case s.PullRequest.IsInMergeQueue, s.PullRequest.AutoMergeRequest != nil && !granted:
		m.adopt(s)
		return m.wait()
	case granted && armable:
		return m.enqueue(ctx, s, later)
	case granted:
		return m.ended(forge.Pending, "the branch has a merge queue, and it may not be entered: "+answer.Later.Detail, answer.Later.Hint), nil
	case armable && s.AutoMergeAllowed && m.noAuto == "":
		return m.arm(ctx, s, later)
	}
	return m.wait()
}

// adopt notes what an earlier run told GitHub.
func (m *merge) adopt(s state) {
	switch {
	case s.PullRequest.IsInMergeQueue:
		m.way = forge.Queue
	case m.way == "":
		m.way = forge.Auto
	}
}

// wait goes on, unless no wait can help.
func (m *merge) wait() (*forge.Merge, error) {
	m.failures = 0
	if m.decision.Code == change.ChecksSilent {
		return m.ended(forge.Pending, m.decision.Detail, m.decision.Hint), nil
	}
	return nil, nil
}

// tries bounds how often a request is repeated that was refused for a reason that may pass.
const tries = 8

// repeat looks again soon; after too many times it ends.
func (m *merge) repeat(detail string, outcome forge.Outcome) (*forge.Merge, error) {
	m.failures++
	m.detail = detail
	if m.failures > tries {
		return m.ended(outcome, detail, "run again"), nil
	}
	return nil, nil
}
