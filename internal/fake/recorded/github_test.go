package recorded_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

var ctx = context.Background()

// written is the carrier of what a refusal looks like.
func written(p *player) error {
	p.viewer("user-1", 1)
	p.replay("POST", "/pulls")
	p.on("GET", "/pulls", 200, "[]")
	_, _, err := p.client().PutPull(ctx, "x", github.Text{Title: "t", New: true})
	return err
}

// says is an answer that says no: with that status, and that in its text or its hint.
func says(texts ...string) func(*player) {
	return func(p *player) {
		err := written(p)
		var failed *github.Error
		p.want(errors.As(err, &failed) && failed.Status == p.Status, "%v", err)
		for _, text := range texts {
			p.want(err != nil && strings.Contains(err.Error()+" "+advice(err), text), "want %q: %v; hint %q", text, err, advice(err))
		}
		p.want(err != nil && !strings.ContainsAny(err.Error()+advice(err), "\r\n"), "several lines: %q", err)
	}
}

// comparison reads what a head has that its base has not; two pages of one are recorded.
func comparison(p *player) {
	first, second := p.all[16], p.all[17]
	if p.N == 18 {
		p.replay("GET", "/compare/")
	} else {
		p.with(second, "GET", "page=2&per_page=100")
		p.rules[len(p.rules)-1].path = "?page=2"
		p.with(first, "GET", "/compare/")
	}
	pull, err := p.client().Compare(ctx, "19e1c5032397a95c58fe25760723ffc24cbe0ec8", "4bf07a2f5123f78fc6759bc2ade0c74154c1ba86")
	var body struct {
		Total int `json:"total_commits"`
	}
	p.into(&body)
	p.must(err)
	known := 0
	for _, c := range pull.Commits {
		if c.SHA != "" {
			known++
		}
	}
	if p.N == 18 { // cut: what is not listed is nobody's
		p.want(known == 4 && len(pull.Commits) == 5 && body.Total == 10, "%d commits of %d", known, body.Total)
		return
	}
	p.want(known == body.Total && len(pull.Commits) == body.Total, "%d commits of %d", known, body.Total)
}

// demands reads what a branch demands.
func demands(checks ...string) func(*player) {
	return func(p *player) {
		_, name, _ := strings.Cut(p.Path, "/branches/")
		if strings.Contains(p.Path, "/rules/") {
			p.replay("GET", "/rules/branches/main")
			p.with(p.all[21], "GET", "/branches/main")
		} else {
			p.on("GET", "/rules/branches/", 200, "[]")
			p.replay("GET", "/branches/"+name)
		}
		found, err := p.client().Enforced(ctx, name)
		if p.Status == http.StatusNotFound {
			p.want(err == nil && found.Unknown != "", "%+v, %v", found, err)
			return
		}
		p.want(err == nil && found.Unknown == "" && strings.Join(found.Checks, ",") == strings.Join(checks, ","), "%+v, %v", found, err)
	}
}

// ends merges, and has to end so.
func ends(outcome forge.Outcome, code change.Code, hint string) func(*player) {
	return func(p *player) {
		p.replay("PUT", "/merge")
		result := merge(p)
		p.want(result.Outcome == outcome && result.Decision.Code == code && strings.Contains(result.Hint, hint), "%+v", result)
		p.want(!strings.ContainsAny(result.Detail+result.Hint, "\r\n"), "several lines: %q", result.Detail)
	}
}

// armed asks for an auto-merge, and has to end so.
func armed(outcome forge.Outcome, hint string) func(*player) {
	return func(p *player) {
		p.replay("POST", "#enablePullRequestAutoMerge(")
		p.on("GET", "/check-runs", 200, `{"total_count":1,"check_runs":[{"name":"ci","head_sha":"`+head+`","status":"in_progress","conclusion":null}]}`)
		result := merge(p)
		p.want(result.Outcome == outcome && strings.Contains(result.Hint, hint), "%+v", result)
		p.want(p.asked("enablePullRequestAutoMerge"), "auto-merge is not asked for")
	}
}

