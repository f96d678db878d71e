package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/forge"
)

// nowhere is what a ref points to that does not exist.
const nowhere = "0000000000000000000000000000000000000000"

// Ref returns where a fully qualified ref points to, empty when it does not exist.
func (c *Client) Ref(ctx context.Context, ref string) (string, error) {
	found, _, err := c.api.Git.GetRef(ctx, c.owner, c.name, ref)
	if saidNo(err, http.StatusNotFound) {
		return "", nil
	}
	if err == nil {
		err = lacks(found.GetObject().GetSHA() == "", "ref")
	}
	return found.GetObject().GetSHA(), c.fail("reading "+ref, readContents, err)
}

// CreateRef makes a ref; it is forge.ErrMoved when it exists and points elsewhere.
func (c *Client) CreateRef(ctx context.Context, ref, to string) error {
	return c.settled(ctx, move{"creating", ref, "", to}, func() error {
		made, _, err := c.api.Git.CreateRef(ctx, c.owner, c.name, &gh.Reference{Ref: &ref, Object: &gh.GitObject{SHA: &to}})
		if err == nil {
			err = lacks(made.GetObject().GetSHA() != to, "ref at that commit")
		}
		return err
	})
}

// ForwardRef moves a ref from a commit to a descendant of it; it is forge.ErrMoved when the ref is no longer there. What is
// written over is named, so that it needs no forge that refuses what is no fast-forward.
func (c *Client) ForwardRef(ctx context.Context, ref, from, to string) error {
	return c.settled(ctx, move{"moving", ref, from, to}, func() error { return c.swap(ctx, ref, from, to, false) })
}

// ReplaceRef moves a ref from one commit to any other, history of it or not; it is forge.ErrMoved when the ref is no longer
// there. REST can only force, which would overwrite what was pushed a moment ago; GraphQL's updateRefs compares with
// the old value in the same step, so that no window is left.
func (c *Client) ReplaceRef(ctx context.Context, ref, from, to string) error {
	return c.settled(ctx, move{"replacing", ref, from, to}, func() error { return c.swap(ctx, ref, from, to, true) })
}

// DeleteRef deletes a ref that points to a commit; it is forge.ErrMoved when it points elsewhere, and no error when it is
// gone.
func (c *Client) DeleteRef(ctx context.Context, ref, from string) error {
	return c.settled(ctx, move{"deleting", ref, from, ""}, func() error { return c.swap(ctx, ref, from, nowhere, true) })
}

// swap moves a ref that has to be at a commit now (https://docs.github.com/graphql/reference/mutations#updaterefs). It
// takes every fully qualified name, not only branches and tags.
func (c *Client) swap(ctx context.Context, ref, from, to string, force bool) error {
	repository, err := c.repository(ctx)
	if err != nil {
		return err
	}
	update := map[string]any{"name": ref, "beforeOid": from, "afterOid": to, "force": force}
	var out struct{ UpdateRefs *struct{} }
	_, err = c.query(ctx, `mutation($input:UpdateRefsInput!){updateRefs(input:$input){clientMutationId}}`,
		map[string]any{"input": map[string]any{"repositoryId": repository.ID, "refUpdates": []any{update}}}, &out)
	if err == nil && out.UpdateRefs == nil {
		return &answered{Status: http.StatusUnprocessableEntity, Message: somethingWrong + " the answer names no result"}
	}
	return err
}

// move is a change of a ref: an empty from makes it, an empty to deletes it.
type move struct{ verb, ref, from, to string }

// rereads bounds how often a refused move is looked at again and repeated.
const rereads = 3

// settled moves a ref and finds out what became of it when that fails: when it is where it should go, the answer got
// lost; when it is not where it was, or GitHub says that it was not, somebody else was faster. GitHub's word for that may
// say nothing at all, and what it shows a moment later may be old: such a move, which is bound to the old value, is
// repeated after a pause until one of them tells. Every other failure is what it seems.
func (c *Client) settled(ctx context.Context, m move, try func() error) error {
	doing := m.verb + " " + m.ref
	for attempt := 0; ; attempt++ {
		cause := try()
		if cause == nil {
			return nil
		}
		now, err := c.Ref(ctx, m.ref)
		switch {
		case err != nil:
			return c.refRefused(doing, m, cause)
		case now == m.to:
			return nil
		case now != m.from || raced(cause):
			return fmt.Errorf("%s: it is at %q: %w", doing, now, forge.ErrMoved)
		case !vague(cause) || attempt >= rereads:
			return c.refRefused(doing, m, cause)
		}
		if err := c.config.Sleep(ctx, time.Second<<attempt); err != nil {
			return c.fail(doing, writeContents, err)
		}
	}
}

// raced reports that GitHub found a ref elsewhere, though it may be back by now.
func raced(err error) bool {
	return saysAny(refusal(err), "already exists", "does not point to", "fast forward")
}

// somethingWrong begins GitHub's text for a mutation that failed, whatever the reason.
const somethingWrong = "Something went wrong while executing your query."

// vague reports that GitHub does not say why a ref was not moved: a lost race looks so, and a rule or a time-out may.
func vague(err error) bool {
	said := refusal(err)
	return said != nil && said.Status >= http.StatusInternalServerError ||
		saysAny(said, somethingWrong, "reference cannot be updated", "reference update failed")
}

// refRefused describes the failure to move a ref.
func (c *Client) refRefused(doing string, m move, cause error) error {
	err := c.fail(doing, writeContents, cause)
	var refused *Error
	b, found := barrierOf(refusal(cause))
	switch {
	case !errors.As(err, &refused):
	case found:
		refused.Hint = c.refHint(m.ref, b)
	case refused.Hint == "" && vague(cause):
		refused.Hint = "run again; if it stays so, a rule of the repository guards " + m.ref +
			", or a branch that is called like a part of it is in the way"
	}
	return err
}

// branches returns the branches whose names begin with a text, by name.
func (c *Client) branches(ctx context.Context, prefix string) (map[string]string, error) {
	refs, _, err := c.api.Git.ListMatchingRefs(ctx, c.owner, c.name, &gh.ReferenceListOptions{Ref: "heads/" + prefix})
	if err != nil {
		return nil, err
	}
	without := func(r *gh.Reference) bool { return r.GetObject().GetSHA() == "" }
	if err := lacks(refs == nil || slices.ContainsFunc(refs, without), "list of refs"); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, r := range refs {
		found[strings.TrimPrefix(r.GetRef(), "refs/heads/")] = r.GetObject().GetSHA()
	}
	return found, nil
}
