package github

import (
	"context"
	"net/http"
	"regexp"
	"sync"
	"time"
)

// wholeSHA is how a commit is named in full; anything else, such as what a ledger may hold, names none.
var wholeSHA = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`) })

// Tip reads the newest commit of the base branch.
func (c *Client) Tip(ctx context.Context) (string, error) {
	repository, err := c.repository(ctx)
	if err != nil {
		return "", err
	}
	return c.Ref(ctx, "refs/heads/"+repository.Base)
}

// Behind counts the commits that tip has and a commit lacks; false when the commit is not in the history of tip. It is
// GitHub's comparison of two commits
// (https://docs.github.com/en/rest/commits/commits#compare-two-commits), whose answer is short for what is in the history.
func (c *Client) Behind(ctx context.Context, tip, commit string) (int, bool, error) {
	switch {
	case !wholeSHA().MatchString(commit) || !wholeSHA().MatchString(tip):
		return 0, false, nil
	case commit == tip:
		return 0, true, nil
	}
	var found struct {
		Status   string `json:"status"`
		BehindBy int    `json:"behind_by"`
	}
	_, err := c.get(ctx, c.repoPath("/compare/%s...%s?per_page=1", tip, commit), &found)
	if saidNo(err, http.StatusNotFound) { // no such commit, or one of another history
		return 0, false, nil
	}
	if err != nil {
		return 0, false, c.fail("comparing "+commit+" with the base branch", readContents, err)
	}
	return found.BehindBy, found.Status == "behind" || found.Status == "identical", nil
}

// Time is the time at GitHub, as of its last answer; zero when it has said none.
func (c *Client) Time() time.Time { return c.clock.Time() }
