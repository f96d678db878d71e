package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// permits holds a grant against the order; nothing is merged past it.
func (m *merge) permits(grant change.Grant, auto bool) error {
	if grant.Pull() != m.order.Number || grant.Head() == "" || grant.Auto() != auto {
		return errors.New("the grant is for another merge")
	}
	return nil
}

// direct merges now.
func (m *merge) direct(ctx context.Context, s state, grant change.Grant) (*forge.Merge, error) {
	if err := m.permits(grant, false); err != nil {
		return nil, err
	}
	if err := m.before(ctx, false); err != nil {
		return nil, err
	}
	done, res, err := m.api.PullRequests.Merge(ctx, m.owner, m.repo, m.order.Number, m.order.Message.Body, &gh.PullRequestOptions{
		CommitTitle: m.order.Message.Subject, SHA: grant.Head(), MergeMethod: m.order.Method,
	})
	if err != nil {
		return m.notMerged(ctx, s, err)
	}
	if !done.GetMerged() || done.GetSHA() == "" {
		return m.repeat("GitHub's answer to the merge names no commit", forge.Pending) // what became of it is read
	}
	r := m.ended(forge.Merged, "", "")
	r.SHA, r.By, r.At = done.GetSHA(), forge.Direct, m.answered(res)
	return r, nil
}

// answered is when an answer was made, by GitHub's clock if it says so.
func (m *merge) answered(res *gh.Response) time.Time {
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		return at.UTC()
	}
	return m.config.Now().UTC().Truncate(time.Second)
}

// notMerged says what a refusal of a direct merge means
// (https://docs.github.com/rest/pulls/pulls#merge-a-pull-request; the texts are not documented).
func (m *merge) notMerged(ctx context.Context, s state, err error) (*forge.Merge, error) {
	said := refusal(err)
	b, barred := barrierOf(said)
	switch {
	case said == nil || said.Status >= http.StatusInternalServerError:
		return m.uncertain(err)
	case barred:
		return m.barred(ctx, s, said, b)
	case said.Status == http.StatusConflict:
		return m.repeat("its head was moved", forge.Pending)
	case said.Status != http.StatusMethodNotAllowed:
		return nil, err
	case has(said, "Base branch was modified"):
		return m.repeat("its base was modified", forge.Rebuild)
	case has(said, "not mergeable"):
		return m.repeat("GitHub says that it is not mergeable", forge.Rebuild)
	case has(said, "draft"):
		m.decision = change.Decision{Verdict: change.Refused, Code: change.IsDraft,
			Detail: "GitHub says that it is a draft", Hint: "mark it as ready for review"}
		return m.stop(ctx, s, m.refused())
	case has(said, "not allowed"):
		return m.stop(ctx, s, m.methodRefused(s))
	case has(said, "merge queue"):
		m.enforced.Queue = true
		return m.repeat("changes go through the merge queue", forge.Pending)
	default:
		m.detail = "GitHub does not merge it: " + m.line(said.Message)
		m.decision.Hint = "look at what the pull request's page says about merging it, and run again"
		m.failures = 0
		return nil, nil
	}
}

// barred is the end, or the wait, after a rule of the repository said no.
func (m *merge) barred(ctx context.Context, s state, said *answered, b barrier) (*forge.Merge, error) {
	m.decision = change.Decision{Verdict: change.Refused, Code: b.code, Hint: b.hint,
		Detail: "GitHub does not merge it: " + m.rule(said)}
	if !b.waits {
		return m.stop(ctx, s, m.refused())
	}
	m.decision.Verdict, m.detail, m.failures = change.Waiting, m.decision.Detail, 0
	return nil, nil
}

// named are the names in GitHub's texts, of checks for example, which are people's words.
var named = regexp.MustCompile(`"[^"]*"`)

// has reports whether GitHub itself says a text.
func has(said *answered, text string) bool {
	own := named.ReplaceAllString(said.Message, `""`)
	return strings.Contains(strings.ToLower(own), strings.ToLower(text))
}

// saysAny reports whether an answer holds one of the texts; no answer holds none.
func saysAny(said *answered, texts ...string) bool {
	return said != nil && slices.ContainsFunc(texts, func(text string) bool { return has(said, text) })
}

// uncertain looks again after a request whose answer is unknown: it may have been applied. One that GitHub wants to hear
// of only after a longer wait was not.
func (m *merge) uncertain(err error) (*forge.Merge, error) {
	var told *httpx.Error
	if errors.As(err, &told) && told.Wait > 0 || contextError(err) != nil || m.failures >= 3 {
		return nil, err
	}
	return m.repeat("the answer to a request got lost", forge.Pending)
}

func (m *merge) methodRefused(s state) *forge.Merge {
	return m.ended(forge.Failed, fmt.Sprintf("the repository does not allow the method %q", m.order.Method),
		fmt.Sprintf("allow it, or set `merge: {method: %s}`", strings.Join(s.methods(), "|")))
}

// arm tells GitHub to merge when everything that it enforces is fulfilled.
func (m *merge) arm(ctx context.Context, s state, grant change.Grant) (*forge.Merge, error) {
	if err := m.permits(grant, true); err != nil {
		return nil, err
	}
	input := map[string]any{"pullRequestId": s.PullRequest.ID, "expectedHeadOid": grant.Head(), "mergeMethod": strings.ToUpper(m.order.Method)}
	if m.order.Method != "rebase" {
		input["commitHeadline"], input["commitBody"] = m.order.Message.Subject, m.order.Message.Body
	}
	if err := m.before(ctx, true); err != nil {
		return nil, err
	}
	err := m.mutate(ctx, "enablePullRequestAutoMerge", "EnablePullRequestAutoMergeInput", input)
	said := refusal(err)
	b, barred := barrierOf(said)
	switch {
	case err == nil:
		m.way, m.auto = forge.Auto, true
		return m.wait()
	case said == nil || said.Status >= http.StatusInternalServerError:
		return m.uncertain(err)
	case saysAny(said, "clean status", "unstable status", "draft status", "was modified"):
		return m.repeat("its state changed: "+m.line(said.Message), forge.Pending)
	case has(said, "merge method"):
		return m.ended(forge.Failed, m.line(said.Message), m.methodRefused(s).Hint), nil
	}
	if barred && !b.waits && b.obstacle != forge.RuleBroken {
		return m.barred(ctx, s, said, b)
	}
	m.noAuto = m.line(said.Message) // then the checks are waited for here
	return m.wait()
}

