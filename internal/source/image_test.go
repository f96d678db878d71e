package source_test

import (
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

// TestImageNames holds which names of images can exist.
func TestImageNames(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]bool{
		"redis": true, "org/app": true, "org/a.b_c__d---e/f": true, "localhost:5000/app": true, "ghcr.io/org/app": true, "GHCR.io/org/app": true,
		"[::1]:5000/org/app": true, "10.0.0.1:5000/app": true, "xn--e1afmkfd.example/app": true,
		"../../etc/passwd": false, "acme/.pawl": false, "acme/../app": false, "acme/app.": false, "acme/-app": false, "acme/a..b": false, "acme/a___b": false,
		"_a/b": false, ".hidden/app": false, "a..b/app": false, "-a.example/app": false, "a_b.example/org/app": false,
	} {
		if _, err := source.ParseImage(image); (err == nil) != want {
			t.Errorf("%s: %v, want it accepted: %v", image, err, want)
		}
	}
	for chart, want := range map[string]bool{"app": true, "../app": false, ".app": false} {
		if _, err := source.ParseChart("oci://ghcr.io/org", chart); (err == nil) != want {
			t.Errorf("chart %s: %v, want it accepted: %v", chart, err, want)
		}
	}
}
