package edit

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func mustParse(t *testing.T, data string) *File {
	t.Helper()
	f, err := Parse("in.yaml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFindOrdersByPosition(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "b: {t: v1, 'x.y': {t: v2}}\n---\nl:\n- t: v3\n- 0: {t: 'v4'}\n")
	want := []Scalar{
		{Document: 0, Key: "$.b.t", Value: "v1", Line: 1, Column: 8},
		{Document: 0, Key: "$.b['x.y'].t", Value: "v2", Line: 1, Column: 23},
		{Document: 1, Key: "$.l[0].t", Value: "v3", Line: 4, Column: 6},
		{Document: 1, Key: "$.l[1]['0'].t", Value: "v4", Line: 5, Column: 10},
	}
	got := findAll(t, f, "$..t")
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Scalar{})); diff != "" {
		t.Fatalf("-want +got\n%s", diff)
	}
	for _, s := range got {
		if again := findAll(t, f, s.Key); len(again) != 1 || again[0] != s {
			t.Errorf("%s finds %v", s.Key, again)
		}
	}
}

func TestKeysOfOddNamesFindTheirValue(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.b", "a b", "it's", `say "x"`, `back\slash`, "0", "12", "-", "a,b", "[x]", "é", "$", "@", "*", "~", "a~", "", "?(x)"} {
		quoted := doubleQuote(name)
		f := mustParse(t, quoted+": {t: v1}\nother: {t: v0}\n")
		for _, s := range findAll(t, f, "$..t") {
			if again := findAll(t, f, s.Key); len(again) != 1 || again[0] != s {
				t.Errorf("%q: %s finds %v", name, s.Key, again)
			}
		}
	}
}

func TestApplyManyEdits(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "a: {x: v1, y: 'v1'} # c\r\nb: |\r\n  v1\r\nc: &c v1\r\nd: *c\r\n---\r\ne: \r\n")
	var edits []Edit
	for i, key := range []string{"$.e", "$.c", "$.b", "$.a.y", "$.a.x", "$.c"} {
		value := fmt.Sprint("w", i%5)
		if key == "$.c" {
			value = "1.20"
		}
		edits = append(edits, Edit{findAll(t, f, key)[0], value})
	}
	got, err := f.Apply(edits)
	want := "a: {x: w4, y: 'w3'} # c\r\nb: |\r\n  w2\r\nc: &c \"1.20\"\r\nd: *c\r\n---\r\ne: w0 \r\n"
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "a: v1\nb: v1\n")
	a := findAll(t, f, "a")[0]
	other := findAll(t, mustParse(t, "a: v1\n"), "a")[0]
	for want, edits := range map[string][]Edit{
		`in.yaml:1:4: expected one value for $.a, found "v2" and "v3"`:                  {{a, "v2"}, {a, "v3"}},
		`in.yaml:1:4: expected one value for $.a, found "v1" and "v3"`:                  {{a, "v1"}, {a, "v3"}},
		`in.yaml:1:4: expected a scalar of this file, found "$.a" of another`:           {{other, "v2"}},
		`in.yaml:1:1: expected a scalar of this file, found "" of another`:              {{Scalar{}, "v2"}},
		`in.yaml:1:4: changing $.a: expected a value in UTF-8, found other bytes`:       {{a, "\xff"}},
		`in.yaml:1:4: changing $.a: expected a value of at most 4096 bytes, found 4097`: {{a, strings.Repeat("x", 4097)}},
	} {
		got, err := f.Apply(edits)
		if err == nil || err.Error() != want || got != nil {
			t.Errorf("got %q, %v, want %s", got, err, want)
		}
	}
}

// A text that would spoil the file is noticed by reading it back, and the edit it belongs to is named.
func TestVerifyNoticesDamage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"v2\nnew: 1", "v2 # c", "&n v2", "*x", "[v2", "[v2]", "!t v2", "v3", "{a: v2}", "", "'v2", "v2\n---\nx: 1", "1.5", "|\n v2", "!!str v2"} {
		f := mustParse(t, "x: &x v0\na: v1\nb: v1\nc: v1\n")
		changes, err := f.plan([]Edit{{findAll(t, f, "a")[0], "v2"}, {findAll(t, f, "b")[0], "v2"}, {findAll(t, f, "c")[0], "v2"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.verify(f.splice(changes), changes); err != nil {
			t.Fatal(err)
		}
		changes[1].text = text
		err = f.verify(f.splice(changes), changes)
		if err == nil {
			t.Errorf("%q was not noticed", text)
			continue
		}
		var blamed *Error
		if !errors.As(f.blame(changes, err), &blamed) || blamed.Line != 3 || !strings.Contains(blamed.Message, "changing $.b: ") {
			t.Errorf("%q: blamed %v", text, blamed)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"in.yaml:1:1: expected a file of at most 8388608 bytes, found 8388609":             strings.Repeat("#", maxFileSize+1),
		"in.yaml:1:1001: expected at most 1000 levels of nesting, found more":              strings.Repeat("[", 2000) + strings.Repeat("]", 2000),
		"in.yaml:1:1: expected YAML: exceeded max depth of 10000":                          strings.Repeat("[", 100_000),
		"in.yaml:250000:8: expected at most 1000000 keys and values in a file, found more": strings.Repeat("- [a,a,a]\n", 300_000),
	} {
		_, err := Parse("in.yaml", []byte(data))
		if err == nil || err.Error() != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	if _, err := ParsePath("$." + strings.Repeat("a", maxPathLength)); err == nil {
		t.Error("a key of 1026 bytes was accepted")
	}
	if _, err := new(File).Find(Path{}); err == nil {
		t.Error("an empty path found something")
	}
}

// Aliases are never expanded: a file that stands for 9^9 values is read, searched and edited as the few lines it has.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("l0: &l0 {t: v1, u: [x, x, x, x, x, x, x, x, x]}\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&bomb, "l%d: &l%d {<<: *l%d, a: [%s]}\n", i, i, i-1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 9), ", "))
	}
	got, err := setAll(bomb.String(), "$..t", "v2")
	if want := strings.Replace(bomb.String(), "v1", "v2", 1); err != nil || string(got) != want {
		t.Fatalf("got %s, %v", got, err)
	}
	for _, key := range []string{"$.l59.t", "$.l59.missing", "$..l1..*..*..*..nothing", "$.l59.a[*].t", "$..[?(@..t.x)]"} {
		if _, err := setAll(bomb.String(), key, "v2"); err == nil {
			t.Errorf("%s: expected an error", key)
		}
	}
}

func TestFileIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "a: v1\nb: {c: 'v1'}\n")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			want := fmt.Sprintf("a: v1\nb: {c: 'v%d'}\n", i+2)
			p, err := ParsePath("$.b.c")
			if err != nil {
				t.Error(err)
				return
			}
			scalars, err := f.Find(p)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := f.Apply([]Edit{{scalars[0], fmt.Sprint("v", i+2)}}); err != nil || string(got) != want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	group.Wait()
}
