package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// nowhere is what a ref points to that does not exist.
const nowhere = "0000000000000000000000000000000000000000"

// Ref returns where a fully qualified ref points to, empty when it does not exist.
func (c *Client) Ref(ctx context.Context, ref string) (string, error) {
	found, _, err := c.api.Git.GetRef(ctx, c.owner, c.name, ref)
	if saidNo(err, http.StatusNotFound) {
		return "", nil
	}
	return found.GetObject().GetSHA(), c.fail("reading "+ref, readContents, err)
}

// CreateRef makes a ref; it is ErrMoved when it exists and points elsewhere.
func (c *Client) CreateRef(ctx context.Context, ref, to string) error {
	_, _, err := c.api.Git.CreateRef(ctx, c.owner, c.name, &gh.Reference{Ref: &ref, Object: &gh.GitObject{SHA: &to}})
	return c.settled(ctx, "creating "+ref, ref, "", to, err)
}

// ForwardRef moves a ref from a commit to a descendant of it; it is ErrMoved when the ref is no longer there. GitHub
// refuses what is no fast-forward, which makes it a compare-and-swap.
func (c *Client) ForwardRef(ctx context.Context, ref, from, to string) error {
	_, _, err := c.api.Git.UpdateRef(ctx, c.owner, c.name, &gh.Reference{Ref: &ref, Object: &gh.GitObject{SHA: &to}}, false)
	return c.settled(ctx, "moving "+ref, ref, from, to, err)
}

// ReplaceRef moves a ref from one commit to any other, history of it or not; it is ErrMoved when the ref is no longer
// there. REST can only force, which would overwrite what was pushed a moment ago; GraphQL's updateRefs compares with
// the old value in the same step, so that no window is left.
func (c *Client) ReplaceRef(ctx context.Context, ref, from, to string) error {
	return c.settled(ctx, "replacing "+ref, ref, from, to, c.swap(ctx, ref, from, to))
}

// DeleteRef deletes a ref that points to a commit; it is ErrMoved when it points elsewhere, and no error when it is
// gone.
func (c *Client) DeleteRef(ctx context.Context, ref, from string) error {
	return c.settled(ctx, "deleting "+ref, ref, from, "", c.swap(ctx, ref, from, nowhere))
}

func (c *Client) swap(ctx context.Context, ref, from, to string) error {
	repository, err := c.repository(ctx)
	if err != nil {
		return err
	}
	update := map[string]any{"name": ref, "beforeOid": from, "afterOid": to, "force": true}
	var out struct{}
	_, err = c.query(ctx, `mutation($input:UpdateRefsInput!){updateRefs(input:$input){clientMutationId}}`,
		map[string]any{"input": map[string]any{"repositoryId": repository.ID, "refUpdates": []any{update}}}, &out)
	return err
}

// settled finds out what became of a ref whose change failed: when it is where it should go, the answer got lost; when
// it is not where it was, or GitHub says that it was not, somebody else was faster; else the failure is what it seems.
func (c *Client) settled(ctx context.Context, doing, ref, from, to string, cause error) error {
	if cause == nil {
		return nil
	}
	now, err := c.Ref(ctx, ref)
	switch {
	case err != nil:
		return c.fail(doing, writeContents, cause)
	case now == to:
		return nil
	case now != from || raced(cause):
		return fmt.Errorf("%s: it is at %q: %w", doing, now, ErrMoved)
	default:
		return c.fail(doing, writeContents, cause)
	}
}

// raced reports that GitHub found a ref elsewhere, though it may be back by now.
func raced(err error) bool {
	said := refusal(err)
	return said != nil && (has(said, "already exists") || has(said, "does not point to") || has(said, "fast forward"))
}

// branches returns the branches whose names begin with a text, by name.
func (c *Client) branches(ctx context.Context, prefix string) (map[string]string, error) {
	refs, _, err := c.api.Git.ListMatchingRefs(ctx, c.owner, c.name, &gh.ReferenceListOptions{Ref: "heads/" + prefix})
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, r := range refs {
		found[strings.TrimPrefix(r.GetRef(), "refs/heads/")] = r.GetObject().GetSHA()
	}
	return found, nil
}