// merge merges a pull request of ours by the real rules: `ci` is required, and green unless the recording needs it otherwise.
func merge(p *player) forge.Merge {
	p.viewer("user-1", 1)
	p.state(tip, head)
	p.on("GET", "/compare/", 200, `{"merge_base_commit":{"sha":"`+tip+`"},"total_commits":1,"commits":[{"sha":"`+head+`","commit":{"message":"m"},"author":{"login":"user-1","id":1},"committer":{"login":"user-1","id":1}}]}`)
	p.on("GET", "/check-runs", 200, `{"total_count":1,"check_runs":[{"name":"ci","head_sha":"`+head+`","status":"completed","conclusion":"success"}]}`)
	p.with(p.all[58], "GET", "/status")
	p.on("POST", "#enqueuePullRequest(", 200, `{"data":{"enqueuePullRequest":{"clientMutationId":null}}}`)
	p.on("GET", "/rules/branches/", 200, "[]")
	p.on("GET", "/branches/", 200, `{"name":"main","protected":true,"protection":{"enabled":true,"required_status_checks":{"enforcement_level":"everyone","contexts":["ci"]}}}`)
	client := p.client()
	files := edits()
	plan := change.Set{Base: tip, Updates: []change.Update{{Manifest: "a", Target: "yaml", File: fileName, Key: "$.a", Old: "", New: "1", Version: "1"}}}
	result, err := client.Merge(ctx, forge.Order{Number: 1, Head: head, Method: "squash", Wait: 2 * time.Minute, Message: change.Message{Subject: "This is the title", Body: "And this is the message"},
		Authority: func(_ context.Context, q forge.State) (forge.Answer, error) {
			need := change.Requirement{Mode: change.RequireNamed, Names: []string{"ci"}}
			checks := change.Checks{Runs: q.Checks, Require: need, Enforced: q.Enforced, Waited: q.Waited, Limit: time.Hour}
			rules := change.Rules{Self: change.Identity{ID: 1, Login: "user-1"}, Repository: p.repository(), Branch: "pawl/update", Base: "main", BaseSHA: q.BaseSHA}
			plan.Files = files
			return forge.Answer{Now: change.Authorize(plan, q.Pull, checks, change.View{}, rules), Later: change.MayArm(plan, q.Pull, checks, change.View{}, rules)}, nil
		}})
	p.must(err)
	return result
}

// proposes opens or updates a pull request.
func proposes(check func(p *player, found forge.PullState, made bool, err error)) func(*player) {
	return func(p *player) {
		p.viewer("user-1", 61763026)
		p.replay(p.Method, "/pulls")
		p.on("GET", "/pulls", 200, "[]")
		p.with(p.all[28], "PATCH", "/pulls/")
		p.on("POST", "/labels", 200, "[]")
		found, made, err := p.client(func(c *github.Config) { c.Branch = "test/stable" }).PutPull(ctx, "test/stable", github.Text{Title: "t", Body: "b"})
		check(p, found, made, err)
	}
}

// revises brings an open pull request up to date, whose list is made from a recorded one.
func revises(p *player) error {
	p.viewer("user-1", 61763026)
	p.replay("PATCH", "/pulls/381")
	p.on("GET", "/pulls", 200, strings.ReplaceAll("["+p.all[28].Text()+"]", "owner-1/github-api", p.repository()))
	_, _, err := p.client(func(c *github.Config) { c.Branch, c.Base = "test/stable", "main" }).PutPull(ctx, "test/stable", github.Text{Title: "another", Body: "b"})
	return err
}

