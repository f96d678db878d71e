package gitlab

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// What projects there are, and what stands in them (https://docs.gitlab.com/api/projects/, https://docs.gitlab.com/api/groups/#list-projects,
// https://docs.gitlab.com/api/repositories/#list-repository-tree). What one may not see does not exist, and an anonymous asker
// is told less of each project.

// Person makes a namespace that of a person; others are groups.
func (s *Server) Person(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people = append(s.people, name)
}

// listing finds the endpoint of a request for projects, and of whom.
func (s *Server) listing(req *http.Request) (found endpoint, of string, ok bool) {
	rest, below := strings.CutPrefix(req.URL.EscapedPath(), s.address.EscapedPath()+api)
	parts := strings.Split(rest, "/")
	if !below || req.Method != http.MethodGet || parts[len(parts)-1] != "projects" {
		return endpoint{}, "", false
	}
	if len(parts) == 3 {
		of, _ = url.PathUnescape(parts[1])
	}
	switch {
	case len(parts) == 1:
		return endpoint{operation: Projects, serve: (*call).projects}, "", true
	case len(parts) == 3 && parts[0] == "groups":
		return endpoint{operation: Projects, serve: (*call).groupProjects}, of, true
	case len(parts) == 3 && parts[0] == "users":
		return endpoint{operation: Projects, serve: (*call).userProjects}, of, true
	}
	return endpoint{}, "", false
}

// member reports whether the caller has a role in a project.
func (c *call) member(p *Project) bool {
	token := c.token()
	return token != "" && (slices.Contains(p.settings.Readers, token) || slices.Contains(p.settings.Reporters, token))
}

func (c *call) sees(p *Project) bool { return p.settings.Public || c.member(p) }

// stranger is the refusal of a token that nobody has.
func (c *call) stranger() *reply {
	if c.token() == "" || slices.ContainsFunc(c.server.projects, c.member) {
		return nil
	}
	out := refuse(http.StatusUnauthorized, "401 Unauthorized")
	return &out
}

// projects lists all that the caller may see.
func (c *call) projects() reply {
	if out := c.stranger(); out != nil {
		return *out
	}
	q := c.req.URL.Query()
	if q.Get("pagination") == "keyset" && q.Get("order_by") != "id" {
		return answer(http.StatusMethodNotAllowed, obj{"error": "Keyset pagination is not yet available for this type of request"})
	}
	return c.listed(func(p *Project) bool { return q.Get("membership") != "true" || c.member(p) })
}

// groupProjects lists those of a group, and on demand those of the groups below.
func (c *call) groupProjects() reply {
	if out := c.stranger(); out != nil {
		return *out
	}
	below := func(p *Project) bool {
		return strings.HasPrefix(strings.ToLower(p.path), strings.ToLower(c.id)+"/") && c.sees(p)
	}
	if slices.ContainsFunc(c.server.people, func(name string) bool { return strings.EqualFold(name, c.id) }) || !slices.ContainsFunc(c.server.projects, below) {
		return refuse(http.StatusNotFound, "404 Group Not Found")
	}
	deep := c.req.URL.Query().Get("include_subgroups") == "true"
	return c.listed(func(p *Project) bool {
		return below(p) && (deep || strings.Count(p.path, "/") == strings.Count(c.id, "/")+1)
	})
}

// userProjects lists those of a person.
func (c *call) userProjects() reply {
	if out := c.stranger(); out != nil {
		return *out
	}
	if !slices.ContainsFunc(c.server.people, func(name string) bool { return strings.EqualFold(name, c.id) }) {
		return refuse(http.StatusNotFound, "404 User Not Found")
	}
	return c.listed(func(p *Project) bool { return strings.HasPrefix(strings.ToLower(p.path), strings.ToLower(c.id)+"/") })
}

// listed answers with a page of the projects that fit and that the caller may see: by default the newest first, twenty of them.
func (c *call) listed(fits func(*Project) bool) reply {
	q := c.req.URL.Query()
	var all []*Project
	for _, p := range c.server.projects {
		after, _ := strconv.ParseInt(q.Get("id_after"), 10, 64)
		archived, topic := q.Get("archived"), q.Get("topic")
		about := topic == "" || !slices.ContainsFunc(strings.Split(topic, ","), func(t string) bool { return !slices.Contains(p.settings.Topics, t) })
		if c.sees(p) && fits(p) && p.settings.ID > after && about && (archived == "" || archived == strconv.FormatBool(p.settings.Archived)) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b *Project) int { return int(b.settings.ID - a.settings.ID) })
	if q.Get("sort") == "asc" {
		slices.Reverse(all)
	}
	return paged(c, all, func(p *Project) obj { return p.shown(c.token() != "") })
}

