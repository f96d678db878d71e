package deploy

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxMessage bounds a message, in bytes.
	MaxMessage = 1000
	// noMessage stands for a text that says nothing.
	noMessage = "profile update"
	more      = "..."
)

// skipMark is what makes a pipeline or a linter not run, in every order and spelling that any of them accepts:
// [skip ci], [ci skip], [no ci], [skip lint], [ci-skip]...
// (https://docs.gitlab.com/ee/ci/pipelines/#skip-a-pipeline).
var skipMark = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\[([^\[\]]*skip[^\[\]]*|[^\[\]\pL\pN]*no[^\[\]\pL\pN]*ci[^\[\]\pL\pN]*)\]`)
})

// Message returns the first line of a commit message that says something, as one line that is safe as the title of
// another commit: without control and invisible characters, with the brackets of a mark such as [skip ci] made round,
// and at most MaxMessage bytes long, never empty. Everything else stays byte for byte. Twice is once.
func Message(text string) string {
	fallback := noMessage
	for line := range strings.FieldsFuncSeq(strings.ToValidUTF8(text, "\uFFFD"), breaksLine) {
		line = strings.TrimSpace(strings.Map(visible, line))
		if strings.ContainsFunc(line, speaks) {
			return inert(cut(line))
		}
		if line != "" && fallback == noMessage {
			fallback = inert(cut(line))
		}
	}
	return fallback
}

func breaksLine(r rune) bool {
	return strings.ContainsRune("\n\r\v\f\u0085\u2028\u2029", r)
}

// speaks reports whether a character is more than punctuation.
func speaks(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r) }

// visible drops control characters, and format characters except those that emoji and scripts are joined with.
func visible(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r == '\u200C', r == '\u200D', r >= 0xE0020 && r <= 0xE007F:
		return r
	case unicode.In(r, unicode.Cc, unicode.Cf):
		return -1
	}
	return r
}

// cut bounds a line at a whole character.
func cut(line string) string {
	if len(line) <= MaxMessage {
		return line
	}
	end := MaxMessage - len(more)
	for !utf8.RuneStart(line[end]) {
		end--
	}
	return strings.TrimSpace(line[:end]) + more
}

// inert makes the brackets of skip marks round until none is left; each turn takes two away.
func inert(line string) string {
	for {
		next := skipMark().ReplaceAllString(line, "($1)")
		if next == line {
			return line
		}
		line = next
	}
}
