package policy

import (
	"strings"
	"testing"
)

func TestSplitDigest(t *testing.T) {
	t.Parallel()
	sum := "sha256:" + strings.Repeat("1d27fc59", 8)
	for _, c := range []struct{ value, text, digest string }{
		{"1.4.0@" + sum, "1.4.0", sum},
		{"ghcr.io/org/app:v1@" + sum, "ghcr.io/org/app:v1", sum},
		{"latest@sha512:AB12", "latest", "sha512:AB12"},
		{"@" + sum, "", sum},
		{"1.4.0@sha256:1d27", "1.4.0", "sha256:1d27"},
		{"1.4.0", "1.4.0", ""},
		{"", "", ""},
		{"1.4.0@sha256:", "1.4.0@sha256:", ""},
		{"1.4.0@sha256:xyz", "1.4.0@sha256:xyz", ""},
		{"user@example:80", "user@example:80", ""},
		{sum, sum, ""},
	} {
		if text, digest := SplitDigest(c.value); text != c.text || digest != c.digest {
			t.Errorf("%q: %q and %q, want %q and %q", c.value, text, digest, c.text, c.digest)
		}
	}
}
