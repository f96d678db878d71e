package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

// TestDistribution lists and asks the reference registry, which pages by Link. PAWL_REGISTRY is the path of its
// program: go install github.com/distribution/distribution/v3/cmd/registry@v3.0.0.
func TestDistribution(t *testing.T) {
	t.Parallel()
	program := os.Getenv("PAWL_REGISTRY")
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PAWL_REGISTRY is not set: paging is not proved against a real registry")
		}
		t.Skip("PAWL_REGISTRY is not set")
	}
	address := startDistribution(t, program)
	tags := numbered(1100)
	digest := push(t, address, "org/app", tags)
	slices.Sort(tags) // the order in which this registry lists
	for _, size := range []int{7, 500, 1000, 5000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			client := httpx.New(httpx.Config{})
			asked := registry.New(registry.Config{HTTP: client, Mirrors: mirror(t, "docker.io", "http://"+address), Keychain: keys{}, PageSize: size})
			got, err := asked.List(t.Context(), image(t, "org/app"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tags, tagsOf(got)); diff != "" {
				t.Error(diff)
			}
			if n := client.Requests()["docker.io"]; n < 1+len(tags)/size {
				t.Errorf("%d requests for %d tags by %d: no Link was followed", n, len(tags), size)
			}
			if d, err := asked.Digest(t.Context(), image(t, "org/app"), tags[0]); err != nil || d != digest {
				t.Errorf("digest is %q, %v; want %q", d, err, digest)
			}
		})
	}
}

// startDistribution runs the registry on a free port until the test ends.
func startDistribution(t *testing.T, program string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yml")
	text := "version: 0.1\nlog: {level: error}\nstorage: {inmemory: {}}\nhttp: {addr: '" + address + "'}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "serve", config)
	command.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // it is killed by its context
	for start := time.Now(); time.Since(start) < 20*time.Second; {
		var dialer net.Dialer
		if c, err := dialer.DialContext(t.Context(), "tcp", address); err == nil {
			_ = c.Close()
			return address
		}
	}
	t.Fatal("the registry does not listen")
	return ""
}

// push writes one empty image under many tags and returns its digest.
func push(t *testing.T, address, repository string, tags []string) string {
	t.Helper()
	const (
		empty    = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // of {}
		manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + empty + `","size":2},"layers":[]}`
	)
	base := "http://" + address + "/v2/" + repository
	location := send(t, http.MethodPost, base+"/blobs/uploads/", "", http.StatusAccepted).Get("Location")
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	send(t, http.MethodPut, location+separator+"digest="+empty, "{}", http.StatusCreated)
	digest := send(t, http.MethodPut, base+"/manifests/"+tags[0], manifest, http.StatusCreated).Get("Docker-Content-Digest")
	var wg sync.WaitGroup
	for part := range slices.Chunk(tags[1:], 140) {
		wg.Go(func() {
			for _, tag := range part {
				send(t, http.MethodPut, base+"/manifests/"+tag, manifest, http.StatusCreated)
			}
		})
	}
	wg.Wait()
	return digest
}

func send(t *testing.T, method, address, body string, want int) http.Header {
	req, err := http.NewRequestWithContext(context.Background(), method, address, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Error(err)
		return nil
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if strings.Contains(address, "/manifests/") {
		req.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != want {
		t.Errorf("%s %s: %s %s", method, address, res.Status, text)
	}
	return res.Header
}
