package github_test

import (
	"context"
	"strings"
	"testing"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

// TestWhatComesBackChanged sends texts that GitHub gives back otherwise: none of them is sent again.
func TestWhatComesBackChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{}, nil)
	ctx, base := context.Background(), w.repo.Head("main")
	const message = "\n Bump a\r\n\r\nwhy \t\n\n"
	text := github.Text{Title: " Bump a ", Body: "line\n\n| a | b |\n", Labels: []string{" Wanted ", "DEPENDENCIES"}}
	head, err := w.client.Publish(ctx, base, edits(), message)
	w.must(err)
	p, _, err := w.client.PutPull(ctx, head.Branch, text)
	w.must(err)
	for name, comes := range map[string]string{"as sent": text.Body, "with CRLF": strings.ReplaceAll(text.Body, "\n", "\r\n"), "cut": strings.TrimSpace(text.Body)} {
		title := strings.TrimSpace(text.Title)
		w.must(w.repo.Edit(p.Number, &title, &comes))
		before := w.fake.Writes()
		again, err := w.client.Publish(ctx, base, edits(), message)
		w.must(err)
		_, _, err = w.client.PutPull(ctx, head.Branch, text)
		w.must(err)
		if again.Changed || again.SHA != head.SHA || w.fake.Writes() != before {
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
