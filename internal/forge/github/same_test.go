package github_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

// TestWhatComesBackChanged sends texts that GitHub gives back otherwise: none of them is sent again.
func TestWhatComesBackChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx, base := context.Background(), w.repo.Head("main")
	text := github.Text{Title: " Bump a ", Body: "line\n\n| a | b |\n", Labels: []string{" Wanted ", "DEPENDENCIES"}}
	said := forge.PullText{Message: change.Message{Subject: " Bump a", Body: "why \t\n"}, Title: text.Title, Body: text.Body, Labels: text.Labels}
	p, err := w.client.Propose(ctx, change.Set{Base: base, Files: edits()}, said)
	w.must(err)
	for name, comes := range map[string]string{"as sent": text.Body, "with CRLF": strings.ReplaceAll(text.Body, "\n", "\r\n"), "cut": strings.TrimSpace(text.Body)} {
		title := strings.TrimSpace(text.Title)
		w.must(w.repo.Edit(p.Number, &title, &comes))
		before := w.fake.Writes()
		again, err := w.client.Propose(ctx, change.Set{Base: base, Files: edits()}, said)
		w.must(err)
		if again.Done != "unchanged" || again.HeadSHA != p.HeadSHA || w.fake.Writes() != before {
			t.Errorf("%s: it is written again: %+v, %q", name, again, w.writes(0))
		}
	}
	if _, err := w.client.CommentOnce(ctx, p.Number, "said\n"); err != nil {
		t.Fatal(err)
	}
	if wrote, err := w.client.CommentOnce(ctx, p.Number, "said"); wrote || err != nil {
		t.Errorf("the comment is written again: %t, %v", wrote, err)
	}
}

// TestWithdrawnInABrowser closes a pull request whose body comes back with CRLF and an empty line at its end: it still
// counts as closed by pawl.
func TestWithdrawnInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	_, p := w.propose()
	_, err := w.client.Close(context.Background(), p)
	w.must(err)
	shown, _ := w.repo.Pull(p.Number)
	body := strings.ReplaceAll(shown.Body, "\n", "\r\n") + "\r\n"
	w.must(w.repo.Edit(p.Number, nil, &body))
	pulls, _, err := w.client.Recent(context.Background(), 1)
	w.must(err)
	if len(pulls) != 1 || !pulls[0].Withdrawn {
		t.Errorf("it counts as a person's no: %+v", pulls)
	}
}
