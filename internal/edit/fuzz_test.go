package edit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// FuzzApply: whatever the file and the value are, an edit changes that scalar to that value and nothing else, or it is an error.
func FuzzApply(f *testing.F) {
	values := []string{"v1.2.3", "v1.2.3@sha256:00aa", "1.20", "it's \"x\" # y", "true", "a: b"}
	seed := func(i int, data string) {
		f.Add([]byte(data), uint16(i), values[i%len(values)])
	}
	inputs, err := filepath.Glob(filepath.Join("testdata", "cases", "*", "in.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for i, name := range inputs {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		seed(i, string(data))
	}
	for i, data := range hostile {
		seed(i, data)
	}
	for i, data := range corpusFiles(f, 400) {
		seed(i, data)
	}
	f.Fuzz(func(t *testing.T, data []byte, index uint16, value string) {
		checkEdit(t, data, int(index), value)
	})
}

// hostile are inputs that have a shape of their own, for the fuzzer to vary.
var hostile = []string{
	"a: |\n  x\n  y\n\nb: 1\n", "a: >2-\n   x\n  y\n\n", "a: |+2\n    \n    x\n\n\n", "- |\n x\n- >\n y\n", "a:\r\n  - 'x'\r\n  - \"y\\\n   z\"\r\n",
	"\uFEFFé: {ü: &x !!str 1.5, b: *x, c: , d: [a, b: c]}\n", "%YAML 1.2\n%TAG !e! tag:e.org,2024:\n---\na: !e!x y\n...\n# c\n---\nb: &z\nc: *z\n",
	"? a\n: b\n? [x]\n: y\n<<: &m {k: v}\n", "a: b\n c\n\n d # e\nf: 'g\n\n  h'\n", "a: !!float 1.5\nb: !!int 3\nc: !!null ~\n", "\"k\": \"é\\u0041\"\n'l': 'it''s'\n", "a:\tb\t# c\n-\n", "--- v\n", "--- |\n v\n...\n", "a: |\n\tx\n", "a: x\u0085b: y\n", "a: x\rb: y\r",
}

func checkEdit(t *testing.T, data []byte, index int, value string) {
	f, err := Parse("f.yaml", data)
	if err != nil {
		mustBeError(t, err)
		return
	}
	var scalars []*yaml.Node
	walk(f.docs, func(n *yaml.Node) {
		if f.checkNode(n) == nil {
			scalars = append(scalars, n)
		}
	})
	if len(scalars) == 0 {
		return
	}
	target := f.scalar(scalars[index%len(scalars)])
	got, err := f.Apply([]Edit{{target, value}})
	if err != nil {
		mustBeError(t, err)
		return
	}
	checkOutside(t, f, got, target)
	checkInside(t, f, got, target, value)
}

func mustBeError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || e.Message == "" {
		t.Fatalf("error without a position: %#v", err)
	}
}

// checkOutside finds what changed from both ends of the file, without asking the code under test, and compares with where the nodes are.
func checkOutside(t *testing.T, f *File, got []byte, target Scalar) {
	t.Helper()
	first, last := 0, 0
	for first < min(len(f.data), len(got)) && f.data[first] == got[first] {
		first++
	}
	for last < min(len(f.data), len(got))-first && f.data[len(f.data)-1-last] == got[len(got)-1-last] {
		last++
	}
	if bytes.Equal(f.data, got) {
		return
	}
	start := slowOffset(f.data, target.Line, target.Column)
	isEmpty := target.Value == "" // the value goes behind the colon, which may be before its position
	if first < start && !isEmpty {
		t.Fatalf("changed from byte %d, the scalar starts at %d\n%q\n%q", first, start, f.data, got)
	}
	next := len(f.data)
	var after *yaml.Node
	walk(f.docs, func(n *yaml.Node) {
		if isBehind(n, target.node) && (after == nil || isBehind(after, n)) {
			after = n
		}
	})
	if after != nil && !isEmpty {
		next = slowOffset(f.data, after.Line, after.Column)
	}
	if len(f.data)-last > next {
		t.Fatalf("changed up to byte %d, the next node starts at %d\n%q\n%q", len(f.data)-last, next, f.data, got)
	}
}

func isBehind(a, b *yaml.Node) bool {
	return a.Line > b.Line || a.Line == b.Line && a.Column > b.Column
}

// slowOffset counts breaks and characters from the start of the file.
func slowOffset(data []byte, line, column int) int {
	text := strings.TrimPrefix(string(data), "\uFEFF")
	skipped := len(data) - len(text)
	text = strings.ReplaceAll(text, "\r\n", "\x01\n")
	offset := skipped
	for _, r := range text {
		if line <= 1 && column <= 1 {
			return offset
		}
		switch {
		case r == '\x01':
			offset++
			continue
		case line > 1 && strings.ContainsRune(breaks, r):
			line--
		case line <= 1:
			column--
		}
		offset += len(string(r))
	}
	return offset
}

func checkInside(t *testing.T, f *File, got []byte, target Scalar, value string) {
	t.Helper()
	again, err := Parse("f.yaml", got)
	if err != nil {
		t.Fatalf("reading back: %v\n%q\n%q", err, f.data, got)
	}
	var before, after []*yaml.Node
	walk(f.docs, func(n *yaml.Node) { before = append(before, n) })
	walk(again.docs, func(n *yaml.Node) { after = append(after, n) })
	if len(before) != len(after) {
		t.Fatalf("%d nodes became %d\n%q\n%q", len(before), len(after), f.data, got)
	}
	for i, n := range before {
		now := again.scalar(after[i])
		if n != target.node && (after[i].Value != n.Value || after[i].Tag != n.Tag) {
			t.Fatalf("%s changed to %q\n%q\n%q", f.key(n), after[i].Value, f.data, got)
		}
		if n != target.node {
			continue
		}
		if now.Value != value && !(isBlock(n) && now.Value == strings.TrimRight(value, breaks)) || now.Key != target.Key {
			t.Fatalf("%s reads %q, want %q\n%q\n%q", now.Key, now.Value, value, f.data, got)
		}
		twice, err := again.Apply([]Edit{{now, value}})
		if err != nil || !bytes.Equal(twice, got) {
			t.Fatalf("applying twice: %v\n%q\n%q", err, got, twice)
		}
	}
}

// walk calls fn for every node, parents first.
func walk(nodes []*yaml.Node, fn func(*yaml.Node)) {
	for _, n := range nodes {
		fn(n)
		walk(n.Content, fn)
	}
}

// FuzzParsePath: a key is parsed or refused with a column, and evaluating it never panics.
func FuzzParsePath(f *testing.F) {
	for _, key := range []string{"$.image.tag", "image.tag", "$..tag", "$.a[?(@.name=='x')].v", "$['a','b']", "$.a[0:2:1]", "$.a~", "$[*]", "$.a[?(@.x =~ /y.*/ && !@.z)]", `$["a.b"]`, "$", ""} {
		f.Add(key)
	}
	file, err := Parse("f.yaml", []byte("a: {b: [1, {name: x, v: 2}], c: d}\nimage: &i {tag: v1}\nx: *i\n<<: *i\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		p, err := ParsePath(key)
		if err != nil {
			if !strings.Contains(err.Error(), "column ") {
				t.Fatalf("error without a column: %v", err)
			}
			return
		}
		scalars, err := file.Find(p)
		if err != nil {
			mustBeError(t, err)
		}
		if !slices.IsSortedFunc(scalars, func(a, b Scalar) int { return a.Line - b.Line }) {
			t.Fatalf("not in order: %v", scalars)
		}
	})
}
