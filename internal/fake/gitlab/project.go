package gitlab

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	commitURL = "CD_COMMIT_URL"
	// payload is the variable that GitLab adds to a triggered pipeline: a file with what was sent, without the token
	// (https://docs.gitlab.com/ee/ci/triggers/#access-webhook-payload).
	payload = "TRIGGER_PAYLOAD"
)

// Project is one project of the server.
type Project struct {
	server    *Server
	path      string
	settings  Settings
	pipelines []*Pipeline
	late      []lateTrigger
	faults    []*Fault
}

// lateTrigger is a trigger whose pipeline is still being made.
type lateTrigger struct {
	at   time.Time
	make func()
}

// Pipeline is one pipeline.
type Pipeline struct {
	ID, IID                  int64
	Status, Ref, SHA, Source string
	Created, Updated         time.Time
	// Started and Finished are zero until then.
	Started, Finished time.Time
	Variables         map[string]string
	// Inputs are those that it was started with.
	Inputs map[string]any
	// YAMLErrors says why it failed before any job.
	YAMLErrors string

	left []string // the statuses still to come
}

// Path returns the project's full path.
func (p *Project) Path() string { return p.path }

// TriggerURL returns the project's trigger endpoint by number.
func (p *Project) TriggerURL() string { return p.endpoint(fmt.Sprint(p.settings.ID)) }

// TriggerPathURL returns the project's trigger endpoint by URL-encoded path.
func (p *Project) TriggerPathURL() string { return p.endpoint(url.PathEscape(p.path)) }

func (p *Project) endpoint(id string) string {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return p.server.address.String() + api + "projects/" + id + "/trigger/pipeline"
}

// Pipelines returns copies of all pipelines, oldest first.
func (p *Project) Pipelines() []Pipeline {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.arrive()
	var all []Pipeline
	for _, one := range p.pipelines {
		c := *one
		c.Variables, c.Inputs, c.left = maps.Clone(one.Variables), maps.Clone(one.Inputs), nil
		all = append(all, c)
	}
	return all
}

// Count returns how many pipelines that run jobs the project has for a CD_COMMIT_URL.
func (p *Project) Count(url string) int { return p.server.Counts()[Key{p.path, url}] }

// Add makes a pipeline as somebody else does, from another source such as push.
func (p *Project) Add(source, ref string, variables map[string]string) Pipeline {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return *p.add(source, ref, variables)
}

// SetStatuses says what the pipelines made from now on go through.
func (p *Project) SetStatuses(statuses ...string) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.settings.Statuses = statuses
}

// Revoke makes a trigger token worthless.
func (p *Project) Revoke(token string) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.settings.Triggers = slices.DeleteFunc(slices.Clone(p.settings.Triggers), func(t string) bool { return t == token })
}

func (p *Project) add(source, ref string, variables map[string]string) *Pipeline {
	p.server.lastID++
	now := p.server.now()
	sha := sha1.Sum([]byte(p.path + "@" + ref))
	statuses := p.settings.Statuses
	if p.settings.YAMLErrors != "" || len(statuses) == 0 {
		statuses = []string{"failed"}
	}
	one := &Pipeline{
		ID: p.server.lastID, IID: int64(len(p.pipelines) + 1), Status: statuses[0], left: statuses[1:], Ref: ref,
		SHA: hex.EncodeToString(sha[:]), Source: source, Created: now, Updated: now, Variables: variables, YAMLErrors: p.settings.YAMLErrors,
	}
	p.pipelines = append(p.pipelines, one)
	return one
}

// arrive makes the pipelines of late triggers as far as the clock has moved.
func (p *Project) arrive() {
	now := p.server.now()
	var waiting []lateTrigger
	for _, l := range p.late {
		if l.at.After(now) {
			waiting = append(waiting, l)
			continue
		}
		l.make()
	}
	p.late = waiting
}

// look moves the pipeline to its next status.
func (p *Project) look(one *Pipeline) {
	if len(one.left) > 0 {
		one.Status, one.left, one.Updated = one.left[0], one.left[1:], p.server.now()
	}
	switch one.Status {
	case "running", "manual":
		one.begin(one.Updated)
	case "success", "failed", "canceled":
		one.begin(one.Updated)
		if one.Finished.IsZero() {
			one.Finished = one.Updated
		}
	}
}

// begin notes when a pipeline first ran.
func (one *Pipeline) begin(at time.Time) {
	if one.Started.IsZero() {
		one.Started = at
	}
}

func (p *Project) pipeline(id string) *Pipeline {
	for _, one := range p.pipelines {
		if fmt.Sprint(one.ID) == id {
			return one
		}
	}
	return nil
}

// basic is what a list says of a pipeline.
func (p *Project) basic(one *Pipeline) obj {
	out := obj{
		"id": one.ID, "iid": one.IID, "project_id": p.settings.ID, "sha": one.SHA, "ref": one.Ref, "status": one.Status,
		"source": one.Source, "created_at": p.stamp(one.Created), "updated_at": p.stamp(one.Updated), "name": nil,
		"web_url": fmt.Sprintf("%s/%s/-/pipelines/%d", p.server.address, p.path, one.ID),
	}
	if p.settings.Old {
		maps.DeleteFunc(out, func(name string, _ any) bool {
			return slices.Contains([]string{"iid", "source", "name", "project_id"}, name)
		})
	}
	return out
}

// translated are GitLab's words for a status as a person reads them, in a language of theirs.
var translated = map[string]string{"created": "erstellt", "pending": "ausstehend", "running": "läuft", "success": "bestanden",
	"failed": "fehlgeschlagen", "canceled": "abgebrochen", "skipped": "übersprungen", "manual": "manuelle Aktion"}

// whole is everything of a pipeline.
func (p *Project) whole(one *Pipeline) obj {
	out := p.basic(one)
	var problem any
	if one.YAMLErrors != "" {
		problem = one.YAMLErrors
	}
	maps.Copy(out, obj{
		"before_sha": strings.Repeat("0", 40), "tag": false, "yaml_errors": problem,
		"user":       obj{"id": 1, "username": "root", "name": "Administrator", "state": "active", "locked": false, "avatar_url": nil, "web_url": p.server.address.String() + "/root"},
		"started_at": p.stampOrNil(one.Started), "finished_at": p.stampOrNil(one.Finished), "committed_at": nil,
		"duration": seconds(one.Started, one.Finished), "queued_duration": seconds(one.Created, one.Started),
		"coverage": p.settings.Coverage,
		"detailed_status": obj{"icon": "status_" + one.Status, "text": translated[one.Status], "label": translated[one.Status], "group": one.Status,
			"tooltip": translated[one.Status], "has_details": true, "details_path": fmt.Sprintf("/%s/-/pipelines/%d", p.path, one.ID),
			"illustration": nil, "favicon": "/assets/ci_favicons/favicon_status_" + one.Status + ".png"},
	})
	return out
}

// seconds is how long something took, null until it is over.
func seconds(from, to time.Time) any {
	if from.IsZero() || to.IsZero() {
		return nil
	}
	return int(to.Sub(from).Seconds())
}

func (p *Project) stampOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return p.stamp(t)
}

func (p *Project) stamp(t time.Time) string {
	return t.In(p.server.options.Zone).Format("2006-01-02T15:04:05.000Z07:00")
}
