package catalog

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/rest"
)

// gitlab lists the projects of a group with the groups below it, of a person, or those in which the token's user has a role.
// Projects that are archived are asked for by themselves: strangers are not told of each which it is.
type gitlab struct{ *Client }

// labProject is a project of GitLab's.
type labProject struct {
	ID      int64    `json:"id"`
	Path    string   `json:"path_with_namespace"`
	Topics  []string `json:"topics"`
	Mirror  bool     `json:"mirror"`
	Deleted *string  `json:"marked_for_deletion_on"`
}

func (g gitlab) list(ctx context.Context, q forge.Wanted) ([]listed, error) {
	var all []listed
	for _, archived := range []string{"false", "true"} {
		part, err := g.half(ctx, q, archived)
		if err != nil {
			return nil, err
		}
		if all = append(all, part...); len(all) > MaxRepositories {
			return nil, errEndless()
		}
	}
	return all, nil
}

// half lists those that are archived, or those that are not.
func (g gitlab) half(ctx context.Context, q forge.Wanted, archived string) ([]listed, error) {
	pairs := []string{"archived", archived, "order_by", "id", "sort", "asc", "per_page", "100"}
	if q.Topic != "" {
		pairs = append(pairs, "topic", q.Topic)
	}
	frozen := map[string]forge.Frozen{"true": forge.FrozenArchived}[archived]
	if q.Owner == "" {
		return g.after(ctx, "projects", slices.Concat(pairs, []string{"membership", "true", "pagination", "keyset"}), frozen)
	}
	group := slices.Concat(pairs, []string{"include_subgroups", "true", "with_shared", "false"})
	all, err := g.pages(ctx, "groups/"+url.PathEscape(q.Owner)+"/projects", group, frozen)
	if rest.SaidNo(err, http.StatusNotFound) && !strings.Contains(q.Owner, "/") {
		if all, err = g.pages(ctx, "users/"+url.PathEscape(q.Owner)+"/projects", pairs, frozen); err == nil && q.Topic != "" {
			err = untold(all)
		}
	}
	return all, err
}

// pages reads a listing by the numbers of its pages, as far as the server says that there is a next one.
func (g gitlab) pages(ctx context.Context, path string, pairs []string, frozen forge.Frozen) ([]listed, error) {
	var all []listed
	for page := 1; len(all) <= MaxRepositories; page++ {
		var part []labProject
		res, err := g.Call(ctx, http.MethodGet, query(path, slices.Concat(pairs, []string{"page", strconv.Itoa(page)})...), nil, &part)
		if err == nil {
			err = rest.Lacks(part == nil, "projects")
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, projects(part, frozen)...); res.Header.Get("X-Next-Page") == "" || len(part) == 0 {
			return all, nil
		}
	}
	return nil, errEndless()
}

// after reads a listing by the number of the last project that was seen, the only way in which a long one can be read to its end.
func (g gitlab) after(ctx context.Context, path string, pairs []string, frozen forge.Frozen) ([]listed, error) {
	var all []listed
	for last := int64(0); len(all) <= MaxRepositories; {
		var part []labProject
		err := g.Get(ctx, query(path, slices.Concat(pairs, []string{"id_after", strconv.FormatInt(last, 10)})...), &part)
		if err == nil {
			err = rest.Lacks(part == nil, "projects")
		}
		if err != nil || len(part) == 0 {
			return all, err
		}
		for _, one := range part {
			if err := rest.Lacks(one.ID <= last, "project after the last one"); err != nil {
				return nil, err
			}
			last = one.ID
		}
		all = append(all, projects(part, frozen)...)
	}
	return nil, errEndless()
}

func projects(part []labProject, frozen forge.Frozen) []listed {
	all := make([]listed, len(part))
	for i, one := range part {
		r := forge.Listed{Name: one.Path, Frozen: frozen}
		switch {
		case one.Deleted != nil:
			r.Frozen = forge.FrozenDeleted
		case one.Mirror && frozen == "":
			r.Frozen = forge.FrozenMirror
		}
		all[i] = listed{r, one.Topics}
	}
	return all
}

// maxTop bounds the pages of what stands at the top of a project.
const maxTop = 10

func (g gitlab) top(ctx context.Context, repository string) ([]item, error) {
	var all []item
	for page := 1; page <= maxTop; page++ {
		var part []item
		path := query("projects/"+url.PathEscape(repository)+"/repository/tree", "per_page", "100", "page", strconv.Itoa(page))
		res, err := g.Call(ctx, http.MethodGet, path, nil, &part)
		if err == nil {
			err = rest.Lacks(part == nil, "names")
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, part...); res.Header.Get("X-Next-Page") == "" {
			break
		}
	}
	return all, nil
}

func (g gitlab) file(ctx context.Context, repository, name string) (one content, err error) {
	// GitLab reads what follows a dot as the form of the answer.
	file := strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
	err = g.Get(ctx, "projects/"+url.PathEscape(repository)+"/repository/files/"+file+"?ref=HEAD", &one)
	return one, err
}
