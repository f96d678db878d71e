package source

import "testing"

// TestDockerHubHasOneName holds that Docker Hub is one host, and has one mirror, however a chart or an image spells it.
func TestDockerHubHasOneName(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"docker.io", "index.docker.io", "registry-1.docker.io"} {
		chart, err := ParseChart("oci://"+host+"/bitnamicharts", "kafka")
		if err != nil || chart.Host != "docker.io" {
			t.Errorf("%s: %+v, %v", host, chart, err)
		}
		image, err := ParseImage(host + "/org/app")
		if err != nil || image.String() != "docker.io/org/app" {
			t.Errorf("%s: %+v, %v", host, image, err)
		}
	}
}
