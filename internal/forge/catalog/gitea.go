package catalog

import (
	"context"
	"slices"
	"strconv"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// gitea lists by the search of Gitea and Forgejo, which is one of the database and not of an index, and so complete.
type gitea struct{ contents }

// teaRepository is a repository of Gitea's. Topics are said by newer servers only.
type teaRepository struct {
	FullName string   `json:"full_name"`
	Archived bool     `json:"archived"`
	Mirror   bool     `json:"mirror"`
	Topics   []string `json:"topics"`
}

func (g gitea) list(ctx context.Context, q forge.Wanted) ([]listed, error) {
	var who struct {
		ID int64 `json:"id"`
	}
	path, exclusive := "user", "false"
	if q.Owner != "" {
		path, exclusive = "users/"+escape(q.Owner), "true"
	}
	err := g.Get(ctx, path, &who)
	if err == nil {
		err = rest.Lacks(who.ID == 0, "id of "+path)
	}
	if err != nil {
		return nil, err
	}
	pairs := []string{"uid", strconv.FormatInt(who.ID, 10), "exclusive", exclusive, "sort", "id", "order", "asc", "limit", "50"}
	if q.Topic != "" {
		pairs = append(pairs, "q", q.Topic, "topic", "true")
	}
	// The server may give less than was asked for, and older ones name a wrong next page: the end is a page without anything.
	var all []listed
	for page := 1; len(all) <= MaxRepositories; page++ {
		var answer struct {
			OK   bool            `json:"ok"`
			Data []teaRepository `json:"data"`
		}
		err := g.Get(ctx, query("repos/search", slices.Concat(pairs, []string{"page", strconv.Itoa(page)})...), &answer)
		if err == nil {
			err = rest.Lacks(!answer.OK || answer.Data == nil, "listing")
		}
		if err != nil || len(answer.Data) == 0 {
			return all, err
		}
		for _, one := range answer.Data {
			r := listed{forge.Listed{Name: one.FullName}, one.Topics}
			switch {
			case one.Archived:
				r.Frozen = forge.FrozenArchived
			case one.Mirror:
				r.Frozen = forge.FrozenMirror
			}
			all = append(all, r)
		}
	}
	return nil, errEndless()
}
