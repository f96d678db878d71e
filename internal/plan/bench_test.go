package plan_test

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkPlanLike plans 600 sources of 100 tags each, once by a range and once by kind: like.
func BenchmarkPlanLike(b *testing.B) {
	for _, filter := range []string{"semver", "like"} {
		b.Run(filter, func(b *testing.B) {
			w := &world{listings: map[string][]string{}}
			files, manifests := map[string]string{}, map[string]string{}
			for i := range 600 {
				image, file := fmt.Sprintf("o/app%d", i), fmt.Sprintf("%d.yaml", i)
				for n := range 100 {
					w.listings["docker.io/"+image] = append(w.listings["docker.io/"+image], fmt.Sprintf("1.%d.%d", n/10, n%10))
				}
				files[file] = "v: 1.2.3\n"
				manifests[fmt.Sprintf("m%d", i)] = strings.Replace(follow(image, "1.x", file+":$.v"), "{pattern", "{kind: "+filter+", pattern", 1)
			}
			p, loaded := newPlanner(w, files), load(b, manifests)
			b.ReportAllocs()
			for b.Loop() {
				if got, err := p.Plan(b.Context(), loaded); err != nil || len(got.Changes) != 600 {
					b.Fatal(len(got.Changes), err)
				}
			}
		})
	}
}
