package merging

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type body = map[string]any

// api answers one request of the API, one after the other.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	var struck, applied bool
	var status int
	var text string
	if s.Fault != nil {
		status, text, applied, struck = s.Fault(r)
	}
	if !struck || applied {
		s.mu.Lock()
		code, out := s.answer(w.Header(), r, data)
		s.mu.Unlock()
		if !struck {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(out)
			return
		}
	}
	if status == 0 {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// answer finds what is asked for. What one may not see is not there.
func (s *Server) answer(header http.Header, r *http.Request, data []byte) (int, any) {
	rest, below := strings.CutPrefix(r.URL.EscapedPath(), "/api/v4/")
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	by := s.who(token)
	switch {
	case !below:
		return 404, body{"error": "404 Not Found"}
	case token != "" && by == nil:
		return 401, body{"message": "401 Unauthorized"}
	case rest == "user" && by == nil:
		return 401, body{"message": "401 Unauthorized"}
	case rest == "user":
		u := s.person(by).(body)
		u["email"], u["commit_email"] = by.Name+"@example.com", by.Name+"@example.com"
		return 200, u
	case rest == "users":
		found := []any{}
		for _, u := range s.users {
			if u.Name == r.URL.Query().Get("username") {
				found = append(found, s.person(u))
			}
		}
		return 200, found
	}
	rest, ours := strings.CutPrefix(rest, "projects/"+url.PathEscape(Path))
	if !ours || by == nil {
		return 404, body{"message": "404 Project Not Found"}
	}
	var in body
	if len(data) > 0 && json.Unmarshal(data, &in) != nil {
		return 400, body{"error": "Problem processing request: message body does not match declared format"}
	}
	if s.settings.Archived && r.Method != http.MethodGet {
		return 403, body{"message": "403 Forbidden - The project is archived"}
	}
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	switch parts[0] {
	case "":
		return 200, body{"id": 4711, "path_with_namespace": Path, "default_branch": "main", "merge_method": s.settings.Method, "squash_option": s.settings.Squash,
			"only_allow_merge_if_pipeline_succeeds": s.settings.MustSucceed, "allow_merge_on_skipped_pipeline": s.settings.OrSkipped,
			"merge_trains_enabled": s.settings.Trains, "archived": s.settings.Archived, "merge_requests_access_level": "enabled"}
	case "repository":
		return s.repository(header, r, parts[1:])
	case "pipelines":
		return s.jobs(header, r, parts[1:])
	case "merge_requests":
		return s.mergeRequests(header, r, parts[1:], by, in)
	}
	return 404, body{"error": "404 Not Found"}
}

func (s *Server) person(u *User) any {
	if u == nil {
		return nil
	}
	return body{"id": u.ID, "username": u.Name, "name": u.Name, "state": "active"}
}

// page cuts a listing.
func page(header http.Header, r *http.Request, all []any) (int, any) {
	size, at := 20, 1
	if n := number(r.URL.Query().Get("per_page")); n > 0 {
		size = min(n, 100)
	}
	if n := number(r.URL.Query().Get("page")); n > 0 {
		at = n
	}
	from, to := min((at-1)*size, len(all)), min(at*size, len(all))
	header.Set("X-Next-Page", "")
	if to < len(all) {
		header.Set("X-Next-Page", fmt.Sprint(at+1))
	}
	return 200, append([]any{}, all[from:to]...)
}

func (s *Server) repository(header http.Header, r *http.Request, parts []string) (int, any) {
	name, _ := url.PathUnescape(parts[1])
	switch {
	case parts[0] == "branches" && s.rev(name) != "":
		return 200, body{"name": name, "protected": slices.Contains(s.settings.Guarded, name)}
	case parts[0] == "commits" && len(parts) == 2:
		parents, err := s.git("log", "-1", "--format=%P", name)
		if err == nil {
			return 200, body{"id": name, "parent_ids": strings.Fields(parents)}
		}
	case parts[0] == "commits" && parts[2] == "statuses":
		all := []any{}
		for _, p := range s.pipelines {
			if p.SHA != name || r.URL.Query().Get("pipeline_id") != "" && r.URL.Query().Get("pipeline_id") != fmt.Sprint(p.ID) {
				continue
			}
			for _, j := range p.Jobs {
				all = append(all, body{"id": j.ID, "name": j.Name, "status": j.Status, "author": s.person(j.Author), "pipeline_id": p.ID})
			}
		}
		return page(header, r, all)
	}
	return 404, body{"message": "404 Not Found"}
}

func (s *Server) jobs(header http.Header, r *http.Request, parts []string) (int, any) {
	all := []any{}
	for _, p := range s.pipelines {
		for _, j := range p.Jobs {
			if fmt.Sprint(p.ID) == parts[0] && parts[1] == "jobs" && !j.External {
				all = append(all, body{"id": j.ID, "name": j.Name, "status": j.Status, "user": s.person(j.Author)})
			}
		}
	}
	return page(header, r, all)
}

func (s *Server) mergeRequests(header http.Header, r *http.Request, parts []string, by *User, in body) (int, any) {
	if len(parts) == 0 && r.Method == http.MethodPost {
		return s.open(by, in)
	}
	for _, one := range s.requests {
		s.refresh(one, false)
	}
	if len(parts) == 0 {
		return s.list(header, r)
	}
	n := number(parts[0])
	if n < 1 || n > len(s.requests) {
		return 404, body{"message": "404 Not found"}
	}
	one := s.requests[n-1]
	switch end := strings.Join(parts[1:], "/"); {
	case end == "" && r.Method == http.MethodGet:
		s.refresh(one, true)
		return 200, s.show(one, true)
	case end == "" && r.Method == http.MethodPut:
		return s.update(one, by, in)
	case end == "merge" && r.Method == http.MethodPut:
		return s.merge(one, by, in)
	case end == "pipelines":
		all := []any{}
		for _, p := range slices.Backward(s.pipelines) {
			if p.Ref == one.Branch || strings.HasPrefix(p.Ref, fmt.Sprintf("refs/merge-requests/%d/", one.IID)) {
				all = append(all, body{"id": p.ID, "sha": p.SHA, "ref": p.Ref, "source": p.Source, "status": p.Status})
			}
		}
		return page(header, r, all)
	case end == "notes" && r.Method == http.MethodPost:
		text, _ := in["body"].(string)
		one.Notes = append(one.Notes, Note{by, s.commands(one, by, text)})
		return 201, body{"id": s.id()}
	case end == "notes":
		all := []any{}
		for _, note := range one.Notes {
			all = append(all, body{"author": s.person(note.Author), "body": note.Body})
		}
		return page(header, r, all)
	}
	return 404, body{"error": "404 Not Found"}
}

func (s *Server) open(by *User, in body) (int, any) {
	text := func(name string) string { v, _ := in[name].(string); return v }
	tip := s.rev(text("source_branch"))
	for _, one := range s.requests {
		if s.refresh(one, false); one.State == "opened" && one.Branch == text("source_branch") && one.Into == text("target_branch") {
			return 409, body{"message": []string{fmt.Sprintf("Another open merge request already exists for this source branch: !%d", one.IID)}}
		}
	}
	if tip == "" {
		return 400, body{"message": body{"source_branch": []string{"does not exist"}}}
	}
	base, _ := s.git("merge-base", s.rev(text("target_branch")), tip)
	one := &Request{IID: len(s.requests) + 1, Branch: text("source_branch"), Into: text("target_branch"), State: "opened", SHA: tip, Base: base,
		Author: by, Created: time.Now(), headOf: tip, checking: s.settings.Checking}
	s.requests = append(s.requests, one)
	s.text(one, by, in)
	s.touch(one)
	return 201, s.show(one, false)
}

// text takes titles, descriptions and labels.
func (s *Server) text(one *Request, by *User, in body) {
	if title, there := in["title"].(string); there {
		one.Title, one.Draft = strings.TrimSpace(title), drafts.MatchString(title)
	}
	if text, there := in["description"].(string); there {
		one.Body = s.commands(one, by, text)
	}
	for _, field := range []string{"labels", "add_labels"} {
		all, _ := in[field].([]any)
		for _, l := range all {
			one.Labels = append(one.Labels, l.(string))
		}
	}
	gone, _ := in["remove_labels"].([]any)
	one.Labels = slices.DeleteFunc(one.Labels, func(l string) bool { return slices.Contains(gone, any(l)) })
}

func (s *Server) update(one *Request, by *User, in body) (int, any) {
	if one.State == "merged" && s.settings.MergedRefused {
		return 405, body{"message": "405 Method Not Allowed"}
	}
	s.text(one, by, in)
	switch event := in["state_event"]; {
	case one.State == "merged": // its text may be changed, it stays merged
	case event == "close" && one.State != "closed":
		one.State, one.Closer, one.Closed, one.Armed = "closed", by, time.Now(), false
	case event == "reopen":
		one.State = "opened"
	}
	s.touch(one)
	return 200, s.show(one, false)
}

func (s *Server) list(header http.Header, r *http.Request) (int, any) {
	q := r.URL.Query()
	found := slices.Clone(s.requests)
	slices.SortFunc(found, func(a, b *Request) int {
		if q.Get("order_by") == "updated_at" {
			return b.Updated - a.Updated
		}
		return b.IID - a.IID
	})
	all := []any{}
	for _, one := range found {
		state, target, author := q.Get("state"), q.Get("target_branch"), q.Get("author_id")
		if (state == "all" || state == one.State) && (target == "" || target == one.Into) && (author == "" || author == fmt.Sprint(one.Author.ID)) {
			shown := s.show(one, false)
			delete(shown, "diff_refs") // only the single one says these
			delete(shown, "user")
			all = append(all, shown)
		}
	}
	return page(header, r, all)
}

// show is a merge request as the API shows it.
func (s *Server) show(one *Request, look bool) body {
	orNil := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	at := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	from := 4711
	if one.FromOther {
		from = 4712
	}
	labels := append([]string{}, one.Labels...)
	return body{"id": 900 + 13*one.IID, "iid": one.IID, "title": one.Title, "description": one.Body, "state": one.State, "sha": one.SHA,
		"web_url": fmt.Sprintf("%s/%s/-/merge_requests/%d", s.Address, Path, one.IID), "author": s.person(one.Author), "draft": one.Draft, "labels": labels,
		"source_branch": one.Branch, "target_branch": one.Into, "source_project_id": from, "target_project_id": 4711,
		"detailed_merge_status": s.status(one, look), "merge_error": orNil(one.Error), "merge_when_pipeline_succeeds": one.Armed,
		"merge_commit_sha": orNil(one.Commit), "squash_commit_sha": orNil(one.Squashed), "merge_user": s.person(one.Merger), "closed_by": s.person(one.Closer),
		"created_at": at(one.Created), "merged_at": at(one.Merged), "closed_at": at(one.Closed), "diff_refs": body{"base_sha": one.Base, "head_sha": one.SHA},
		"user": body{"can_merge": true}}
}
