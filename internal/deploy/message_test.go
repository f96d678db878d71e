package deploy_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/deploy"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	const odd = "it's \"quoted\" `ticked` $(touch x) ${HOME} \\n; rm -rf / | & <b> 🚀 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️ żółć 日本 %0a [x] #1 @me"
	tests := []struct{ name, text, want string }{
		{"plain", "central-ledger v1 -> v2", "central-ledger v1 -> v2"},
		{"byte for byte", odd, odd},
		{"first line", "\n \n  title \n\nbody\n", "title"},
		{"says nothing at first", "---\n***\ntitle", "title"},
		{"says nothing at all", "\n...\n---", "..."},
		{"empty", "", "profile update"},
		{"blank", " \n\t\r\n", "profile update"},
		{"invisible", "\u200B\uFEFF\n\x00\x1b", "profile update"},
		{"emoji only", "🚀", "🚀"},
		{"carriage return", "title\rsecond", "title"},
		{"other line ends", "title\u2028second", "title"},
		{"vertical tab", "title\vsecond", "title"},
		{"next line", "title\u0085second", "title"},
		{"tab", "a\tb", "a b"},
		{"control", "a\x00b\x1b[31mc\x7f\u009bd", "ab[31mcd"},
		{"direction", "a\u202Eb\u2066c", "abc"},
		{"no UTF-8", "a\xffb", "a\uFFFDb"},
		{"skip ci", "a [skip ci] b", "a (skip ci) b"},
		{"ci skip", "[CI Skip]", "(CI Skip)"},
		{"skip lint", "[ Skip  lint ]x", "( Skip  lint )x"},
		{"dash", "[ci-skip] [skip_ci]", "(ci-skip) (skip_ci)"},
		{"no ci", "[no ci] [NO-CI]", "(no ci) (NO-CI)"},
		{"skip actions", "[skip actions][actions skip]", "(skip actions)(actions skip)"},
		{"across a tab", "[skip\tci]", "(skip ci)"},
		{"across an invisible character", "[skip\u200B ci]", "(skip ci)"},
		{"across a control character", "[sk\x00ip ci]", "(skip ci)"},
		{"nested", "[skip [skip ci]ci]", "(skip (skip ci)ci)"},
		{"doubled", "[[skip ci]]", "((skip ci))"},
		{"long s", "[\u017Fkip ci]", "(\u017Fkip ci)"},
		{"other brackets stay", "[x] [noci.example] list[0]", "[x] [noci.example] list[0]"},
		{"across lines", "[skip\nci]", "[skip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := deploy.Message(tt.text); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestMessageIsBounded(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("x", 10_000), strings.Repeat("🚀", 3000), "a" + strings.Repeat("ż", 5000), strings.Repeat("-", 2000) + "a", strings.Repeat("[skip ci", 1000)} {
		got := deploy.Message(text)
		if len(got) > deploy.MaxMessage || len(got) < deploy.MaxMessage-3-utf8.UTFMax || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
			t.Errorf("%d bytes: %.20q...", len(got), got)
		}
	}
	if exact := strings.Repeat("x", deploy.MaxMessage); deploy.Message(exact) != exact {
		t.Error("a message that fits is cut")
	}
}

// marked is what GitLab and the linter look for.
var marked = regexp.MustCompile(`(?i)\[\s*(ci[\s_-]*skip|skip[\s_-]*ci|skip[\s_-]*lint|lint[\s_-]*skip|no[\s_-]*ci)\s*\]`)

func FuzzMessage(f *testing.F) {
	for _, seed := range []string{"", "title", "[skip ci]", "[[skip ci]]\x00", "\u2028\n🚀", "[sk\u200Bip\tci]", "\xff[no\u00a0ci]", strings.Repeat("[skip", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := deploy.Message(text)
		switch {
		case got == "" || len(got) > deploy.MaxMessage || !utf8.ValidString(got):
			t.Errorf("%q from %q", got, text)
		case strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsAny(got, "\u2028\u2029"):
			t.Errorf("control characters in %q", got)
		case marked.MatchString(got):
			t.Errorf("a mark in %q", got)
		case deploy.Message(got) != got:
			t.Errorf("%q becomes %q the second time", got, deploy.Message(got))
		}
	})
}
