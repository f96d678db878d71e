package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/scaffold"
)

// item is one entry of a list: its name, its image and its tag.
type item struct{ name, image, tag string }

// shapes write an entry as people do.
var shapes = map[string]func(item) string{
	"containers": func(e item) string { return fmt.Sprintf("- name: %s\n  image: %s:%s\n", e.name, e.image, e.tag) },
	"images":     func(e item) string { return fmt.Sprintf("- name: %s\n  newTag: %s\n", e.image, e.tag) },
	"apps": func(e item) string {
		return fmt.Sprintf("- name: %s\n  repository: %s\n  tag: %s\n", e.name, e.image, e.tag)
	},
	"pinned": func(e item) string {
		return fmt.Sprintf("- name: %s\n  image: %s:%s@%s\n", e.name, e.image, e.tag, digestOf(e.image+":"+e.tag))
	},
	"digests": func(e item) string {
		return fmt.Sprintf("- name: %s\n  repository: %s\n  digest: %s\n  tag: %s\n", e.name, e.image, digestOf(e.image+":"+e.tag), e.tag)
	},
	"releases": func(e item) string {
		return fmt.Sprintf("- name: %s\n  image:\n    repository: %s\n    tag: %s\n", e.name, e.image, e.tag)
	},
}

func list(shape string, items []item) string {
	var b strings.Builder
	b.WriteString(shape + ":\n")
	for _, e := range items {
		b.WriteString(shapes[shape](e))
	}
	return b.String()
}

// newest is the tag of each image that a plan chooses; no two images have the same.
func newest(image string) string { return "1." + strings.TrimPrefix(image, "o/i") + ".0" }

// TestEntriesPutIntoLists: after `pawl init` people put entries before, between and behind those that are there, and sort
// them anew. Every value that is written then is the newest of its own entry's image, and nothing else changes; where two
// entries have one name, the target is refused.
func TestEntriesPutIntoLists(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{}}
	for i := range 40 {
		image := fmt.Sprintf("o/i%d", i+1)
		w.listings["docker.io/"+image] = []string{"1.0.0", newest(image)}
	}
	for shape := range shapes {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			for range 150 {
				first := []item{}
				for i := range 1 + random.IntN(4) {
					first = append(first, item{fmt.Sprintf("n%d", i), fmt.Sprintf("o/i%d", i+1), "1.0.0"})
				}
				after := disturb(random, slices.Clone(first))
				checkEntries(t, w, shape, first, after)
			}
		})
	}
}

// disturb puts entries in and may sort all anew. Some have the name of another, or its image.
func disturb(random *rand.Rand, items []item) []item {
	for i := range random.IntN(4) {
		e := item{fmt.Sprintf("other%d", i), fmt.Sprintf("o/i%d", 20+i), "1.0.0"}
		switch random.IntN(4) {
		case 0:
			e.name = items[random.IntN(len(items))].name
		case 1:
			e.image = items[random.IntN(len(items))].image
		}
		items = slices.Insert(items, random.IntN(len(items)+1), e)
	}
	if random.IntN(2) == 0 {
		random.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	}
	return items
}

// checkEntries holds the plan of the manifests that init wrote for the first list against the list as it is now.
func checkEntries(t *testing.T, w *world, shape string, first, now []item) {
	t.Helper()
	p, err := scaffold.Propose(fstest.MapFS{"a.yaml": {Data: []byte(list(shape, first))}}, scaffold.Options{})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, f := range p.Files {
		if name, ok := strings.CutPrefix(f.Path, "manifests/"); ok {
			texts[strings.TrimSuffix(name, ".yaml")] = string(f.Data)
		}
	}
	if len(texts) != len(first) {
		t.Fatalf("%d manifests for %v", len(texts), first)
	}
	text := list(shape, now)
	got, err := (plan.Planner{Lister: w, Digester: w, Files: disk{files: map[string]string{"a.yaml": text}}}).Plan(t.Context(), load(t, texts))
	if err != nil {
		t.Fatal(err)
	}
	have := text
	if written, ok := after(got)["a.yaml"]; ok {
		have = written
	}
	rest := strings.TrimPrefix(have, shape+":\n")
	for i, e := range now {
		moved, ok := strings.CutPrefix(rest, shapes[shape](latest(now)[i]))
		if !ok && !got.Failed() && slices.Contains(first, e) {
			t.Fatalf("%v is not updated in\n%s", e, have)
		}
		if !ok {
			moved, ok = strings.CutPrefix(rest, shapes[shape](e))
		}
		if rest = moved; !ok {
			t.Fatalf("%v is neither as it was nor as it should be in\n%s\nof %v", e, have, got.Outcomes)
		}
	}
	if rest != "" {
		t.Fatalf("%q is left of\n%s", rest, have)
	}
}

// latest are the entries with the newest tags of their images.
func latest(items []item) []item {
	all := slices.Clone(items)
	for i := range all {
		all[i].tag = newest(all[i].image)
	}
	return all
}

// TestTwins: two entries of one name are told apart by their images, and refused; a wildcard means both.
func TestTwins(t *testing.T) {
	t.Parallel()
	const named, all = "$.l[?(@.name=='web')].tag", "$.l[*].tag"
	for _, c := range []struct{ key, in, want string }{
		{named, "l: [{name: web, repository: o/a, tag: 1.0.0}, {name: web, repository: o/b, tag: 1.0.0}]\n", "failed target-mismatch"},
		{named, "l: [{name: web, repository: o/a, tag: 1.0.0}, {name: web, repository: o/a, tag: 1.0.0}]\n", "update newest-match"},
		{named, "l: [{name: web, tag: 1.0.0}, {name: web, tag: 1.0.0}]\n", "update newest-match"},
		{named, "l: [{name: web, repository: o/a, tag: 1.0.0}]\n---\nl: [{name: web, repository: o/b, tag: 1.0.0}]\n", "failed target-mismatch"},
		{"$.*[?(@.name=='web')].tag", "l: [{name: web, repository: o/a, tag: 1.0.0}]\nm: [{name: web, repository: o/b, tag: 1.0.0}]\n", "update newest-match"},
		{"$.l[?(@.kind=='app')].tag", "l: [{kind: app, repository: o/a, tag: 1.0.0}, {kind: app, repository: o/b, tag: 1.0.0}]\n", "update newest-match"},
		{"$.l[?(@.kind=='app' && @.name=='web')].tag", "l: [{kind: app, name: web, repository: o/a, tag: 1.0.0}, {kind: app, name: web, repository: o/b, tag: 1.0.0}]\n", "failed target-mismatch"},
		{"$[?(@.name=='x')].l[*].tag", "name: x\nl: [{repository: o/a, tag: 1.0.0}, {repository: o/b, tag: 1.0.0}]\n", "update newest-match"},
		{all, "l: [{name: web, repository: o/a, tag: 1.0.0}, {name: log, repository: o/b, tag: 1.0.0}]\n", "update newest-match"},
	} {
		got := planned(t, newPlanner(releases(), map[string]string{"a.yaml": c.in}), map[string]string{"app": follow("o/a", "^1", "a.yaml:"+c.key)})
		if diff := cmp.Diff([]string{"app/t0 " + c.want}, outcomes(got)); diff != "" {
			t.Errorf("%s %s: %s", c.key, c.in, diff)
		}
	}
}
