package cli

import (
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// withEvents is a session of a profile in root with the given settings of events.
func withEvents(t *testing.T, root, events string, env map[string]string) *session {
	t.Helper()
	c, problems := config.Parse(".pawl.yaml", []byte("forge: {repository: acme/profile}\nsecrets: {BOUND: git.example}\nevents: "+events+"\n"))
	if strictyaml.Failed(problems) {
		t.Fatal(problems)
	}
	g := newGlobals(System{Now: time.Now, Out: io.Discard, Err: &strings.Builder{}, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	g.root, g.timeout = root, 5*time.Second
	s := &session{config: c, g: g}
	s.learn("")
	return s
}

// TestSpool shows that events which an earlier version left on this disk are counted, wherever it kept them, and stay there.
func TestSpool(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	root := filepath.Join(base, "profile")
	state := map[string]string{"XDG_STATE_HOME": filepath.Join(base, "state")}
	for i, c := range []struct {
		events string
		env    map[string]string
		dir    string // below base; empty for none
	}{
		{"{}", state, "state/pawl/github.com-acme-profile-6812d516"},
		{"{source: 'https://github.com/acme/profile'}", state, "state/pawl/github.com-acme-profile-6812d516"},
		{"{}", map[string]string{"HOME": filepath.Join(base, "home")}, "home/.local/state/pawl/github.com-acme-profile-6812d516"},
		{"{}", map[string]string{"XDG_STATE_HOME": "state", "HOME": filepath.Join(base, "other")}, "other/.local/state/pawl/github.com-acme-profile-6812d516"},
		{"{outbox: ../spool}", nil, "spool"},
		{"{outbox: " + base + "/spool/deep}", nil, "spool/deep"},
		{"{}", map[string]string{"XDG_STATE_HOME": "state"}, ""},
		{"{outbox: ../none}", state, ""},
	} {
		s := withEvents(t, root, c.events, c.env)
		if c.dir != "" {
			for _, name := range []string{"waiting/http-a/1", "waiting/http-a/2", "waiting/file-b/1", "dead/http-a/3", "new/4"} {
				file := filepath.Join(base, c.dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
		}
		var errs strings.Builder
		s.g.sys.Err = &errs
		s.warnOfSpool()
		want := ""
		if c.dir != "" {
			want = "pawl: warning: 3 events of an earlier version of pawl waiting in " + filepath.Join(base, c.dir) + "\npawl: hint: deliver them with pawl events flush of that version"
		}
		if got := errs.String(); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%d: said %q, want %q", i, got, want)
		}
	}
}

// TestSenderDelivers shows that events reach each sink, and that a refusal that repeats the secrets is told without them.
func TestSenderDelivers(t *testing.T) {
	t.Parallel()
	const token, key = "s3cret/token+x", "s3cret-key"
	r := receiver.New()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	refusing := receiver.New()
	refusing.Set("/", fake.Fault{Status: 400, Body: "no " + token + " and s3cret%2Ftoken%2Bx and " + key})
	refused := httptest.NewServer(refusing)
	t.Cleanup(refused.Close)
	root := t.TempDir()
	s := withEvents(t, root, "{sinks: [{type: file, path: events.jsonl}, {type: http, url: '"+server.URL+"', token: TOKEN, hmac: KEY}, {type: http, url: '"+refused.URL+"', token: TOKEN, hmac: KEY}]}",
		map[string]string{"TOKEN": token, "KEY": key})
	box, err := s.sender(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := event.Message{ID: "1", Source: "https://x.example", Type: "dev.cdevents.change.merged.0.3.0", Subject: "s", Time: time.Unix(1, 0), Body: []byte(`{"context":{}}`)}
	if err := box.Add(m); err != nil {
		t.Fatal(err)
	}
	all := s.delivery(box.Close(t.Context()))
	if data, err := os.ReadFile(filepath.Join(root, "events.jsonl")); err != nil || string(data) != "{\"context\":{}}\n" {
		t.Errorf("the file holds %q, %v", data, err)
	}
	if got := r.Events(); len(got) != 1 || got[0].Header.Get("Authorization") != "Bearer "+token || got[0].Header.Get("X-Pawl-Signature-256") == "" {
		t.Errorf("the receiver has %+v", got)
	}
	delivered, dead, detail := 0, 0, ""
	for _, d := range all {
		delivered, dead, detail = delivered+d.Delivered, dead+d.Dead, detail+d.Detail
	}
	if len(all) != 3 || delivered != 2 || dead != 1 || !strings.Contains(detail, "400") || strings.Contains(detail, "s3cret") {
		t.Errorf("delivery is %+v", all)
	}
	if got := s.delivery(send.Summary{{Sink: "x", Err: errors.New("said " + key)}}); got[0].Detail != "said ***" {
		t.Errorf("detail is %q", got[0].Detail)
	}
}

// TestSenderWithoutSinks shows that nothing is sent when there is nobody to tell.
func TestSenderWithoutSinks(t *testing.T) {
	t.Parallel()
	if sender, err := withEvents(t, t.TempDir(), "{}", nil).sender(nil); sender != nil || err != nil {
		t.Errorf("sender is %v, error %v", sender, err)
	}
}