// shown is a project in a listing; only who is known is told all of it.
func (p *Project) shown(known bool) obj {
	out := obj{"id": p.settings.ID, "name": p.path[strings.LastIndex(p.path, "/")+1:], "path_with_namespace": p.path, "default_branch": "main",
		"topics": append([]string{}, p.settings.Topics...), "web_url": p.server.address.String() + "/" + p.path}
	if known {
		out["archived"], out["mirror"], out["empty_repo"], out["marked_for_deletion_on"] = p.settings.Archived, p.settings.Mirror, p.settings.Files == nil, nil
		if p.settings.Deleted != "" {
			out["marked_for_deletion_on"] = p.settings.Deleted
		}
	}
	return out
}

// paged cuts a page, and says in the headers which is the next one.
func paged[T any](c *call, all []T, show func(T) obj) reply {
	q := c.req.URL.Query()
	number := func(name string, missing, most int) int {
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 1 {
			return missing
		}
		return min(n, most)
	}
	size, page := number("per_page", 20, 100), number("page", 1, 1<<20)
	keyset := q.Get("pagination") == "keyset"
	if keyset {
		page = 1
	}
	from, to := min((page-1)*size, len(all)), min(page*size, len(all))
	part := []obj{}
	for _, one := range all[from:to] {
		part = append(part, show(one))
	}
	out := answer(http.StatusOK, part)
	next := *c.req.URL
	query := next.Query()
	switch more := to < len(all); {
	case keyset && more:
		query.Set("id_after", fmt.Sprint(part[len(part)-1]["id"]))
	case keyset:
		return out
	case more:
		out.header.Set("X-Next-Page", strconv.Itoa(page+1))
		query.Set("page", strconv.Itoa(page+1))
	default:
		out.header.Set("X-Next-Page", "")
		return out
	}
	next.RawQuery = query.Encode()
	next.Scheme, next.Host = c.server.address.Scheme, c.server.address.Host
	out.header.Set("Link", fmt.Sprintf(`<%s>; rel="next"`, next.String()))
	return out
}

// repository answers what the caller cannot see of a project's repository.
func (c *call) repository() *reply {
	if out := c.stranger(); out != nil {
		return out
	}
	var out reply
	switch {
	case c.project == nil || !c.sees(c.project):
		out = refuse(http.StatusNotFound, "404 Project Not Found")
	case c.project.settings.Files == nil:
		out = refuse(http.StatusNotFound, "404 Tree Not Found")
	default:
		return nil
	}
	return &out
}

// tree lists the top of the default branch: directories first.
func (c *call) tree() reply {
	if out := c.repository(); out != nil {
		return *out
	}
	var dirs, files []string
	for name := range c.project.settings.Files {
		if dir, _, deep := strings.Cut(name, "/"); !deep {
			files = append(files, name)
		} else if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	slices.Sort(files)
	return paged(c, append(dirs, files...), func(name string) obj {
		kind, mode := "blob", "100644"
		if slices.Contains(dirs, name) {
			kind, mode = "tree", "040000"
		}
		return obj{"id": strings.Repeat("0", 40), "name": name, "type": kind, "path": name, "mode": mode}
	})
}

// file is a file of the default branch.
func (c *call) file() reply {
	if out := c.repository(); out != nil {
		return *out
	}
	text, there := c.project.settings.Files[c.name]
	switch {
	case c.req.URL.Query().Get("ref") == "":
		return fault("ref is missing, ref is empty")
	case !there:
		return refuse(http.StatusNotFound, "404 File Not Found")
	}
	return answer(http.StatusOK, obj{"file_name": c.name, "file_path": c.name, "size": len(text), "encoding": "base64", "ref": c.req.URL.Query().Get("ref"),
		"content": base64.StdEncoding.EncodeToString([]byte(text))})
}
