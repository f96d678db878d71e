package gitlab

import (
	"regexp"
	"testing"
)

// TestTexts shows that no text of ours is one that GitLab carries out.
func TestTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/merge":                `\/merge`,
		"a\n/close\nb":          "a\n\\/close\nb",
		"  /label ~x":           `  \/label ~x`,
		"> /approve":            `> \/approve`,
		"a\r/close":             "a\r\\/close",
		"a\r\n/close":           "a\r\n\\/close",
		"a / b and https://x/y": "a / b and https://x/y",
		"| a/b | c |":           "| a/b | c |",
		"":                      "",
	} {
		if got := safeText(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	for title, want := range map[string]string{
		"Draft: x": "Update: Draft: x", "[WIP] x": "Update: [WIP] x", " (draft) x": "Update: (draft) x", "fixup! x": "Update: fixup! x",
		"Update a": "Update a", "Drafting a": "Drafting a",
	} {
		if got := safeTitle(title); got != want {
			t.Errorf("%q becomes %q, want %q", title, got, want)
		}
	}
	for message, want := range map[string]string{
		"a [skip ci]": "a [skip_ci]", "a\n\n[ci skip] b": "a\n\n[skip_ci] b", "a [SKIP-CI]": "a [SKIP_ci]", "skip ci": "skip ci", "Draft: [ci skip]": "Update: Draft: [skip_ci]",
	} {
		if got := safeMessage(message); got != want {
			t.Errorf("%q becomes %q, want %q", message, got, want)
		}
	}
}

// FuzzTexts looks for a text that still begins a line with a slash, or that is changed twice.
func FuzzTexts(f *testing.F) {
	f.Add("a\n /merge\r/x\n>> /y")
	command := regexp.MustCompile(`(?m)(^|\r)[ \t>]*/[a-z]`)
	f.Fuzz(func(t *testing.T, text string) {
		safe := safeText(text)
		if command.MatchString(safe) {
			t.Errorf("%q becomes %q", text, safe)
		}
		if again := safeText(safe); again != safe {
			t.Errorf("%q becomes %q, then %q", text, safe, again)
		}
		if title := safeTitle(text); drafts().MatchString(title) {
			t.Errorf("%q becomes the title %q", text, title)
		}
		if message := safeMessage(text); skips().MatchString(message) {
			t.Errorf("%q becomes the message %q", text, message)
		}
	})
}
