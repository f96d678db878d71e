package plan_test

import (
	"fmt"
	"strings"
	"testing"
)

// versions is a profile with so many values of one image, and a world that lists as many tags as a busy image has.
func versions(keys int) (*world, string) {
	w := &world{listings: map[string][]string{}}
	for i := range 1000 {
		w.listings["docker.io/o/app"] = append(w.listings["docker.io/o/app"], fmt.Sprintf("1.%d.0", i))
	}
	var b strings.Builder
	b.WriteString("v:\n")
	for i := range keys {
		fmt.Fprintf(&b, "  k%d: 1.%d.0\n", i, i%7)
	}
	return w, b.String()
}

// BenchmarkWildcard plans one target whose wildcard selects every value of a map.
func BenchmarkWildcard(b *testing.B) {
	for _, keys := range []int{1000, 4000, 16_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			w, text := versions(keys)
			p := newPlanner(w, map[string]string{"a.yaml": text})
			all := load(b, map[string]string{"app": follow("o/app", "^1", "a.yaml:$.v.*")})
			for b.Loop() {
				got, err := p.Plan(b.Context(), all)
				if err != nil || len(got.Changes) != keys {
					b.Fatalf("%d changes, error %v", len(got.Changes), err)
				}
			}
		})
	}
}
