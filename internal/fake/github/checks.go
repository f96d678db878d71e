package github

import (
	"net/http"
	"sort"
	"time"
)

// Check is a check run, or a commit status, on a commit.
type Check struct {
	Name       string
	Conclusion string        // success, failure, neutral, cancelled, skipped, timed_out, action_required; empty = still running
	After      time.Duration // the conclusion is reported that long after the start
	Status     bool          // a commit status (success, failure, error; empty = pending) instead of a check run
}

// check is a Check on a commit.
type check struct {
	Check
	id      int64
	sha     string
	by      string
	started time.Time
}

// done says whether the conclusion has been reported.
func (k *check) done(now time.Time) bool {
	return k.Conclusion != "" && !now.Before(k.started.Add(k.After))
}

func (k *check) green(now time.Time) bool {
	return k.done(now) && (k.Conclusion == "success" || k.Conclusion == "neutral" || k.Conclusion == "skipped")
}

// SetCheck reports a check on a commit; an earlier one of that name and kind is replaced.
func (r *Repo) SetCheck(sha string, report Check) {
	r.lock()
	defer r.unlock()
	r.setCheck(sha, report, "github-actions[bot]")
}

func (r *Repo) setCheck(sha string, report Check, by string) *check {
	made := &check{Check: report, id: r.server.id(), sha: sha, by: by, started: r.server.now()}
	for i, old := range r.checks[sha] {
		if old.Name == report.Name && old.Status == report.Status {
			r.checks[sha][i] = made
			return made
		}
	}
	r.checks[sha] = append(r.checks[sha], made)
	return made
}

// startChecks starts the configured checks on a new head, unless the workflow's own token made it.
func (r *Repo) startChecks(sha string, who Identity) {
	if r.settings.CI == nil || who.Actions || len(r.checks[sha]) > 0 {
		return
	}
	for _, report := range r.settings.CI(sha) {
		r.setCheck(sha, report, "github-actions[bot]")
	}
}

// kindOf lists the check runs or the statuses of a commit, newest first.
func (r *Repo) kindOf(sha string, status bool) []*check {
	var found []*check
	for _, k := range r.checks[sha] {
		if k.Status == status {
			found = append(found, k)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].id > found[j].id })
	return found
}

func listCheckRuns(c *context) reply {
	at := c.repo.resolve(c.vars["ref"])
	if at == nil {
		return unprocessable("No commit found for SHA: " + c.vars["ref"])
	}
	var found []*check
	for _, k := range c.repo.kindOf(at.id, false) {
		if name := c.query.Get("check_name"); name == "" || name == k.Name {
			found = append(found, k)
		}
	}
	part, header := page(c, found)
	runs := make([]obj, 0, len(part))
	for _, k := range part {
		runs = append(runs, c.repo.checkRunJSON(k))
	}
	return reply{status: http.StatusOK, header: header, body: obj{"total_count": len(found), "check_runs": runs}}
}

func (r *Repo) checkRunJSON(k *check) obj {
	id, now := itoa(k.id), r.server.now()
	out := obj{
		"id": k.id, "node_id": nodeID("CR", r.id, id), "head_sha": k.sha, "name": k.Name, "external_id": "", "url": r.api("/check-runs/" + id),
		"html_url": r.web("/runs/" + id), "details_url": r.web("/runs/" + id), "status": "in_progress", "conclusion": nil,
		"started_at": stamp(k.started), "completed_at": nil, "check_suite": obj{"id": k.id}, "app": r.server.appJSON(), "pull_requests": []obj{},
		"output": obj{"title": nil, "summary": nil, "text": nil, "annotations_count": 0, "annotations_url": r.api("/check-runs/" + id + "/annotations")},
	}
	if k.done(now) {
		out["status"], out["conclusion"], out["completed_at"] = "completed", k.Conclusion, stamp(k.started.Add(k.After))
	}
	return out
}

func (s *Server) appJSON() obj {
	return obj{
		"id": 15368, "slug": "github-actions", "node_id": "MDM6QXBwMTUzNjg=", "owner": s.userJSON("github"), "name": "GitHub Actions",
		"description": "Automate your workflow", "external_url": "https://help.github.com/en/actions", "html_url": s.options.Web + "/apps/github-actions",
		"created_at": "2018-07-30T09:30:17Z", "updated_at": "2019-12-10T19:04:12Z", "permissions": obj{"checks": "write"}, "events": []string{"push"},
	}
}

func createCheckRun(c *context) reply {
	var in struct {
		Name, Conclusion string
		HeadSHA          string `json:"head_sha"`
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	if !c.who.App && !c.who.Actions {
		return fail(http.StatusForbidden, "You must authenticate via a GitHub App.")
	}
	if in.Name == "" || c.repo.store.commits[in.HeadSHA] == nil {
		return unprocessable("Invalid request.\n\nNo commit found for SHA: " + in.HeadSHA)
	}
	return created(c.repo.checkRunJSON(c.repo.setCheck(in.HeadSHA, Check{Name: in.Name, Conclusion: in.Conclusion}, c.who.Login)))
}

func createStatus(c *context) reply {
	in := struct{ State, Context string }{Context: "default"}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	if c.repo.store.commits[c.vars["sha"]] == nil {
		return unprocessable("No commit found for SHA: " + c.vars["sha"])
	}
	switch in.State {
	case "pending":
		in.State = ""
	case "success", "failure", "error":
	default:
		return invalid(field("Status", "state", "invalid"))
	}
	report := Check{Name: in.Context, Conclusion: in.State, Status: true}
	return created(c.repo.statusJSON(c.repo.setCheck(c.vars["sha"], report, c.who.Login)))
}

func (r *Repo) statusJSON(k *check) obj {
	out := r.simpleStatusJSON(k)
	out["creator"] = r.server.userJSON(k.by)
	return out
}

func (r *Repo) simpleStatusJSON(k *check) obj {
	state := "pending"
	if k.done(r.server.now()) {
		state = k.Conclusion
	}
	return obj{
		"id": k.id, "node_id": nodeID("SC", r.id, itoa(k.id)), "url": r.api("/statuses/" + k.sha), "avatar_url": nil, "state": state,
		"description": nil, "target_url": nil, "context": k.Name, "created_at": stamp(k.started), "updated_at": stamp(k.started.Add(k.After)),
	}
}

func listStatuses(c *context) reply {
	at := c.repo.resolve(c.vars["ref"])
	if at == nil {
		return notFound()
	}
	return listed(c, c.repo.kindOf(at.id, true), c.repo.statusJSON)
}

// combinedStatus covers the statuses only, never the check runs: without any it is pending.
func combinedStatus(c *context) reply {
	at := c.repo.resolve(c.vars["ref"])
	if at == nil {
		return notFound()
	}
	all := c.repo.kindOf(at.id, true)
	part, header := page(c, all)
	statuses := make([]obj, 0, len(part))
	for _, k := range part {
		statuses = append(statuses, c.repo.simpleStatusJSON(k))
	}
	return reply{status: http.StatusOK, header: header, body: obj{
		"state": c.repo.combined(all), "sha": at.id, "total_count": len(all), "statuses": statuses, "repository": c.repo.json(),
		"commit_url": c.repo.api("/commits/" + at.id), "url": c.repo.api("/commits/" + at.id + "/status"),
	}}
}

func (r *Repo) combined(all []*check) string {
	now, state := r.server.now(), "success"
	for _, k := range all {
		switch {
		case k.done(now) && !k.green(now):
			return "failure"
		case !k.done(now):
			state = "pending"
		}
	}
	if len(all) == 0 {
		return "pending"
	}
	return state
}
