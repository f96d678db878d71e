package source

import "testing"

// TestKinds: each kind is described as a whole.
func TestKinds(t *testing.T) {
	t.Parallel()
	for kind, d := range kinds {
		q := Query{Kind: kind, Host: "host.example", Base: "https://host.example/a", Path: "b/c"}
		if d.Label == "" || q.String() == "" || q.Repository() == "" || q.Artifact("v1").Name == "" {
			t.Errorf("%s: %q, %q, %q, %+v", kind, d.Label, q.String(), q.Repository(), q.Artifact("v1"))
		}
	}
	none := Query{Kind: "none", Path: "x"}
	if _, ok := Describe("none"); ok || none.Artifact("v1") != (Artifact{}) || none.String() != "x" {
		t.Error("a kind that is none is described")
	}
}
