package recorded_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/deploy/gitlab"
	"github.com/pawl-cd/pawl/internal/dispatch"
	actions "github.com/pawl-cd/pawl/internal/dispatch/github"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/githubrelease"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

func jsonInto(data []byte, v any) error { return json.Unmarshal(data, v) }

// dispatches starts a workflow.
func dispatches(hint string) func(*player) {
	return func(p *player) {
		p.replay("POST", "/dispatches")
		client, err := actions.New(actions.Config{HTTP: p.http(), Workflow: "docker-image.yaml"})
		p.must(err)
		run, err := client.Dispatch(ctx, dispatch.Target{Repository: p.repository(), Variable: "DOWNSTREAM_X", Token: "t0ken"}, dispatch.Request{Ref: "main"})
		if p.Status >= 400 {
			p.want(err != nil && strings.Contains(advice(err), hint), "%v; hint %q", err, advice(err))
			return
		}
		var body struct {
			Run int64 `json:"workflow_run_id"`
		}
		_ = jsonInto([]byte(p.Text()), &body)
		p.want(err == nil && run.ID == body.Run, "%+v, %v", run, err)
	}
}

// releases lists releases, in the order in which they have to come.
func releases(tags ...string) func(*player) {
	return func(p *player) {
		p.replay("GET", "/releases").times = 1
		p.on("GET", "/releases", 200, "[]")
		listing, err := githubrelease.New(githubrelease.Config{HTTP: p.http()}).List(ctx, source.Query{Kind: source.GitHubRelease, Host: "api.github.com", Base: source.GitHubAPI, Path: p.repository()})
		var empty *source.EmptyError
		if errors.As(err, &empty) {
			err = nil
		}
		var got []string
		for _, r := range listing {
			got = append(got, r.Tag)
		}
		p.want(err == nil && slices.Equal(got, tags), "%q, want %q: %v", got, tags, err)
		if strings.Contains(p.Headers["link"], `rel="next"`) {
			p.want(p.asked("page=2"), "the next page is not asked for")
		}
	}
}

// releaseHeaders lists releases under recorded headers, which say something else besides.
func releaseHeaders(p *player) {
	r := p.replay("GET", "/releases")
	r.body = `[{"id":1,"tag_name":"v1","created_at":"2026-01-01T00:00:00Z","published_at":"2026-01-01T00:00:00Z"}]`
	listing, err := githubrelease.New(githubrelease.Config{HTTP: p.http()}).List(ctx, source.Query{Kind: source.GitHubRelease, Host: "api.github.com", Base: source.GitHubAPI, Path: "owner-1/repo"})
	p.want(err == nil && len(listing) == 1 && len(p.seen) == 1, "%+v, %v", listing, err)
}

// project is one at the GitLab of the recording.
func (p *player) project() (*gitlab.Client, deploy.Project) {
	id := "1"
	if parts := strings.Split(p.Path, "/"); len(parts) > 4 {
		id = parts[4]
	}
	client := gitlab.New(gitlab.Config{HTTP: p.http(), Token: func(string) string { return "t0ken" }, Now: p.now, Sleep: p.sleep})
	return client, deploy.Project{Name: "dev", URL: "https://" + p.Host + "/api/v4/projects/" + id + "/trigger/pipeline", Secret: "TRIGGER", API: "READ"}
}

// triggers fires a pipeline.
func triggers(state deploy.State, status string) func(*player) {
	return func(p *player) {
		p.replay("POST", "/trigger/pipeline")
		client, project := p.project()
		answer := client.Trigger(ctx, project, deploy.Request{Ref: "main", Message: "m", CommitURL: "https://example.org/c"})
		p.want(answer.State == state && answer.Status == status, "%+v", answer)
		if state == deploy.Accepted {
			p.want(answer.PipelineID > 0 && !answer.Created.IsZero() && strings.Contains(answer.URL, "/pipelines/"), "%+v", answer)
		} else {
			p.want(answer.Detail != "" && answer.Hint != "", "%+v", answer)
		}
	}
}

// follows reads a pipeline.
func follows(status string) func(*player) {
	return func(p *player) {
		p.replay("GET", "/pipelines/")
		client, project := p.project()
		id := int64(1)
		if p.Status == http.StatusOK {
			var body struct{ ID int64 }
			p.into(&body)
			id = body.ID
		}
		answer, err := client.Follow(ctx, project, id, 0)
		if p.Status >= 400 {
			p.want(err != nil && advice(err) != "", "%v; hint %q", err, advice(err))
			return
		}
		p.want(err == nil && answer.Status == status, "%+v, %v", answer, err)
	}
}

