package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/policy"
)

// quoted is a message as it is printed: several words in backquotes.
var quoted = regexp.MustCompile("`[^`]+ [^`]+`")

// TestManual holds the troubleshooting page against everything that a link can lead to: each topic has an entry that
// shows a message and says what to do, and no entry is left over.
func TestManual(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^### `).Split(string(text), -1)[1:] {
		name, body, _ := strings.Cut(part, "\n")
		body, _, _ = strings.Cut(body, "\n## ")
		entries[name] = strings.TrimSpace(body)
	}
	wanted := topics(t)
	for _, topic := range wanted {
		if !quoted.MatchString(entries[topic]) || !strings.Contains(entries[topic], "**Do:**") {
			t.Errorf("the entry %s shows no message, or not what to do: %s", topic, entries[topic])
		}
	}
	for name := range entries {
		if !slices.Contains(wanted, name) {
			t.Errorf("nothing leads to the entry %s", name)
		}
	}
}

// topics are the constants of help.go, the reasons of plans and the codes of merges.
func topics(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "help.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "topic" {
			text, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			all = append(all, text)
		}
		return false
	})
	if len(all) < 30 {
		t.Fatalf("%d topics found in help.go", len(all))
	}
	for _, r := range policy.Reasons() {
		all = append(all, string(topicOfOutcome(r, nil)))
	}
	for _, c := range change.Codes() {
		all = append(all, string(topicOfCode(c)))
	}
	return all
}
