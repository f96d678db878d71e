package github

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/change"
)

// Checks returns the latest check run of each name, and the latest commit status of each context, of a commit.
func (c *Client) Checks(ctx context.Context, sha string) ([]change.Check, error) {
	var runs, statuses []change.Check
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		runs, err = c.checkRuns(inner, sha)
		return err
	})
	group.Go(func() (err error) {
		statuses, err = c.statuses(inner, sha)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, c.fail("reading the checks of "+sha, readChecks, err)
	}
	return slices.Concat(runs, statuses), nil
}

func (c *Client) checkRuns(ctx context.Context, sha string) ([]change.Check, error) {
	var found []change.Check
	options := &gh.ListCheckRunsOptions{Filter: gh.String("latest"), ListOptions: gh.ListOptions{PerPage: pageSize}}
	for range maxPages {
		page, res, err := c.api.Checks.ListCheckRunsForRef(ctx, c.owner, c.repo, sha, options)
		if err == nil {
			err = lacks(page == nil || page.CheckRuns == nil && (page.Total == nil || *page.Total > 0), "list of check runs")
		}
		if err != nil {
			return nil, err
		}
		for _, r := range page.CheckRuns {
			found = append(found, change.Check{Name: r.GetName(), HeadSHA: r.GetHeadSHA(), Status: r.GetStatus(), Conclusion: r.GetConclusion()})
		}
		if res.NextPage == 0 {
			return found, nil
		}
		options.Page = res.NextPage
	}
	return nil, fmt.Errorf("more than %d check runs", maxPages*pageSize)
}

func (c *Client) statuses(ctx context.Context, sha string) ([]change.Check, error) {
	var found []change.Check
	options := &gh.ListOptions{PerPage: pageSize}
	for range maxPages {
		page, res, err := c.api.Repositories.GetCombinedStatus(ctx, c.owner, c.repo, sha, options)
		if err == nil {
			err = lacks(page.GetSHA() == "" || page.Statuses == nil && page.GetTotalCount() > 0, "list of statuses")
		}
		if err != nil {
			return nil, err
		}
		for _, s := range page.Statuses {
			found = append(found, status(s, page.GetSHA()))
		}
		if res.NextPage == 0 {
			return found, nil
		}
		options.Page = res.NextPage
	}
	return nil, fmt.Errorf("more than %d commit statuses", maxPages*pageSize)
}

func status(s *gh.RepoStatus, sha string) change.Check {
	check := change.Check{Name: s.GetContext(), HeadSHA: sha, Status: "completed", Conclusion: s.GetState()}
	if s.GetState() == "pending" {
		check.Status, check.Conclusion = "pending", ""
	}
	return check
}

// Enforcement is what the repository itself demands of a branch.
type Enforcement struct {
	// Checks are the names of the required checks, from classic protection and rulesets, in order.
	Checks []string
	// Queue reports that merges go through the merge queue.
	Queue bool
	// Unknown says why the demands could not be read; empty when they could. What is unknown counts as not enforced.
	Unknown string
}

// Enforced reads what a branch demands. Classic protection is read from the branch, which anyone who reads the
// repository may see; its own address is for administrators.
func (c *Client) Enforced(ctx context.Context, branch string) (Enforcement, error) {
	var classic, rules Enforcement
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		classic, err = c.classic(inner, branch)
		return c.tolerated(&classic, "branch protection", err)
	})
	group.Go(func() (err error) {
		rules, err = c.rules(inner, branch)
		return c.tolerated(&rules, "rulesets", err)
	})
	if err := group.Wait(); err != nil {
		return Enforcement{}, c.fail("reading what "+branch+" demands", readContents, err)
	}
	all := slices.Concat(classic.Checks, rules.Checks)
	slices.Sort(all)
	return Enforcement{Checks: slices.Compact(all), Queue: rules.Queue, Unknown: joined(classic.Unknown, rules.Unknown)}, nil
}

// tolerated turns a refusal to tell into something unknown.
func (c *Client) tolerated(e *Enforcement, what string, err error) error {
	if saidNo(err, http.StatusForbidden) || saidNo(err, http.StatusNotFound) {
		e.Unknown = fmt.Sprintf("the token may not read the %s (%d)", what, refusal(err).Status)
		return nil
	}
	return err
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func (c *Client) classic(ctx context.Context, branch string) (Enforcement, error) {
	var out struct {
		Name       string
		Protection *struct {
			Required struct {
				Level    string `json:"enforcement_level"`
				Contexts []string
			} `json:"required_status_checks"`
		}
	}
	if _, err := c.get(ctx, c.repoPath("/branches/%s", segments(branch)), &out); err != nil {
		return Enforcement{}, err
	}
	if out.Protection == nil || out.Protection.Required.Level == "off" {
		return Enforcement{}, lacks(out.Name == "" && out.Protection == nil, "branch")
	}
	return Enforcement{Checks: out.Protection.Required.Contexts}, nil
}

// rules reads the active rulesets. The library's own call fails on every kind of rule that is newer than itself.
func (c *Client) rules(ctx context.Context, branch string) (Enforcement, error) {
	var found Enforcement
	for page := 1; page != 0 && page <= maxPages; {
		var rules []struct {
			Type       string
			Parameters struct {
				Checks []struct{ Context string } `json:"required_status_checks"`
			}
		}
		res, err := c.get(ctx, c.repoPath("/rules/branches/%s?per_page=%d&page=%d", segments(branch), pageSize, page), &rules)
		if err == nil && rules == nil {
			return Enforcement{Unknown: "GitHub does not list the rulesets"}, nil
		}
		if err != nil {
			return Enforcement{}, err
		}
		for _, r := range rules {
			found.Queue = found.Queue || r.Type == "merge_queue"
			for _, check := range r.Parameters.Checks {
				found.Checks = append(found.Checks, check.Context)
			}
		}
		page = res.NextPage
	}
	return found, nil
}
