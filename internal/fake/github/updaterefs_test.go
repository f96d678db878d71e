package github_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

const updateRefs = `mutation($input:UpdateRefsInput!){updateRefs(input:$input){clientMutationId}}`

// TestUpdateRefsCompares moves a ref by what it is said to point to before.
func TestUpdateRefsCompares(t *testing.T) {
	t.Parallel()
	const zero, ref = "0000000000000000000000000000000000000000", "refs/heads/side"
	for _, test := range []struct {
		name, ref, before, after string // before and after: side, main, other, a SHA or empty
		force                    bool
		want                     string // in the error; empty: moved
	}{
		{name: "replaced", ref: ref, before: "side", after: "other", force: true},
		{name: "forward", ref: ref, before: "side", after: "side"},
		{name: "deleted", ref: ref, before: "side", after: zero},
		{name: "created", ref: "refs/heads/new", before: zero, after: "main"},
		{name: "without before", ref: ref, after: "other", force: true},
		{name: "stale", ref: ref, before: "main", after: "other", force: true, want: "Something went wrong while executing your query"},
		{name: "exists already", ref: ref, before: zero, after: "other", force: true, want: "Something went wrong while executing your query"},
		{name: "not forced", ref: ref, before: "side", after: "other", want: "not a fast forward"},
		{name: "gone already", ref: "refs/heads/absent", after: zero, want: "does not exist"},
		{name: "no object", ref: ref, before: "side", after: strings.Repeat("1", 40), force: true, want: "Object does not exist"},
		{name: "a ref in the place of its folder", ref: ref + "/x", before: zero, after: "main", want: "Something went wrong while executing your query"},
		{name: "no name", ref: "side", before: "side", after: "main", force: true, want: "not a valid ref name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, github.Settings{}, nil)
			w.push(t, "other", "alice", "values.yaml", "a: 3\n", "other")
			w.push(t, "side", "alice", "values.yaml", "a: 2\n", "side")
			resolve := func(name string) string {
				if sha := w.repo.Head(name); sha != "" {
					return sha
				}
				return name
			}
			update := map[string]any{"name": test.ref, "afterOid": resolve(test.after), "force": test.force}
			if test.before != "" {
				update["beforeOid"] = resolve(test.before)
			}
			want := strings.TrimPrefix(resolve(test.after), zero)
			if test.want != "" {
				want = w.repo.Refs()[test.ref]
			}
			got := w.query(t, w.bot, updateRefs, map[string]any{"input": map[string]any{"repositoryId": w.repositoryID(t), "refUpdates": []any{update}}})
			if test.want == "" && got.message() != "" || !strings.Contains(got.message(), test.want) {
				t.Errorf("answered %q, want %q", got.message(), test.want)
			}
			if at := w.repo.Refs()[test.ref]; at != want {
				t.Errorf("the ref is at %q, want %q", at, want)
			}
		})
	}
}

func TestUpdateRefsOfNoRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	update := map[string]any{"name": "refs/heads/new", "afterOid": w.repo.Head("main")}
	input := map[string]any{"repositoryId": "R_none", "refUpdates": []any{update}}
	if got := w.query(t, w.bot, updateRefs, map[string]any{"input": input}); !strings.Contains(got.message(), "Could not resolve") {
		t.Errorf("answered %q", got.message())
	}
}

// repositoryID is the repository's node id.
func (w *world) repositoryID(t *testing.T) string {
	t.Helper()
	got := w.query(t, w.bot, `query{repository(owner:"acme",name:"profile"){id}}`, nil)
	return got.Data["repository"].(map[string]any)["id"].(string)
}
