package gitea

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// status is the newest of a context.
type status struct {
	Context string `json:"context"`
	Status  string `json:"status"`
	Creator *user  `json:"creator"`
}

// checks returns the newest status of each context of a commit. The server's own sum of them counts the page alone, so
// all pages are read and nothing is believed of it. A status by our own user proves nothing and is left out.
func (c *Client) checks(ctx context.Context, sha string) ([]change.Check, error) {
	p, err := c.profile(ctx)
	if err != nil {
		return nil, err
	}
	var all []change.Check
	for page := 1; page <= maxPages; page++ {
		var out struct {
			Statuses []status `json:"statuses"`
			SHA      string   `json:"sha"`
		}
		res, err := c.Call(ctx, http.MethodGet, c.path("/commits/%s/status?limit=%d&page=%d", sha, p.pageSize, page), nil, &out)
		if err != nil {
			return nil, err
		}
		for _, s := range out.Statuses {
			if !p.Self.Is(s.Creator.identity()) {
				all = append(all, check(s, sha))
			}
		}
		if !slices.ContainsFunc(httpx.Links(res.Header), func(l httpx.Link) bool { return l.Is("next") }) {
			return all, nil
		}
	}
	return nil, fmt.Errorf("more than %d commit statuses", maxPages*p.pageSize)
}

// check is a status in the words of change: only success and skipped let the server merge.
func check(s status, sha string) change.Check {
	one := change.Check{Name: s.Context, HeadSHA: sha, Status: "completed", Conclusion: s.Status}
	if s.Status == "pending" || s.Status == "" {
		one.Status, one.Conclusion = "pending", ""
	}
	return one
}

// enforced are the names of the checks that a branch demands: patterns stand for the contexts that they match, and for
// themselves where none does; no pattern stands for all.
func enforced(b branch, checks []change.Check) []string {
	if !b.EnableStatus {
		return nil
	}
	var names []string
	for _, pattern := range b.Contexts {
		matched := false
		for _, c := range checks {
			if matches(pattern, c.Name) {
				names, matched = append(names, c.Name), true
			}
		}
		if !matched {
			names = append(names, pattern)
		}
	}
	if len(b.Contexts) == 0 {
		for _, c := range checks {
			names = append(names, c.Name)
		}
		if len(names) == 0 {
			names = []string{"any status"}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// matches reports whether a context fits a pattern of the server's: * is any text, ? one letter, {a,b} one of several.
func matches(pattern, name string) bool {
	var out strings.Builder
	depth := 0
	for _, r := range pattern {
		switch {
		case r == '*':
			out.WriteString(".*")
		case r == '?':
			out.WriteString(".")
		case r == '{':
			depth++
			out.WriteString("(?:")
		case r == '}' && depth > 0:
			depth--
			out.WriteString(")")
		case r == ',' && depth > 0:
			out.WriteString("|")
		default:
			out.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	expression, err := regexp.Compile("^(?s:" + out.String() + ")$")
	return err == nil && expression.MatchString(name)
}
