package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

// TestPlatforms reads what an image is built for from an index and from the configuration of a single image, which may be
// kept elsewhere.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("a", 64)
	const entry = `{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:%s","platform":{"os":"%s","architecture":"%s"%s}}`
	index := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` +
		fmt.Sprintf(entry, sum, "linux", "amd64", "") + "," + fmt.Sprintf(entry, sum, "linux", "arm", `,"variant":"v7"`) + "," + fmt.Sprintf(entry, sum, "unknown", "unknown", "") + `]}`
	single := `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":1,"digest":"sha256:` + sum + `"},"layers":[]}`
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/", func(http.ResponseWriter, *http.Request) {})
	for tag, answer := range map[string][2]string{
		"index": {"application/vnd.oci.image.index.v1+json; charset=utf-8", index}, "single": {"application/vnd.docker.distribution.manifest.v2+json", single},
		"html": {"text/html", "<html>"}, "none": {"application/vnd.oci.image.manifest.v1+json", "{}"}, "cut": {"application/vnd.oci.image.index.v1+json", index[:90]},
	} {
		mux.HandleFunc("/v2/org/app/manifests/"+tag, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", answer[0])
			fmt.Fprint(w, answer[1])
		})
	}
	mux.HandleFunc("/v2/org/app/manifests/gone", http.NotFound)
	mux.HandleFunc("/v2/org/app/blobs/sha256:"+sum, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/store/config", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/store/config", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"architecture":"arm64","os":"linux","variant":"v8","rootfs":{"type":"layers","diff_ids":[]}}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{})})
	query := image(t, strings.TrimPrefix(server.URL, "http://")+"/org/app")
	for tag, want := range map[string][]string{"index": {"linux/amd64", "linux/arm/v7"}, "single": {"linux/arm64/v8"}} {
		got, err := client.Platforms(t.Context(), query, tag)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %s%v", tag, diff, err)
		}
	}
	for tag, missing := range map[string]bool{"gone": true, "no tag": true, "html": false, "none": false, "cut": false} {
		if _, err := client.Platforms(t.Context(), query, tag); err == nil || errors.Is(err, source.ErrNotFound) != missing {
			t.Errorf("%s: %v", tag, err)
		}
	}
}
