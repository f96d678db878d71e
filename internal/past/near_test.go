package past

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/edit"
)

// tracked are keys of some kinds that do not ask for other values.
func tracked(t testing.TB) []Key {
	t.Helper()
	var all []Key
	for _, key := range []string{"$.a", "$.b.c", "$.l[0].tag", "$.l[*].tag", "$..image", "$.q"} {
		p, err := edit.ParsePath(key)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Key{Manifest: key, File: "v.yaml", Address: edit.InYAML{Document: -1, Key: p}})
	}
	return all
}

// pairs are contents of which the second follows from the first, or only seems to.
var pairs = []struct {
	from, to string
	near     bool
}{
	{"a: 1\nb: {c: 2}\n", "a: 1\nb: {c: 2}\n", false}, // a value in a line of another form: read it
	{"a: 1\nb:\n  c: 2\n", "a: 1\nb:\n  c: v3-x\n", true},
	{"a: 1\nb:\n  c: 2", "a: 1\nb:\n  c: 3", true},
	{"a: 1 # one\nq: 'x'\n", "a: 2 # one\nq: 'y'\n", true},
	{"a: 1\r\nq: \"x\"\r\n", "a: 2\r\nq: \"y\"\r\n", true},
	{"l:\n  - tag: 1\n  - tag: 2\n", "l:\n  - tag: 1\n  - tag: 3\n", true},
	{"a: 1\nz: 2\n", "a: 1\nz: 3\n", true},
	{"a: 1\nz: |\n  k: 2\n", "a: 1\nz: |\n  k: 3\n", true},
	{"a: |\n  k: 2\n", "a: |\n  k: 3\n", false},
	{"a: \"x\n  k: 2\n  \"\n", "a: \"x\n  k: 3\n  \"\n", false},
	{"a: 1\nz: \"x\n  k: y\n  \"\n", "a: 1\nz: \"x\n  k: \"y\"\n  \"\n", false},
	{"a: 1\n", "a: 1\nb: {c: 1}\n", false},
	{"a: 1\n", "b: 1\n", false},
	{"a: 1\n", "a:\n", false},
	{"a: 1\n", "a: 1: 2\n", false},
	{"a: 1\n", "a: \"1\n", false},
	{"a: &x 1\nq: *x\n", "a: &x 2\nq: *x\n", false},
	{"z: &x\n  q: 1\na: 1\n", "z: &x\n  q: 2\na: 1\n", true},
	{"a: 1\n---\na: 2\n", "a: 1\n---\na: 3\n", true},
	{"a: 1\na: 2\n", "a: 1\na: 3\n", true},
	{"", "a: 1\n", false},
}

// TestNear: what follows from another content is what reading says, and what only seems to follow is read.
func TestNear(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		if ok := same(t, p.from, p.to); ok != p.near {
			t.Errorf("%q after %q: %t", p.to, p.from, ok)
		}
	}
	byFilter, err := edit.ParsePath("$.l[?(@.name=='x')].tag")
	if err != nil {
		t.Fatal(err)
	}
	keys := []Key{{File: "v.yaml", Address: edit.InYAML{Document: -1, Key: byFilter}}}
	from := []byte("l:\n  - name: x\n    tag: 1\n")
	if _, ok := near(keys, read(keys, from), from, []byte("l:\n  - name: y\n    tag: 1\n")); ok {
		t.Error("a filter is not asked again")
	}
}

// same holds near against read and reports whether it was near at all.
func same(t *testing.T, from, to string) bool {
	t.Helper()
	keys := tracked(t)
	got, ok := near(keys, read(keys, []byte(from)), []byte(from), []byte(to))
	if want := read(keys, []byte(to)); ok && !reflect.DeepEqual(got, want) {
		t.Errorf("%q after %q: %+v, want %+v", to, from, got, want)
	}
	return ok
}

// FuzzNear changes scalars and lines of documents: nothing that near says differs from what reading says.
func FuzzNear(f *testing.F) {
	for _, p := range pairs {
		f.Add(p.from, p.to)
		f.Add(p.from+"sops: {mac: x}\n", p.to+"sops: {mac: x}\n")
	}
	f.Fuzz(func(t *testing.T, from, to string) {
		same(t, from, to)
		for i, line := range strings.Split(from, "\n") { // a neighbour that is near by itself
			if s := scalar(line); s != nil {
				lines := strings.Split(from, "\n")
				lines[i] = s.frame[0] + s.frame[1] + s.text + "7" + s.frame[1] + s.frame[2]
				same(t, from, strings.Join(lines, "\n"))
			}
		}
	})
}

// BenchmarkRead reads a file of many lines of which one changes.
func BenchmarkRead(b *testing.B) {
	keys, text := tracked(b), "a: %d\n"
	for i := range 5000 {
		text += fmt.Sprintf("x%d:\n  y: %d\n", i, i)
	}
	from := fmt.Appendf(nil, text, 1)
	known, to := read(keys[:1], from), fmt.Appendf(nil, text, 2)
	for b.Loop() {
		if _, ok := near(keys[:1], known, from, to); !ok {
			b.Fatal("it is far")
		}
	}
}
