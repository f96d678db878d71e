package change_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
)

// TestWords words a set as a team wants it; the updates and the trailers stay whatever the words are.
func TestWords(t *testing.T) {
	t.Parallel()
	set := change.Set{Base: "b", Chain: "c", Updates: []change.Update{
		{Manifest: "web", Target: "t", File: "v.yaml", Key: "$.web", Old: "1.0.0", New: "1.1.0"},
		{Manifest: "api", Target: "t", File: "v.yaml", Key: "$.api", Old: "1.0.0", New: "2.0.0"},
	}}
	plain := change.CommitMessage(set)
	for _, c := range []struct{ title, commit, wantTitle, wantSubject, wantLines string }{
		{"", "", change.Title(set), change.Title(set), ""},
		{"chore(deps): {summary}", "", "chore(deps): " + change.Title(set), "chore(deps): " + change.Title(set), ""},
		{"{count} {{x}} of {manifests}", "build: {manifests}", "2 {x} of api, web", "build: api, web", ""},
		{"", "fix: {count}\n\nSigned-off-by: Bot <b@c.example>\n", change.Title(set), "fix: 2", "Signed-off-by: Bot <b@c.example>\n\n"},
		{strings.Repeat("x", 300), "", strings.Repeat("x", 253) + "...", strings.Repeat("x", 253) + "...", ""},
	} {
		s := set
		for text, into := range map[string]*change.Template{c.title: &s.Words.Title, c.commit: &s.Words.Commit} {
			if text == "" {
				continue
			}
			var err error
			if *into, err = change.ParseTemplate(text, true); err != nil {
				t.Fatal(err)
			}
		}
		if c.title == c.commit {
			s.Words = change.Words{}
		}
		message := change.CommitMessage(s)
		if got := change.Title(s); got != c.wantTitle || message.Subject != c.wantSubject || message.Body != c.wantLines+plain.Body {
			t.Errorf("%q, %q: %q, %q, %q", c.title, c.commit, got, message.Subject, message.Body)
		}
		if trailers := change.ParseTrailers(message.String()); len(trailers.Updates) != 2 || trailers.Chain != "c" {
			t.Errorf("%q: the trailers say %+v", c.commit, trailers)
		}
		if s.Digest() != set.Digest() {
			t.Error("words change what a set does")
		}
	}
	if got := change.Title(change.Set{Words: change.Words{}}); got != "" {
		t.Errorf("an empty set is called %q", got)
	}
	long := set
	long.Updates = append(long.Updates, change.Update{Manifest: strings.Repeat("m", 200), File: "v.yaml", Key: "$.m", Old: "1", New: "2"})
	long.Words.Title, _ = change.ParseTemplate("[deps] {summary} (bot)", false)
	if got := change.Title(long); len(got) > change.MaxTitle || !strings.HasPrefix(got, "[deps] ") || !strings.HasSuffix(got, " (bot)") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// TestParseTemplate refuses what is no template.
func TestParseTemplate(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                        "want a text",
		" \n":                     "want a text",
		"{version}":               `{summary}, {count}, {manifests}, have "{version}"`,
		"{}":                      `have "{}"`,
		"{ summary }":             `have "{ summary }"`,
		"a } b":                   "have a single }",
		"{summary":                "have a single {",
		"{{{summary}":             "",
		"{{summary}}":             "",
		"a\x07b":                  "control characters",
		"a\n\nPawl-Update: x":     "trailer",
		"a\n pawl-chain: x":       "trailer",
		strings.Repeat("a", 3000): "at most 2000 bytes",
	} {
		_, err := change.ParseTemplate(text, true)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := change.ParseTemplate("a\nb", false); err == nil {
		t.Error("a title of two lines is accepted")
	}
}
