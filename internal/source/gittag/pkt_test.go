package gittag

import (
	"slices"
	"strings"
	"testing"
)

// FuzzTags reads any answer: it ends, and a tag is a name that stands in it.
func FuzzTags(f *testing.F) {
	const head, line = "001e# service=git-upload-pack\n0000", "003c1111111111111111111111111111111111111111 refs/tags/v1.0\n"
	for _, seed := range []string{head + line + "0000", head + "0000", head + line, "0000", "ffff", head + "0004" + "0000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		all, err := tags(strings.NewReader(answer))
		for _, tag := range all {
			if err == nil && !strings.Contains(answer, "refs/tags/"+tag) {
				t.Fatalf("%q is not in %q", tag, answer)
			}
		}
	})
}

// TestAscending orders names number by number, and any two of them one way.
func TestAscending(t *testing.T) {
	t.Parallel()
	want := []string{"a", "a2", "a10", "v1.9", "v1.9.0", "v1.10", "v1.10-rc1", "v2", "v10"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, ascending)
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	for _, pair := range [][2]string{{"v01", "v1"}, {"1", "a"}, {"", "a"}} {
		if a, b := ascending(pair[0], pair[1]), ascending(pair[1], pair[0]); a == 0 || a != -b {
			t.Errorf("%v: %d, %d", pair, a, b)
		}
	}
}

func BenchmarkTags(b *testing.B) {
	var answer strings.Builder
	answer.WriteString("001e# service=git-upload-pack\n0000")
	for range 100_000 {
		answer.WriteString("003c1111111111111111111111111111111111111111 refs/pull/1234\n")
	}
	answer.WriteString("0000")
	b.SetBytes(int64(answer.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tags(strings.NewReader(answer.String())); err != nil {
			b.Fatal(err)
		}
	}
}
