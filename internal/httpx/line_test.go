package httpx

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/redact"
)

// TestLine makes somebody else's words fit for a message.
func TestLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", MaxLine)
	client := New(Config{Redactor: redact.New("s3cret-1")})
	for text, want := range map[string]string{
		"":          "",
		" plain\t ": "plain",
		"Repository rule violations found\n\nCommits must have verified signatures.\n\n": "Repository rule violations found Commits must have verified signatures.",
		"a\r\nb\x1b[31mc\u202ed\xff": "a b [31mc?d?",
		"the s3cret-1 is s3cret-1":   "the *** is ***",
		long:                         strings.Repeat("ä", MaxLine/2) + "...",
	} {
		if got := client.Line(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
