package strictyaml

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSyntax names the line that a person has to change, not the one where its block begins.
func TestSyntax(t *testing.T) {
	t.Parallel()
	const top = "sources:\n  web:\n    kind: dockerimage\n    spec:\n      image: org/app\n"
	for name, c := range map[string]struct{ in, want string }{
		"too far left":       {top + "     versionfilter: '*'\ntargets:\n  t: {}\n", "6:6: this line does not fit the block above it (indent it like its neighbours, or correct the line above when that one is off)"},
		"too far left later": {top + "targets:\n  t:\n    kind: yaml\n   spec: {}\n", "9:4: this line does not fit the block above it (indent it like its neighbours, or correct the line above when that one is off)"},
		"too far right":      {top + "        versionfilter: '*'\n", "6:9: there is a colon where no key can be (indent the line like its neighbours; put quotes around a value that holds a colon)"},
		"a second colon":     {"a: 1\nb: c: d\n", "2:1: there is a colon where no key can be (indent the line like its neighbours; put quotes around a value that holds a colon)"},
		"no colon":           {"a:\n- b\nc\nd: e\n", "3:1: there is no colon after a key (look at this line and the one before: write key: value)"},
		"a list and a key":   {"a:\n  - b\n  c: d\n", "3:3: this line does not fit the list above it (begin it with - like its neighbours, or indent it as part of the item above)"},
		"an open bracket":    {"a: 1\nb: [x,\n  y\nc: d\ne: f\n", "2:1: a bracket is not closed (close the bracket that is opened here, and put commas between what is in it)"},
		"an open quote":      {"a: [x,\n  y]\nb: 'x\nc: d\ne: f\n", "3:1: a quote is not closed (close the quote that is opened here)"},
		"text after a quote": {"a: 1\nb: \"x\" y\nc: d\n", "2:1: there is text after the closing quote (put the quotes around the whole value)"},
		"a tab":              {"a: 1\nb:\n\tc: d\n", "3:2: a tab stands where indentation belongs (a tab cannot indent YAML: use spaces)"},
		"a range":            {"a:\n  b: >=1.0.0 # or so\n  c: d\n", "2:3: > has a meaning of its own in YAML (put quotes around the range: '>=1.0.0')"},
		"every version":      {"a:\n  b: *\n  c: d\n", "2:3: * has a meaning of its own in YAML (put quotes around the range: '*')"},
		"folded text":        {"a: >\n  x\n y\nb: c\n", "3:2: this line does not fit the block above it (indent it like its neighbours, or correct the line above when that one is off)"},
		"another character":  {"a: @x\n", "1:1: @ has a meaning of its own in YAML (put quotes around the value)"},
		"an expression":      {"a:\n  b: {{ env \"X\" }}-y\n", "2:3: did not find expected key (put quotes around the expression: '{{ requiredEnv \"NAME\" }}')"},
		"no such anchor":     {"a: 1\nb: *x\n", "2:1: unknown anchor 'x' referenced (look at indentation, quotes and brackets, here and on the line before)"},
		"an old quote":       {"a: 1\nb: 2\nc: 'x\n" + strings.Repeat("d: e\n", 100), "3:1: a quote is not closed (close the quote that is opened here)"},
		"an old bracket":     {"a: 1\nb: 2\nc: [x\n" + strings.Repeat("  y,\n", 100) + "d: e\n", "3:1: a bracket is not closed (close the bracket that is opened here, and put commas between what is in it)"},
		"a first bracket":    {"c: [x,\n" + strings.Repeat("  y,\n", 100) + "d: e\n", "1:1: a bracket is not closed (close the bracket that is opened here, and put commas between what is in it)"},
		"a first quote":      {"c: 'x\n" + strings.Repeat("  y\n", 100) + "d: e\n", "1:1: a quote is not closed (close the quote that is opened here)"},
		"inside brackets":    {"a: 1\nc: [x,\n" + strings.Repeat("  y,\n", 50) + "  z: b: c]\n", "2:1: a bracket is not closed (close the bracket that is opened here, and put commas between what is in it)"},
		"second document":    {"a: 1\n---\nb: [x\n", "3:1: a bracket is not closed (close the bracket that is opened here, and put commas between what is in it)"},
		"CRLF":               {"a:\r\n  b: c\r\n d: e\r\n", "3:2: this line does not fit the block above it (indent it like its neighbours, or correct the line above when that one is off)"},
		"long lines":         {"a: " + strings.Repeat("x", 5000) + "\n b: c\n", "2:2: there is a colon where no key can be (indent the line like its neighbours; put quotes around a value that holds a colon)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Documents("", []byte(c.in))
			if len(problems) != 1 {
				t.Fatalf("%d problems: %v", len(problems), problems)
			}
			p := problems[0]
			if got := fmt.Sprintf("%d:%d: %s (%s)", p.Line, p.Column, strings.TrimPrefix(p.Message, "reading YAML: "), p.Hint); got != c.want {
				t.Errorf("have %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestSyntaxIsBounded: what is slow to parse is not parsed again for every line.
func TestSyntaxIsBounded(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a large file":   strings.Repeat("key: value\n", MaxSize/11-1) + "]",
		"deep brackets":  "a: {\n" + strings.Repeat("a: {b: [\n", 1500), // a parse takes time by its square
		"deeper in size": strings.Repeat("[\n", MaxSize/2-1),
	} {
		start := time.Now()
		_ = parse(strings.NewReader(text))
		once := time.Since(start)
		start = time.Now()
		_, problems := Documents("g.yaml", []byte(text))
		if took := time.Since(start); took > 100*once || len(problems) != 1 { // every line would be a thousand times and more
			t.Errorf("%s took %s, one parse %s: %v", name, took, once, problems)
		}
	}
}
