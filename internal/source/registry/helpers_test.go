package registry_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

// cloud is a registry of a cloud, and the program that the docker config names for its host.
type cloud struct {
	host, helper string
	// user and secret are what the program says.
	user, secret string
	options      fake.RegistryOptions
}

var clouds = []cloud{
	{"123456789012.dkr.ecr.eu-west-1.amazonaws.com", "ecr-login", "AWS", "ecr-s3cret", fake.RegistryOptions{Product: fake.ECR, Auth: fake.BasicAuth, User: "AWS", Password: "ecr-s3cret"}},
	{"europe-docker.pkg.dev", "gcloud", "_dcgcloud_token", "gar-s3cret", fake.RegistryOptions{Auth: fake.BearerAuth, User: "_dcgcloud_token", Password: "gar-s3cret"}},
	{"myregistry.azurecr.io", "acr-env", "<token>", "acr-s3cret", fake.RegistryOptions{Product: fake.ACR, Auth: fake.BearerAuth, User: "nobody", Password: "nothing", Identity: "acr-s3cret"}},
}

// TestCloudHelpers asks the registries of three clouds with what the programs of their docker configs say. It sets
// variables of the process, so it runs alone.
func TestCloudHelpers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("HOME", dir)
	t.Setenv("DOCKER_CONFIG", dir)
	hosts, helpers := map[string]string{}, []string{}
	for _, c := range clouds {
		c.options.Tags = map[string][]string{"org/app": {"v1.0.0", "v1.1.0"}}
		server := httptest.NewTLSServer(fake.NewRegistry(c.options))
		t.Cleanup(server.Close)
		hosts[c.host+":443"] = server.Listener.Addr().String()
		helpers = append(helpers, fmt.Sprintf("%q:%q", c.host, c.helper))
		program := fmt.Sprintf("#!/bin/sh\nread host\necho \"$1 $host\" >> '%s/asked'\necho '{\"ServerURL\":\"'\"$host\"'\",\"Username\":\"%s\",\"Secret\":\"%s\"}'\n", dir, c.user, c.secret)
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+c.helper), []byte(program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"credHelpers":{`+strings.Join(helpers, ",")+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	client := registry.New(registry.Config{HTTP: httpx.New(httpx.Config{Transport: dialing(hosts)})})
	for _, c := range clouds {
		got, err := client.List(t.Context(), image(t, c.host+"/org/app"))
		if diff := cmp.Diff([]string{"v1.0.0", "v1.1.0"}, tagsOf(got)); err != nil || diff != "" {
			t.Errorf("%s: %v %s", c.host, err, diff)
		}
		if digest, err := client.Digest(t.Context(), image(t, c.host+"/org/app"), "v1.1.0"); err != nil || digest != fake.Digest("org/app", "v1.1.0") {
			t.Errorf("%s: digest is %q, %v", c.host, digest, err)
		}
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clouds {
		if n := strings.Count(string(asked), "get "+c.host+"\n"); n != 1 {
			t.Errorf("the helper of %s was asked %d times: %s", c.host, n, asked)
		}
	}
}

// dialing is a transport to hosts that are servers on this machine.
func dialing(hosts map[string]string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, hosts[address])
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificates are those of a test
	}
}
