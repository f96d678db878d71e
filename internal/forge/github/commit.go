package github

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/repository"
	"github.com/pawl-cd/pawl/internal/git/remote"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// scratchAttempts bounds how often a commit is tried on the scratch branch while other runs use it too.
const scratchAttempts = 6

// scratch is the branch on which GitHub makes a commit before ours moves to it: GitHub only appends, and a branch of a pull
// request that equals its base for a moment closes it for good. It exists for the length of two requests; what a killed
// run left there is taken over, what somebody else keeps there is left alone.
func (c *Client) scratch() string { return change.ScratchPrefix + c.config.Branch }

// signer is what makes the commit at GitHub, nil when nothing does.
func (c *Client) signer() func(ctx context.Context, w repository.Work, tree string) (string, []remote.Update, error) {
	if c.config.Unsigned {
		return nil
	}
	return c.sign
}

// sign has GitHub make the commit, which it signs (https://docs.github.com/graphql/reference/mutations#createcommitonbranch).
// The answer is no commit where GitHub cannot make it, for whatever reason but that it wants to be left alone: the run is worth
// more than the signature, and what stands in the way of the branch itself, its push will tell. One reason is known before: GitHub
// knows one mode of files. The tree has to come out as it was planned.
func (c *Client) sign(ctx context.Context, w repository.Work, tree string) (sha string, also []remote.Update, err error) {
	there, err := c.git.Entries(ctx, w.Base)
	if err != nil {
		return "", nil, err
	}
	special := func(f change.File) bool {
		return f.After != nil && there[f.Path].Mode != "" && there[f.Path].Mode != "100644"
	}
	if slices.ContainsFunc(w.Files, special) {
		return "", nil, nil
	}
	ref := "refs/heads/" + c.scratch()
	drop := func(sha string) []remote.Update {
		if sha == "" {
			return nil
		}
		return []remote.Update{{Ref: ref, Old: sha}}
	}
	at, moved := "", false
	var cause error
	for attempt := range scratchAttempts {
		if sha, cause = c.commitOn(ctx, w, tree, at); cause == nil {
			return sha, drop(sha), nil
		}
		if later := (*httpx.Error)(nil); errors.As(cause, &later) && later.Wait > 0 { // GitHub wants to be left alone
			return "", nil, cause
		}
		refs, err := c.remote.Refs(ctx, ref)
		if err != nil {
			return "", nil, cause
		}
		now := refs.IDs[ref]
		if moved = now != at; moved && now != "" && now != w.Base {
			same, err := c.left(ctx, w, tree, now)
			switch {
			case err != nil:
				c.unsigned(err)
				return "", nil, nil
			case same: // the answer got lost, or another run is at the same
				return now, drop(now), nil
			}
		}
		at = now
		_, barred := barrierOf(refusal(cause))
		var strange *odd
		switch again := attempt > 0 && !moved; {
		case again && errors.As(cause, &strange):
			return "", nil, cause
		case barred || again && !vague(cause) && !stale(cause):
			c.unsigned(cause)
			return "", drop(at), nil
		}
		if err := c.pause(ctx, attempt); err != nil {
			return "", nil, err
		}
	}
	if moved {
		return "", nil, forge.ErrMoved
	}
	c.unsigned(cause) // nobody is at it, and GitHub does not say why it fails
	return "", drop(at), nil
}

// errNotOurs is that somebody else is at the scratch branch.
var errNotOurs = errors.New("the branch holds commits that are not pawl's: delete it")

// left looks at what is on the scratch branch: whether it is the very commit that is wanted. It is an error when something there is
// not ours, as far as GitHub says whose it is.
func (c *Client) left(ctx context.Context, w repository.Work, tree, commit string) (same bool, err error) {
	me, err := c.repository(ctx)
	if err != nil {
		return false, err
	}
	d, err := c.Compare(ctx, w.Base, commit)
	if saidNo(err, http.StatusNotFound) || err == nil && !d.by(me.Self) { // there is nothing to compare it with
		return false, errNotOurs
	}
	if err != nil {
		return false, err
	}
	made, _, err := c.git.Commit(ctx, commit)
	return err == nil && made.Tree == tree && slices.Equal(made.Parents, []string{w.Base}) && forge.SameText(made.Message, w.Message), nil
}

