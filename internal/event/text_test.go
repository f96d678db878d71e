package event_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fake/cdevents"
	"github.com/pawl-cd/pawl/internal/source"
)

const canary = "glpat-C4n/ry+Token=="

// redact removes the canary as it is, URL-encoded and in base64, as the callers do.
func redact(text string) string {
	for _, form := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary), base64.StdEncoding.EncodeToString([]byte(canary))} {
		text = strings.ReplaceAll(text, form, "***")
	}
	return text
}

// infect puts a text into every string of a value.
func infect(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + text)
	case reflect.Struct:
		if v.Type().String() == "time.Time" {
			return
		}
		for i := range v.NumField() {
			infect(v.Field(i), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			infect(v.Index(i), text)
		}
	}
}

// TestSecrets puts a secret into every text that an event is made of, in every form, and looks for it in every attribute.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{canary, url.QueryEscape(canary), base64.StdEncoding.EncodeToString([]byte(canary))} {
		a := about()
		a.Redact = redact
		told := 0
		for _, m := range infected(t, a, " "+secret) {
			told++
			text := fmt.Sprintf("%+v %s", m, m.Body)
			for _, form := range []string{"C4n", "ry%2BToken", "ry+Token", base64.StdEncoding.EncodeToString([]byte(canary))} {
				if strings.Contains(text, form) {
					t.Errorf("%q in %s", form, m.Body)
				}
			}
			if err := cdevents.Validate(m.Body); err != nil {
				t.Errorf("%s: %v", m.Body, err)
			}
		}
		if told != 16 {
			t.Errorf("%d events", told)
		}
	}
}

// infected tells each step once, with a text in every string.
func infected(t *testing.T, a event.About, text string) []event.Message {
	t.Helper()
	redact := a.Redact
	a.Trigger, a.Run, a.Pipeline, a.Chain = a.Trigger+text, a.Run+text, a.Pipeline+text, a.Chain+text
	a.URI, a.Forge, a.RepositoryURL = a.URI+text, a.Forge+"/"+text, a.RepositoryURL+text
	a.Repository, a.Redact = a.Repository+text, redact
	w := teller(t, a)
	c, p, q, at := pull(7), deployment(), event.Query{Registry: "r", Repository: "x", Err: "failed"}, at(0)
	f := event.Find{Update: updates()[0], Announced: true}
	r := event.Rewrite{File: "f", Updates: updates()}
	b := event.Branch{Name: "b", Updates: updates()}
	merge := event.Merge{Commit: "c"}
	end := event.Finish{Outcome: event.Failure, Errors: []string{"e"}}
	for _, v := range []any{&c, &p, &q, &f, &r, &b, &merge} {
		infect(reflect.ValueOf(v).Elem(), text)
	}
	end.Errors[0] += text
	return []event.Message{w.Queued(at), w.Started(at), w.Queried(q), w.Found(f), w.Rewritten(r), w.BranchCreated(b), w.ChangeCreated(c),
		w.ChangeUpdated(c), w.AutoMergeEnabled(c, at), w.ChangeMerged(c, merge),
		w.ChangeAbandoned(c, event.Abandon{Reason: event.Withdrawn}), w.PipelineQueued(p, at), w.PipelineStarted(p, at),
		w.PipelineFinished(p, "failed"+text, at), w.Finished(end), w.Finished(event.Finish{Outcome: event.Success, Result: event.Noop})}
}

// TestUserInfo: who asks where is nobody's business, in URIs and in prose.
func TestUserInfo(t *testing.T) {
	t.Parallel()
	const login = "https://me:hunter2@"
	a := about()
	for _, u := range []*string{&a.Source, &a.URI, &a.Forge, &a.RepositoryURL} {
		*u = strings.Replace(*u, "https://", login, 1)
	}
	w := teller(t, a)
	c, p, chart := pull(7), deployment(), source.ChartArtifact(login+"charts.example/", "redis", "1.0.0")
	c.URI, p.URI, p.Server = login+"github.com/x", login+"gitlab.example/x", login+"gitlab.example"
	c.Updates[0].Artifact = chart
	c.Updates[1].Artifact = source.ReleaseArtifact(login+"ghe.example/api/v3", "o", "r", "1")
	c.Updates[2].Artifact.Repository = login + "other.example"
	c.Title = "see " + login + "github.com and git+ssh://token@host/x"
	failed := `Get "` + login + `docker.io/v2/": dial tcp: refused`
	for _, m := range []event.Message{w.Started(at(0)), w.ChangeCreated(c), w.PipelineQueued(p, at(0)), w.Found(event.Find{Update: c.Updates[0]}),
		w.Queried(event.Query{Registry: login + "docker.io", Repository: "x", Err: failed})} {
		if text := string(m.Body) + m.Source + m.Subject; strings.Contains(text, "hunter2") || strings.Contains(text, "me:") || strings.Contains(text, "token@") {
			t.Errorf("%s", m.Body)
		}
	}
	if m := w.Started(at(0)); m.Source != about().Source || !strings.Contains(string(m.Body), about().URI) {
		t.Errorf("more than the user is gone: %s", m.Body)
	}
}

// TestErrors: of each error the first line, bounded, on a character's edge.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		errors []string
		want   string
	}{
		{nil, ""},
		{[]string{"", "  \n"}, ""},
		{[]string{"  asking r:\t503 \n<html>body</html>", "b"}, "asking r: 503; b"},
		{[]string{strings.Repeat("ü", 400)}, strings.Repeat("ü", 248) + "..."},
	} {
		got, _ := parse(t, teller(t, about()).Finished(event.Finish{Outcome: event.Failure, Errors: c.errors})).Subject.Content["errors"].(string)
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.errors, got, c.want)
		}
	}
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprint("error é ", i)
	}
	got := parse(t, teller(t, about()).Finished(event.Finish{Errors: many})).Subject.Content["errors"].(string)
	if len(got) > 2000 || !strings.HasSuffix(got, "...") || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
}

// TestURI: what is no absolute URI is left out, or replaced where the specification wants one.
func TestURI(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "pull/7", "mailto:a@b", "https://h/%zz", "http://[", "https://h/" + strings.Repeat("x", 3000)} {
		a, c, p := about(), pull(7), deployment()
		a.URI, c.URI, p.URI = text, text, text
		w := teller(t, a)
		for _, m := range []event.Message{w.Started(at(0)), w.ChangeCreated(c), w.PipelineStarted(p, at(0))} {
			if err := cdevents.Validate(m.Body); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
		if got := parse(t, w.Started(at(0))).Subject.Content["uri"]; got != "https://github.com/acme/profile/runs/7812345678-1" {
			t.Errorf("%q becomes %v", text, got)
		}
		if got, found := parse(t, w.ChangeCreated(c)).CustomData.Pawl["uri"]; found {
			t.Errorf("%q becomes %v", text, got)
		}
	}
}
