package cli

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
)

// gitHub is the profile's repository at GitHub, in the words of the pipeline.
type gitHub struct {
	client *github.Client
	// clean removes secrets from what others are told.
	clean func(text string) string
	// ref is the ledger's; method and wait are how to merge.
	ref, method string
	wait        time.Duration
	// asked are the people that the configuration names, and say tells what went wrong beside the run.
	asked config.Change
	say   func(level slog.Level, message, hint string)
}

// forgeToken is the one token that does everything: MERGE_TOKEN, else GITHUB_TOKEN.
func (s *session) forgeToken() string {
	if token := s.env("MERGE_TOKEN"); token != "" {
		return token
	}
	return s.env("GITHUB_TOKEN")
}

// forge returns the configured forge.
func (s *session) forge(client *httpx.Client) (*gitHub, error) {
	repository := s.repository()
	if repository == "" {
		return nil, &exit{code: Usage, err: errors.New("no repository is named"), hint: "set forge: {repository: OWNER/NAME} in .pawl.yaml, or GITHUB_REPOSITORY", topics: []topic{noRepositoryTopic}}
	}
	c, err := github.New(github.Config{
		HTTP: client, API: s.env("GITHUB_API_URL"), GraphQL: s.env("GITHUB_GRAPHQL_URL"), Repository: repository, Token: s.forgeToken(),
		Base: s.config.Forge.Base, Branch: s.config.Forge.Branch, Labels: slices.Concat(s.config.Forge.Labels, s.config.Change.Labels), Now: s.g.sys.Now, Sleep: s.g.sys.Sleep,
	})
	if err != nil {
		hint := "see forge in .pawl.yaml"
		if s.config.Forge.Repository == "" {
			hint = "correct GITHUB_REPOSITORY, or set forge: {repository: OWNER/NAME} in .pawl.yaml"
		}
		return nil, &exit{code: Usage, err: err, hint: hint, topics: []topic{noRepositoryTopic}}
	}
	return &gitHub{client: c, clean: s.g.door.Text, asked: s.config.Change, say: s.g.reporter().say, ref: s.config.Ledger, method: s.config.Merge.Method, wait: s.config.Merge.Wait}, nil
}

// Open reads the tip of the base branch.
func (g *gitHub) Open(ctx context.Context) (forge.Profile, error) {
	r, err := g.client.Open(ctx)
	if err == nil {
		err = g.distinct(r)
	}
	return forge.Profile{Repository: r.Name, Base: r.Base, BaseSHA: r.BaseSHA, Self: r.Self, Expires: r.Expires}, err
}

// distinct refuses a pull request's branch and a ledger that are the branch that is updated, or the repository's default
// one: the configuration may leave it to the forge which that is.
func (g *gitHub) distinct(r github.Repository) error {
	for _, base := range []string{r.Base, r.Default} {
		if err := (change.Refs{Base: base, Branch: g.client.Branch(), Ledger: g.ref}).Check(); err != nil {
			return err
		}
	}
	return nil
}

// Read reads files of a commit.
func (g *gitHub) Read(ctx context.Context, commit string, paths []string) (forge.Reader, error) {
	return g.client.ReadFiles(ctx, commit, paths)
}

// Differs compares files with a commit by their git object names.
func (g *gitHub) Differs(ctx context.Context, commit string, files map[string][]byte, dirs []string) ([]string, error) {
	if len(files) == 0 {
		return nil, nil
	}
	tree, err := g.client.ReadTree(ctx, commit)
	if err != nil {
		return nil, err
	}
	var differ []string
	for _, path := range slices.Sorted(maps.Keys(files)) {
		entry, there := tree[path]
		if there != (files[path] != nil) || there && entry.SHA != blobName(files[path]) {
			differ = append(differ, path)
		}
	}
	for path := range tree {
		_, known := files[path]
		if !known && slices.ContainsFunc(dirs, func(dir string) bool { return manifest.IsManifest(dir, path) }) {
			differ = append(differ, path)
		}
	}
	slices.Sort(differ)
	return differ, nil
}

