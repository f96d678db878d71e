package page

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/change"
)

// TestShown: of a value that changes the version is shown, and no more than tells both apart.
func TestShown(t *testing.T) {
	t.Parallel()
	one, two := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	for name, c := range map[string][5]string{
		"a tag":                     {"v1", "v2", "v2", "v1", "v2"},
		"an image":                  {"org/app:v1", "org/app:v2", "v2", "v1", "v2"},
		"another image":             {"org/old:v1", "org/app:v2", "v2", "org/old:v1", "org/app:v2"},
		"an image with its digest":  {"org/app:v1@" + one, "org/app:v2@" + two, "v2", "v1", "v2"},
		"a digest of the same tag":  {"org/app:v1@" + one, "org/app:v1@" + two, "v1", "v1@sha256:111111111111", "v1@sha256:222222222222"},
		"a digest alone":            {one, two, "v2", one, two},
		"a digest behind a name":    {"org/app@" + one, "org/app@" + two, "v2", "org/app@sha256:111111111111", "org/app@sha256:222222222222"},
		"a value that was no image": {"", "org/app:v2", "v2", "", "org/app:v2"},
		"without a version":         {"1", "2", "", "1", "2"},
	} {
		from, to := shown(change.Update{Old: c[0], New: c[1], Version: c[2]})
		if from != c[3] || to != c[4] {
			t.Errorf("%s: %q to %q, want %q to %q", name, from, to, c[3], c[4])
		}
	}
}

// TestLeaf: the line of a value begins with the last step of its key.
func TestLeaf(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"$.image.tag": "tag: ", "$['my.app'].tag": "tag: ", "$.apps['my.app']": "my.app: ", "$.images[2]": "", "$": "", "": "", "$.a[0].b": "b: ",
	} {
		if got := leaf(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}