// noAutoHint is what makes GitHub take an auto-merge, empty when it was not refused.
func (m *merge) noAutoHint() string {
	said := &answered{Message: m.noAuto}
	const or = ", or raise merge.wait so that pawl sees the checks turn green"
	switch {
	case m.noAuto == "":
		return ""
	case has(said, "auto merge is not allowed"):
		return "allow auto-merge in the repository's settings" + or
	case has(said, "verified email"):
		return "verify the e-mail address of the token's user at GitHub" + or
	case has(said, "protected branch rules not configured"):
		return "require checks in the branch's protection" + or
	}
	return "GitHub takes no auto-merge (" + m.noAuto + "): raise merge.wait so that pawl sees the checks turn green"
}

// enqueue puts it into the merge queue.
func (m *merge) enqueue(ctx context.Context, s state, grant change.Grant) (*forge.Merge, error) {
	if err := m.permits(grant, true); err != nil {
		return nil, err
	}
	if err := m.before(ctx, true); err != nil {
		return nil, err
	}
	err := m.mutate(ctx, "enqueuePullRequest", "EnqueuePullRequestInput", map[string]any{
		"pullRequestId": s.PullRequest.ID, "expectedHeadOid": grant.Head(),
	})
	said := refusal(err)
	switch {
	case err == nil, said != nil && has(said, "already in the queue"):
		m.way, m.detail = forge.Queue, "it waits in the merge queue"
		return m.wait()
	case said == nil || said.Status >= http.StatusInternalServerError:
		return m.uncertain(err)
	}
	if b, barred := barrierOf(said); barred {
		return m.barred(ctx, s, said, b)
	}
	return m.repeat("the merge queue does not take it: "+m.line(said.Message), forge.Pending)
}

// Disarm takes back what pawl told GitHub about a pull request: auto-merge and the place in the merge queue. disarmed
// reports whether there was anything to take back. What a person armed stays.
func (c *Client) Disarm(ctx context.Context, number int) (disarmed bool, err error) {
	doing := fmt.Sprintf("turning off the auto-merge of pull request %d", number)
	m := &merge{Client: c, order: forge.Order{Number: number}, began: c.config.Now()}
	s, err := m.state(ctx, number)
	if err != nil {
		return false, c.fail(doing, readPulls, err)
	}
	if armed, err := m.armed(ctx, s); err != nil || !armed || !s.is("open") {
		return false, c.fail(doing, readPulls, err)
	}
	end, err := m.stop(ctx, s, m.ended(forge.Refused, "", ""))
	return err == nil && end != nil && end.Outcome == forge.Refused, c.fail(doing, writePulls, err)
}

// disarms bounds how often an auto-merge is turned off that other runs turn on again.
const disarms = 3

// stop ends the order, after disarming what GitHub would still merge for pawl. An auto-merge that a person armed is
// that person's word and stays.
func (m *merge) stop(ctx context.Context, s state, end *forge.Merge) (*forge.Merge, error) {
	var cause error
	for range disarms {
		armed, err := m.armed(ctx, s)
		if err != nil || !armed {
			return end, err
		}
		if cause = m.disarm(ctx, s); cause == nil {
			return end, nil
		}
		now, err := m.state(ctx, m.order.Number)
		if err != nil {
			return end, cause
		}
		if now.is("merged") {
			m.adopt(s)
			return m.merged(ctx, now)
		}
		s = now
	}
	if armed, err := m.armed(ctx, s); err != nil || armed {
		return end, cause
	}
	return end, nil
}

// armed reports whether GitHub would merge it by itself because pawl said so.
func (m *merge) armed(ctx context.Context, s state) (bool, error) {
	if auto := s.PullRequest.AutoMergeRequest; auto == nil || s.PullRequest.IsInMergeQueue {
		return s.PullRequest.IsInMergeQueue, nil
	}
	repository, err := m.repository(ctx)
	return repository.Self.Is(s.PullRequest.AutoMergeRequest.EnabledBy.identity()), err
}

func (m *merge) disarm(ctx context.Context, s state) error {
	if s.PullRequest.IsInMergeQueue {
		if err := m.mutate(ctx, "dequeuePullRequest", "DequeuePullRequestInput", map[string]any{"id": s.PullRequest.ID}); err != nil {
			return err
		}
	}
	if s.PullRequest.AutoMergeRequest == nil {
		return nil
	}
	return m.mutate(ctx, "disablePullRequestAutoMerge", "DisablePullRequestAutoMergeInput", map[string]any{"pullRequestId": s.PullRequest.ID})
}

// mutate runs one mutation of which only success or failure matters.
func (m *merge) mutate(ctx context.Context, name, input string, value map[string]any) error {
	var out map[string]*struct{}
	text := fmt.Sprintf("mutation($input:%s!){%s(input:$input){clientMutationId}}", input, name)
	_, err := m.query(ctx, text, map[string]any{"input": value}, &out)
	if err == nil {
		err = lacks(out[name] == nil, "result of "+name)
	}
	return err
}