// blobName is the name of a git blob (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
func blobName(data []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// ask asks people to look at a pull request that was just opened, once: who was taken off stays off. That they cannot be
// asked holds nothing up.
func (g *gitHub) ask(ctx context.Context, number int) {
	for _, err := range []error{g.client.AskReviewers(ctx, number, g.asked.Reviewers), g.client.Assign(ctx, number, g.asked.Assignees)} {
		if err != nil {
			g.say(slog.LevelWarn, err.Error(), advice(err))
		}
	}
}

// Propose publishes the branch and brings the pull request up to date.
func (g *gitHub) Propose(ctx context.Context, set change.Set, text forge.PullText) (forge.Pull, error) {
	text.Title, text.Body = g.clean(text.Title), g.clean(text.Body)
	g.client.Know(text.Heads...)
	var first []string
	if text.Branch != "" {
		first = append(first, text.Branch)
	}
	head, err := g.client.Publish(ctx, set.Base, set.Files, g.clean(text.Message.String()), first...)
	if err != nil {
		return forge.Pull{}, moved(err)
	}
	pull, made, err := g.client.Propose(ctx, head.Branch, github.Text{Title: text.Title, Body: text.Body, Labels: text.Labels, Base: set.Base})
	if err != nil {
		return forge.Pull{}, moved(err)
	}
	if err := g.explain(ctx, head.Foreign, pull.Number); err != nil {
		return forge.Pull{}, err
	}
	if made {
		g.ask(ctx, pull.Number)
	}
	done := "unchanged"
	switch {
	case made:
		done = "opened"
	case head.Changed:
		done = "updated"
	}
	out := forge.Pull{Number: pull.Number, URL: pull.URL, Branch: head.Branch, HeadSHA: head.SHA, Created: pull.Created, Done: done, Foreign: head.Foreign}
	for _, p := range head.Others {
		out.Others = append(out.Others, forge.OtherPull{Number: p.Number, URL: p.URL, Branch: p.Branch, Author: p.Author})
	}
	return out, nil
}

// explain tells the people who pushed to branches of ours where the updates go on.
func (g *gitHub) explain(ctx context.Context, foreign []string, number int) error {
	if len(foreign) == 0 {
		return nil
	}
	open, err := g.client.FindOpen(ctx)
	if err != nil {
		return err
	}
	for _, p := range open {
		if !slices.Contains(foreign, p.Branch) {
			continue
		}
		text := fmt.Sprintf("Somebody pushed to this branch, so pawl leaves it alone. The updates go on in #%d.", number)
		if _, err := g.client.CommentOnce(ctx, p.Number, text); err != nil {
			return err
		}
	}
	return nil
}

// moved translates the client's word for a lost race.
func moved(err error) error {
	if errors.Is(err, github.ErrMoved) {
		return fmt.Errorf("%w: %w", forge.ErrMoved, err)
	}
	return err
}

// Withdraw closes our open pull requests, but for those that somebody pushed to.
func (g *gitHub) Withdraw(ctx context.Context) ([]forge.PullState, error) {
	open, err := g.client.FindOpen(ctx)
	if err != nil {
		return nil, err
	}
	var closed []forge.PullState
	for _, p := range open {
		number := p.Number
		p, err := g.client.Close(ctx, p)
		if errors.Is(err, github.ErrMoved) || errors.Is(err, github.ErrForeign) {
			if _, err := g.client.Disarm(ctx, number); err != nil {
				return closed, err
			}
			continue
		}
		if err != nil {
			return closed, err
		}
		closed = append(closed, pullState(p))
	}
	return closed, nil
}

// Recent returns what was proposed from the configured branch and what became of it.
func (g *gitHub) Recent(ctx context.Context, page int) ([]forge.PullState, bool, error) {
	pulls, more, err := g.client.Recent(ctx, page)
	return pullStates(pulls), more, err
}

// mergeQueue is the login of GitHub's merge queue, as far as all its spellings agree.
const mergeQueue = "github-merge-queue"

// Numbered returns pull requests with who merged them.
func (g *gitHub) Numbered(ctx context.Context, numbers ...int) ([]forge.PullState, error) {
	pulls, err := g.client.Numbered(ctx, numbers...)
	if err != nil {
		return nil, err
	}
	r, err := g.client.Opened(ctx)
	if err != nil {
		return nil, err
	}
	all := pullStates(pulls)
	for i, p := range pulls {
		all[i].ByPawl = p.Merged && (r.Self.Is(p.MergedBy) || strings.HasPrefix(p.MergedBy.Login, mergeQueue))
	}
	return all, nil
}

// MergedDiff digests what was merged.
func (g *gitHub) MergedDiff(ctx context.Context, p forge.PullState) (string, bool, error) {
	return g.client.MergedDiff(ctx, p.BaseSHA, p.HeadSHA)
}

// OwnCommits are those of the history whose messages are ours.
func (g *gitHub) OwnCommits(ctx context.Context, tip string) ([]forge.Commit, error) {
	commits, err := g.client.OwnCommits(ctx, tip)
	var all []forge.Commit
	for _, c := range commits {
		all = append(all, forge.Commit{SHA: c.SHA, URL: c.URL, Message: c.Message, At: c.At})
	}
	return all, err
}

// Disarm takes back auto-merge and the place in the merge queue.
func (g *gitHub) Disarm(ctx context.Context, number int) (bool, error) {
	return g.client.Disarm(ctx, number)
}

func pullStates(pulls []github.Pull) []forge.PullState {
	var all []forge.PullState
	for _, p := range pulls {
		all = append(all, pullState(p))
	}
	return all
}

// pullState translates a pull request; what it says that it holds may be nothing.
func pullState(p github.Pull) forge.PullState {
	says, _ := change.ParseMetadata(p.Body)
	return forge.PullState{
		Number: p.Number, URL: p.URL, Branch: p.Branch, HeadSHA: p.HeadSHA, BaseSHA: p.BaseSHA, Title: p.Title, Says: says, Created: p.Created, At: p.Closed,
		Merged: p.Merged, SHA: p.MergeSHA, Withdrawn: p.Withdrawn, Armed: p.Armed,
	}
}

// Merge brings the pull request to its end.
func (g *gitHub) Merge(ctx context.Context, pull forge.Pull, message change.Message, authorize forge.Authorizer, before func(ctx context.Context, later bool) error) (forge.Merge, error) {
	message = change.Message{Subject: g.clean(message.Subject), Body: g.clean(message.Body)}
	r, err := g.client.Merge(ctx, github.Order{
		Number: pull.Number, Head: pull.HeadSHA, Method: g.method, Message: message, Wait: g.wait, Before: before,
		Authority: func(_ context.Context, q github.Question) (github.Answer, error) {
			now, later := authorize(forge.State{Pull: q.Pull, Checks: q.Runs, BaseSHA: q.BaseSHA, Enforced: q.Enforced.Checks, Waited: q.Waited})
			return github.Answer{Now: now, Later: later}, nil
		},
	})
	merge := forge.Merge{Outcome: string(r.Outcome), SHA: r.SHA, By: string(r.By), Armed: r.Armed, Decision: r.Decision, Detail: r.Detail, Hint: r.Hint}
	switch r.Outcome {
	case github.Merged:
		merge.At = r.At
	case github.Closed:
		merge.Closed = r.At
	}
	return merge, err
}

// opened asks for the base, once, and refuses refs that are not distinct: nothing is written to the ledger's before.
func (g *gitHub) opened(ctx context.Context) error {
	r, err := g.client.Opened(ctx)
	if err != nil {
		return err
	}
	return g.distinct(r)
}

// Ledger reads the ledger.
func (g *gitHub) Ledger(ctx context.Context) (ledger.Ledger, error) {
	if err := g.opened(ctx); err != nil {
		return ledger.Ledger{}, err
	}
	l, _, err := g.client.LoadLedger(ctx, g.ref)
	return l, err
}

// Record adds to the ledger.
func (g *gitHub) Record(ctx context.Context, next ledger.Transition) error {
	if err := g.opened(ctx); err != nil {
		return err
	}
	_, err := g.client.UpdateLedger(ctx, g.ref, next)
	return err
}

// Calls counts the requests.
func (g *gitHub) Calls() int { return g.client.Calls() }

// commit fills the fields of a commit that are empty with what GitHub knows of it.
func (g *gitHub) commit(ctx context.Context, c forge.Commit) (forge.Commit, error) {
	found, err := g.client.MergedCommit(ctx, c.SHA)
	if err != nil {
		return forge.Commit{}, err
	}
	c.SHA, c.At = found.SHA, found.At
	if c.Message == "" {
		c.Message = found.Message
	}
	if c.URL == "" {
		c.URL = found.URL
	}
	if len(c.Changed) == 0 {
		c.Changed, c.All = found.Paths, found.More
	}
	return c, nil
}

// Tip reads the newest commit of the base branch.
func (g *gitHub) Tip(ctx context.Context) (string, error) { return g.client.Tip(ctx) }

// Behind counts the commits that tip has and a commit lacks.
func (g *gitHub) Behind(ctx context.Context, tip, commit string) (int, bool, error) {
	return g.client.Behind(ctx, tip, commit)
}

// Commit reads what GitHub says of a commit.
func (g *gitHub) Commit(ctx context.Context, sha string) (forge.Commit, bool, error) {
	c, err := g.commit(ctx, forge.Commit{SHA: sha})
	if e, refused := errors.AsType[*github.Error](err); refused && (e.Status == http.StatusNotFound || e.Status == http.StatusUnprocessableEntity) {
		return forge.Commit{}, false, nil
	}
	return c, err == nil, err
}

// Time is the time at GitHub.
func (g *gitHub) Time() time.Time { return g.client.Time() }

// Writes counts those that change something.
func (g *gitHub) Writes() int { return g.client.Writes() }
