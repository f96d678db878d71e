package gitlab

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// get is GET /projects/:id/pipelines/:pipeline_id; each look moves the pipeline on.
func (c *call) get() reply {
	if bad := c.reader(false); bad != nil {
		return *bad
	}
	one := c.project.pipeline(c.pipeline)
	if one == nil {
		return refuse(http.StatusNotFound, "404 Not found")
	}
	c.project.look(one)
	return answer(http.StatusOK, c.project.whole(one))
}

// variables is GET /projects/:id/pipelines/:pipeline_id/variables, for those who may administer the pipeline.
func (c *call) variables() reply {
	if bad := c.reader(false); bad != nil {
		return *bad
	}
	one := c.project.pipeline(c.pipeline)
	if one == nil {
		return refuse(http.StatusNotFound, "404 Not found")
	}
	if bad := c.reader(true); bad != nil {
		return *bad
	}
	all := []obj{}
	for _, name := range slices.Sorted(maps.Keys(one.Variables)) {
		kind := "env_var"
		if name == payload {
			kind = "file"
		}
		all = append(all, obj{"variable_type": kind, "key": name, "value": one.Variables[name], "raw": false})
	}
	return answer(http.StatusOK, all)
}

// list is GET /projects/:id/pipelines.
func (c *call) list() reply {
	query := c.req.URL.Query()
	keep, bad := filters(query)
	if bad == nil {
		bad = c.reader(false)
	}
	if bad != nil {
		return *bad
	}
	var found []*Pipeline
	for _, one := range c.project.pipelines {
		if !slices.ContainsFunc(keep, func(f func(*Pipeline) bool) bool { return !f(one) }) {
			found = append(found, one)
		}
	}
	order(found, query)
	return c.page(found, query)
}

// sources are what a pipeline may come from; newer versions refuse any other word.
var sources = []string{"push", "web", "trigger", "schedule", "api", "external", "pipeline", "chat", "webide", "merge_request_event",
	"external_pull_request_event", "parent_pipeline", "ondemand_dast_scan", "ondemand_dast_validation", "security_orchestration_policy"}

// filters are the conditions of a list.
func filters(query url.Values) ([]func(*Pipeline) bool, *reply) {
	var all []func(*Pipeline) bool
	equal := func(name string, value func(*Pipeline) string) {
		if want := query.Get(name); want != "" {
			all = append(all, func(p *Pipeline) bool { return value(p) == want })
		}
	}
	equal("ref", func(p *Pipeline) string { return p.Ref })
	equal("sha", func(p *Pipeline) string { return p.SHA })
	equal("status", func(p *Pipeline) string { return p.Status })
	equal("source", func(p *Pipeline) string { return p.Source })
	if want := query.Get("source"); want != "" && !slices.Contains(sources, want) {
		bad := fault("source does not have a valid value")
		return nil, &bad
	}
	if want := query.Get("yaml_errors"); want != "" {
		all = append(all, func(p *Pipeline) bool { return strconv.FormatBool(p.YAMLErrors != "") == want })
	}
	for _, name := range []string{"updated_after", "updated_before", "created_after", "created_before"} {
		if query.Get(name) == "" {
			continue
		}
		limit, err := time.Parse(time.RFC3339, query.Get(name))
		if err != nil {
			bad := fault(name + " is invalid")
			return nil, &bad
		}
		all = append(all, func(p *Pipeline) bool {
			at := p.Created
			if strings.HasPrefix(name, "updated") {
				at = p.Updated
			}
			return strings.HasSuffix(name, "after") && at.After(limit) || strings.HasSuffix(name, "before") && at.Before(limit)
		})
	}
	return all, nil
}

// order sorts by number or by last change, the newest first unless asked otherwise.
func order(found []*Pipeline, query url.Values) {
	slices.SortStableFunc(found, func(a, b *Pipeline) int {
		n := int(a.ID - b.ID)
		if query.Get("order_by") == "updated_at" {
			n = a.Updated.Compare(b.Updated)
		}
		if strings.EqualFold(query.Get("sort"), "asc") {
			return n
		}
		return -n
	})
}

// page cuts a list (https://docs.gitlab.com/ee/api/rest/#offset-based-pagination).
func (c *call) page(found []*Pipeline, query url.Values) reply {
	number, size := 1, defaultPage
	for _, p := range []struct {
		name string
		into *int
	}{{"page", &number}, {"per_page", &size}} {
		text := query.Get(p.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fault(p.name + " is invalid")
		}
		*p.into = n
	}
	size = min(size, maxPage)
	last := max((len(found)+size-1)/size, 1)
	body := []obj{}
	for _, one := range found[min((number-1)*size, len(found)):min(number*size, len(found))] {
		body = append(body, c.project.basic(one))
	}
	out := answer(http.StatusOK, body)
	out.header.Set("X-Page", strconv.Itoa(number))
	out.header.Set("X-Per-Page", strconv.Itoa(size))
	out.header.Set("X-Total", strconv.Itoa(len(found)))
	out.header.Set("X-Total-Pages", strconv.Itoa(last))
	out.header.Set("X-Prev-Page", within(number-1, last))
	out.header.Set("X-Next-Page", within(number+1, last))
	out.header.Set("Link", c.links(query, number, last))
	return out
}

// within is a page's number, empty when there is no such page.
func within(page, last int) string {
	if page < 1 || page > last {
		return ""
	}
	return strconv.Itoa(page)
}

// links name the other pages. GitLab repeats in them what it took by default, and the project.
func (c *call) links(query url.Values, number, last int) string {
	var links []string
	for name, value := range map[string]string{"id": c.id, "order_by": "id", "sort": "desc", "per_page": strconv.Itoa(defaultPage)} {
		if query.Get(name) == "" {
			query.Set(name, value)
		}
	}
	for _, l := range []struct {
		page int
		name string
	}{{number - 1, "prev"}, {number + 1, "next"}, {1, "first"}, {last, "last"}} {
		if within(l.page, last) == "" {
			continue
		}
		query.Set("page", strconv.Itoa(l.page))
		path := strings.TrimPrefix(c.req.URL.EscapedPath(), c.server.address.EscapedPath())
		links = append(links, fmt.Sprintf(`<%s%s?%s>; rel="%s"`, c.server.address, path, query.Encode(), l.name))
	}
	return strings.Join(links, ", ")
}
