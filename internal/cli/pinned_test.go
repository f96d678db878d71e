package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake"
)

// TestRunKeepsPins merges a pinned value and a tag with its digest beside it, and finds nothing to do after that. A person
// who closes the pull request is asked no more for either.
func TestRunKeepsPins(t *testing.T) {
	t.Parallel()
	now, before := fake.Digest("org/app", "v1.1.0"), fake.Digest("org/app", "v1.0.0")
	values := "app:\n  tag: v1.0.0@" + before + "\nweb:\n  tag: v1.0.0\n  digest: " + before + "\n"
	files := map[string]string{
		".pawl.yaml":  "merge: {require: none}\n",
		"values.yaml": values,
		"manifests/web.yaml": replaced(siteManifest, "$.app.tag", "$.web.tag") +
			"  digest:\n    kind: yaml\n    writes: digest\n    spec:\n      file: values.yaml\n      key: $.web.digest\n",
	}
	s := newSite(t, files)
	if code, out, errs := s.pawl("run"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	want := strings.NewReplacer("v1.0.0", "v1.1.0", before, now).Replace(values)
	if have, _ := s.repo.File("main", "values.yaml"); string(have) != want {
		t.Errorf("the base holds\n%s", have)
	}
	head := s.repo.Head("main")
	if code, out, errs := s.pawl("run"); code != 0 || s.repo.Head("main") != head || len(s.repo.Pulls()) != 1 {
		t.Errorf("a second run: exit code %d: %s%s", code, out, errs)
	}

	files[".pawl.yaml"] = "merge: off\n"
	s = newSite(t, files)
	if code, out, errs := s.pawl("run"); code != 0 && code != 2 {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	if err := s.repo.Close(1, "alice"); err != nil {
		t.Fatal(err)
	}
	_, out, _ := s.pawl("run")
	if len(s.repo.Pulls()) != 1 || strings.Count(out, "held (vetoed)") != 3 {
		t.Errorf("%d pull requests after a person closed one: %s", len(s.repo.Pulls()), out)
	}
}