// lists reads a list of pull requests; those of that author and branch are ours. Where there is a further page, the
// earlier pull requests have one too.
func lists(login string, id int, base, branch string, want int) func(*player) {
	return func(p *player) {
		p.viewer(login, id)
		p.branches = []string{branch, base}
		p.replay("GET", "/pulls")
		client := p.client(func(c *github.Config) { c.Base, c.Branch = base, branch })
		found, err := client.FindOpen(ctx)
		p.want(err == nil && len(found) == want, "%+v, %v", found, err)
		_, more, err := client.Recent(ctx, 1)
		p.want(err == nil && more == strings.Contains(p.Headers["link"], `rel="next"`), "more: %v, %v", more, err)
	}
}

// checkRuns reads the checks of a commit.
func checkRuns(p *player) {
	p.replay("GET", strings.TrimSuffix(p.Path[strings.LastIndex(p.Path, "/"):], "/"))
	p.on("GET", "/check-runs", 200, `{"total_count":0,"check_runs":[]}`)
	p.with(p.all[58], "GET", "/status")
	found, err := p.client().Checks(ctx, strings.Split(p.Path, "/")[5])
	p.must(err)
	var body struct {
		Runs     []struct{ Name, Status string } `json:"check_runs"`
		Statuses []struct{ Context, State string }
	}
	p.into(&body)
	p.want(len(found) == len(body.Runs)+len(body.Statuses), "%d checks: %+v", len(found), found)
	for i, r := range body.Runs {
		p.want(found[i].Name == r.Name && found[i].Status == r.Status, "%+v", found[i])
	}
	for i, s := range body.Statuses {
		p.want(found[i].Name == s.Context && found[i].Conclusion == s.State, "%+v", found[i])
	}
}

// merged finds out which commit a short name means; what it is, git tells.
func merged(p *player) {
	p.replay("GET", "/commits/")
	_, err := p.client().Commit(ctx, "0123456789")
	p.want(errors.Is(err, forge.ErrNotFound), "%v", err) // git has not got it
	var body struct{ SHA string }
	if p.Status < 400 {
		p.into(&body)
		p.want(p.asked("want "+body.SHA), "another one is asked for")
	}
}

// comments says something.
func comments(p *player) {
	var sent struct{ Body string }
	p.must(jsonInto(p.Request, &sent))
	p.viewer("user-1", 38500045)
	p.replay("POST", "/comments")
	p.on("GET", "/comments", 200, "["+p.Text()+"]")
	client := p.client()
	wrote, err := client.CommentOnce(ctx, 6787, sent.Body)
	p.want(err == nil && !wrote, "it is said twice: %t, %v", wrote, err)
	p.rules[2].body = "[]"
	wrote, err = client.CommentOnce(ctx, 6787, sent.Body)
	p.want(err == nil && wrote, "%t, %v", wrote, err)
}

// labels labels a pull request.
func labels(p *player) {
	p.viewer("user-1", 61763026)
	p.replay("POST", "/labels")
	p.on("GET", "/pulls", 200, "[]")
	p.with(p.all[28], "POST", "/pulls")
	p.with(p.all[28], "PATCH", "/pulls/381")
	found, _, err := p.client(func(c *github.Config) { c.Branch, c.Labels = "test/stable", []string{"Foo", "bAr", "baZ"} }).PutPull(ctx, "test/stable", github.Text{Title: "t", Body: "b"})
	p.want(err == nil && len(found.Labels) == 3, "%+v, %v", found.Labels, err)
	p.want(p.asked(`/labels ["Foo","bAr","baZ"]`), "sent otherwise")
}

// opens opens a repository without a token, through whatever is in the way.
func opens(p *player) {
	r := p.replay("GET", "/repos/"+p.repository())
	r.times = 1
	whole := `{"id":1,"node_id":"R_1","full_name":"owner-1/new","default_branch":"main"}`
	p.on("GET", "/repositories/515436299", 200, whole)
	p.on("GET", "/repos/", 200, whole)
	found, err := p.client(func(c *github.Config) { c.Token = "" }).OpenRepository(ctx)
	p.want(err == nil && found.BaseSHA == tip, "%+v, %v", found, err)
}