// pages looks for a pipeline in a list with recorded headers: they say that there is no further page.
func pages(p *player) {
	r := p.replay("GET", "/pipelines")
	r.body = `[{"id":1,"status":"success","ref":"main","web_url":"https://gitlab.com/x/-/pipelines/1"}]`
	p.rules = append([]*rule{{method: "GET", path: "/variables", status: 200, header: http.Header{}, body: `[{"key":"CD_COMMIT_URL","value":"https://example.org/c"}]`}}, p.rules...)
	client, project := p.project()
	answer, found, err := client.Lookup(ctx, project, deploy.Search{CommitURL: "https://example.org/c", Ref: "main"})
	p.want(err == nil && found && answer.PipelineID == 1, "%+v, %t, %v", answer, found, err)
}

// login is a keychain with one login for every host.
type login struct{ name string }

func (l login) Resolve(authn.Resource) (authn.Authenticator, error) {
	if l.name == "" {
		return authn.Anonymous, nil
	}
	return &authn.Basic{Username: l.name, Password: "p4ss"}, nil
}

// repositoryOf is the repository of a recorded path of a registry, and its host as people write it.
func (p *player) image() source.Query {
	path := strings.TrimPrefix(p.Path, "/v2/")
	for _, end := range []string{"/tags/list", "/manifests/"} {
		path, _, _ = strings.Cut(path, end)
	}
	host := p.Host
	if host == "registry-1.docker.io" {
		host = "docker.io"
	}
	if !strings.Contains(p.Path, "/tags/list") && !strings.Contains(p.Path, "/manifests/") {
		path = "org/app"
	}
	return source.Query{Kind: source.Image, Host: host, Path: path}
}

// images lists tags: the recorded page first, and nothing after it.
func images(name string, tags ...string) func(*player) {
	return func(p *player) {
		p.on("GET", "/v2/", 200, "{}").times = 1
		if p.Path == "/v2/" {
			p.rules = nil
			p.replay("GET", "/v2/").times = 1
		}
		if strings.Contains(p.Path, "/tags/list") {
			p.replay("GET", "/tags/list").times = 1
		}
		p.on("GET", "/tags/list", 200, `{"name":"x","tags":["1"]}`)
		p.on("GET", "/token", 200, `{"token":"t"}`)
		listing, err := registry.New(registry.Config{HTTP: p.http(), Keychain: login{name}}).List(ctx, p.image())
		var got []string
		for _, r := range listing {
			got = append(got, r.Tag)
		}
		p.want(err == nil && slices.Equal(got, tags), "%q, want %q: %v", got, tags, err)
	}
}

// refused is a listing that cannot be had, with that in its text or hint.
func refusedImage(texts ...string) func(*player) {
	return func(p *player) {
		p.on("GET", "/token", 200, `{"token":"t"}`)
		if strings.HasPrefix(p.Path, "/token") {
			p.rules = nil
			p.replay("GET", "/token")
		}
		if strings.Contains(p.Path, "/acr/") {
			p.rules = nil
			p.on("GET", "/oauth2/token", 200, `{"access_token":"t"}`)
			p.replay("GET", "/tags/list")
			p.replay("GET", "/v2/").times = 1
		}
		challenge := p.on("GET", "/v2/", 401, "")
		challenge.times = 1
		challenge.header.Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/token",service=%q,scope="repository:org/app:pull"`, p.Host, p.Host))
		p.replay("GET", "/tags/list")
		_, err := registry.New(registry.Config{HTTP: p.http(), Keychain: login{"user"}}).List(ctx, p.image())
		for _, text := range texts {
			p.want(err != nil && strings.Contains(err.Error()+" "+advice(err), text), "want %q: %v; hint %q", text, err, advice(err))
		}
	}
}

// digest asks for a manifest.
func digest(p *player) {
	p.on("GET", "/v2/", 200, "{}").times = 1
	p.replay("HEAD", "/manifests/")
	p.replay("GET", "/manifests/")
	_, tag, _ := strings.Cut(p.Path, "/manifests/")
	got, err := registry.New(registry.Config{HTTP: p.http(), Keychain: login{}}).Digest(ctx, p.image(), tag)
	if p.Status == http.StatusNotFound {
		p.want(errors.Is(err, source.ErrNotFound), "%v", err)
		return
	}
	p.want(err == nil && got == p.Headers["docker-content-digest"], "%q, %v", got, err)
}

// waits is a refusal for too many requests that is waited for.
func waits(least int) func(*player) {
	return func(p *player) {
		p.on("GET", "/v2/", 200, "{}").times = 1
		p.replay("GET", "/tags/list").times = 1
		p.on("GET", "/tags/list", 200, `{"name":"x","tags":["1"]}`)
		listing, err := registry.New(registry.Config{HTTP: p.http(), Keychain: login{}}).List(ctx, p.image())
		var low *httpx.Error
		good := err == nil && len(listing) == 1 || errors.As(err, &low) && low.Wait > 0
		p.want(good && (p.slept.Seconds() >= float64(least) || err != nil), "%+v, %v, slept %s", listing, err, p.slept)
	}
}
