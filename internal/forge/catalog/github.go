package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/rest"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// github lists by the listings of GitHub, which are complete at once; its search ends at 1,000 results, and knows a new topic late.
type github struct{ contents }

// hubRepository is a repository of GitHub's.
type hubRepository struct {
	FullName string   `json:"full_name"`
	Archived bool     `json:"archived"`
	Disabled bool     `json:"disabled"`
	Topics   []string `json:"topics"`
}

func (g github) list(ctx context.Context, q forge.Wanted) ([]listed, error) {
	all, err := g.of(ctx, q)
	if err == nil && q.Topic != "" {
		err = untold(all)
	}
	return all, err
}

func (g github) of(ctx context.Context, q forge.Wanted) ([]listed, error) {
	if q.Owner == "" {
		return g.granted(ctx)
	}
	all, err := g.pages(ctx, "orgs/"+escape(q.Owner)+"/repos", "type", "all", "sort", "created", "direction", "asc")
	if !rest.SaidNo(err, http.StatusNotFound) {
		return all, err
	}
	// A person: the listing has what everybody may see, and the token may see more.
	all, err = g.pages(ctx, "users/"+escape(q.Owner)+"/repos", "type", "owner", "sort", "created", "direction", "asc")
	if err != nil || g.config.Token == "" {
		return all, err
	}
	more, err := g.granted(ctx)
	return append(all, slices.DeleteFunc(more, func(one listed) bool { return !below(one.Name, q.Owner) })...), err
}

// granted lists what the token is for: all in which its user has a role, or the installation of its App.
func (g github) granted(ctx context.Context) ([]listed, error) {
	all, err := g.pages(ctx, "user/repos", "sort", "created", "direction", "asc")
	if !rest.SaidNo(err, http.StatusForbidden) {
		return all, err
	}
	return g.pages(ctx, "installation/repositories")
}

// pages reads a listing to its end. It is asked in the order of creation: what is made meanwhile comes last.
func (g github) pages(ctx context.Context, path string, pairs ...string) ([]listed, error) {
	var all []listed
	for page := 1; len(all) <= MaxRepositories; page++ {
		var answer hubPage
		res, err := g.Call(ctx, http.MethodGet, query(path, slices.Concat(pairs, []string{"per_page", "100", "page", strconv.Itoa(page)})...), nil, &answer)
		if err != nil {
			return nil, err
		}
		for _, one := range answer.repositories {
			r := listed{forge.Listed{Name: one.FullName}, one.Topics}
			switch {
			case one.Disabled:
				r.Frozen = forge.FrozenDisabled
			case one.Archived:
				r.Frozen = forge.FrozenArchived
			}
			all = append(all, r)
		}
		switch next := slices.ContainsFunc(httpx.Links(res.Header), func(l httpx.Link) bool { return l.Is("next") }); {
		case next && len(answer.repositories) == 0:
			return nil, fault.New("run again", "a page is empty, and another one follows")
		case next:
		default:
			return all, nil
		}
	}
	return nil, errEndless()
}

// hubPage is a page of a listing: an array, or an object around it for an installation.
type hubPage struct{ repositories []hubRepository }

// UnmarshalJSON reads both forms.
func (p *hubPage) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return json.Unmarshal(data, &p.repositories)
	}
	var around struct {
		Repositories []hubRepository `json:"repositories"`
	}
	err := json.Unmarshal(data, &around)
	if err == nil && around.Repositories == nil {
		err = errors.New("it holds no repositories")
	}
	p.repositories = around.Repositories
	return err
}
