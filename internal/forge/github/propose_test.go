package github_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{AutoMerge: true, NoRebase: true}, func(o *fake.Options) {
		o.Identities["soon"] = fake.Identity{Login: "soon", ExpiresAt: o.Now().AddDate(0, 0, 10)}
	})
	ctx := context.Background()
	found, err := w.connect("soon").OpenRepository(ctx)
	w.must(err)
	if found.Base != "main" || found.BaseSHA != w.repo.Head("main") || !found.AutoMerge || found.Self.Login != "soon" || found.Self.ID == 0 {
		t.Errorf("opened %+v", found)
	}
	if diff := cmp.Diff([]string{"squash", "merge"}, found.Methods); diff != "" {
		t.Error(diff)
	}
	if want := w.time.now().AddDate(0, 0, 10); !found.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", found.Expires, want)
	}
	app, err := w.connect("app").OpenRepository(ctx)
	w.must(err)
	if app.Self.ID == 0 || app.Name != "acme/profile" {
		t.Errorf("as an app: %+v", app)
	}
	anonymous, err := w.connect("", func(c *github.Config) { c.Base = "main" }).OpenRepository(ctx)
	w.must(err)
	if anonymous.BaseSHA != found.BaseSHA || anonymous.Self.Login != "" {
		t.Errorf("anonymously: %+v", anonymous)
	}
	_, err = w.connect(token, func(c *github.Config) { c.Base = "absent" }).OpenRepository(ctx)
	if err == nil || !strings.Contains(advice(err), "forge: {base") {
		t.Errorf("no base: %v", err)
	}
}

func TestProposeIsRepeatable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	head, p := w.propose()
	if text, _ := w.repo.File(head.HeadSHA, file); string(text) != after || head.Done != "opened" {
		t.Fatalf("published %q", text)
	}
	got, _ := w.repo.Pull(p.Number)
	if got.Title != "Bump a" || got.Author != "pawl-bot" || got.Head != "pawl/update" || !cmp.Equal(got.Labels, []string{"dependencies"}) {
		t.Errorf("opened %+v", got)
	}
	since := len(w.fake.Calls())
	again, same := w.propose()
	if again.HeadSHA != head.HeadSHA || again.Done != "unchanged" || same.Number != p.Number {
		t.Errorf("again: %+v %+v", again, same)
	}
	if writes := w.writes(since); len(writes) != 0 {
		t.Errorf("the second time wrote %v", writes)
	}
}

// TestEveryKillConverges breaks each writing call, before it is applied and after, and starts again.
func TestEveryKillConverges(t *testing.T) {
	t.Parallel()
	for _, apply := range []bool{false, true} {
		for write := 1; write <= 4; write++ {
			w := newWorld(t, fake.Settings{}, nil)
			w.fake.Inject(fake.Fault{Write: write, Apply: apply})
			run := func(c *github.Client) error {
				_, err := w.publish(c, w.repo.Head("main"), edits(), "Bump a\n\nwhy\n\nPawl-Chain: x\n")
				return err
			}
			failed := run(w.client)
			if failed != nil && errors.Is(failed, forge.ErrMoved) {
				t.Errorf("write %d, applied %v: %v", write, apply, failed)
			}
			w.must(run(w.connect(token)))
			pulls := w.repo.Pulls()
			if len(pulls) != 1 || pulls[0].State != "open" || !cmp.Equal(pulls[0].Labels, []string{"dependencies"}) {
				t.Errorf("write %d, applied %v: pulls %+v", write, apply, pulls)
			}
			if log := w.repo.Log("pawl/update"); len(log) != 2 || !strings.HasPrefix(log[0].Message, "Bump a\n") {
				t.Errorf("write %d, applied %v: %+v", write, apply, log)
			}
		}
	}
}