// unsigned tells why a commit has no signature.
func (c *Client) unsigned(cause error) {
	if c.config.Warn != nil {
		c.config.Warn(c.fail("leaving the commit without a signature: committing on "+c.scratch(), writeContents, cause))
	}
}

// stale reports that GitHub found the branch elsewhere.
func stale(err error) bool {
	said := refusal(err)
	return said != nil && said.Kind == "STALE_DATA"
}

// commitOn puts the scratch branch, which is at a commit or nowhere, on the base, and commits there, in one request.
func (c *Client) commitOn(ctx context.Context, w repository.Work, tree, at string) (string, error) {
	me, err := c.repository(ctx)
	if err != nil {
		return "", err
	}
	headline, body, _ := strings.Cut(w.Message, "\n")
	additions, deletions := []any{}, []any{}
	for _, f := range w.Files {
		if f.After == nil {
			deletions = append(deletions, map[string]any{"path": f.Path})
		} else {
			additions = append(additions, map[string]any{"path": f.Path, "contents": base64.StdEncoding.EncodeToString(f.After)})
		}
	}
	variables := map[string]any{"commit": map[string]any{
		"branch":          map[string]any{"repositoryNameWithOwner": me.Name, "branchName": c.scratch()},
		"expectedHeadOid": w.Base, "message": map[string]any{"headline": headline, "body": strings.TrimLeft(body, "\n")},
		"fileChanges": map[string]any{"additions": additions, "deletions": deletions},
	}}
	text := `mutation($commit:CreateCommitOnBranchInput!){createCommitOnBranch(input:$commit){commit{oid tree{oid}}}}`
	if at != w.Base {
		if at == "" {
			at = nowhere
		}
		text = `mutation($scratch:UpdateRefsInput!,$commit:CreateCommitOnBranchInput!){updateRefs(input:$scratch){clientMutationId}
createCommitOnBranch(input:$commit){commit{oid tree{oid}}}}`
		variables["scratch"] = map[string]any{"repositoryId": me.ID, "refUpdates": []any{
			map[string]any{"name": "refs/heads/" + c.scratch(), "beforeOid": at, "afterOid": w.Base, "force": true}}}
	}
	var out struct {
		CreateCommitOnBranch *struct {
			Commit *struct {
				Oid  string
				Tree struct{ Oid string }
			}
		}
	}
	if _, err := c.query(ctx, text, variables, &out); err != nil {
		return "", err
	}
	made := out.CreateCommitOnBranch
	if made == nil || made.Commit == nil || made.Commit.Oid == "" || made.Commit.Tree.Oid != tree {
		return "", &odd{"commit with the files that were planned"}
	}
	return made.Commit.Oid, nil
}

// nowhere is what a ref points to that does not exist.
const nowhere = "0000000000000000000000000000000000000000"

// somethingWrong begins GitHub's text for a mutation that failed, whatever the reason.
const somethingWrong = "Something went wrong while executing your query."

// vague reports that GitHub does not say why a ref was not moved: a lost race looks so, and a rule or a time-out may.
func vague(err error) bool {
	said := refusal(err)
	return said == nil || said.Status >= 500 || saysAny(said, somethingWrong, "reference cannot be updated", "reference update failed")
}

// refRefused describes the failure to move a ref.
func (c *Client) refRefused(doing, ref string, cause error) error {
	err := c.fail(doing, writeContents, cause)
	if refused, known := asError(err); known {
		if b, found := barrierOf(refusal(cause)); found {
			refused.Hint = c.refHint(ref, b)
		}
	}
	return err
}
