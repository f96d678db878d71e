package internal

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// imageDigest is a reference that names its bytes.
var imageDigest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

// TestImage shows that the released image is the one that .ko.yaml describes, on a base that is named by its bytes.
func TestImage(t *testing.T) {
	t.Parallel()
	var ko struct {
		Base      string   `yaml:"defaultBaseImage"`
		Platforms []string `yaml:"defaultPlatforms"`
		Builds    []struct {
			Main       string
			Env, Flags []string
		}
	}
	var release struct {
		Builds []struct {
			Main         string
			Env, Flags   []string
			Goos, Goarch []string
		}
		Kos []struct {
			Base      string `yaml:"base_image"`
			Platforms []string
		}
	}
	decode(t, ".ko.yaml", &ko)
	decode(t, ".goreleaser.yaml", &release)
	if len(ko.Builds) != 1 || len(release.Builds) != 1 || len(release.Kos) != 1 {
		t.Fatalf("builds: %d and %d, images: %d", len(ko.Builds), len(release.Builds), len(release.Kos))
	}
	image, build := release.Kos[0], release.Builds[0]
	if !imageDigest.MatchString(ko.Base) || ko.Base != image.Base || !slices.Equal(ko.Platforms, image.Platforms) {
		t.Errorf(".ko.yaml has %s for %v, .goreleaser.yaml %s for %v", ko.Base, ko.Platforms, image.Base, image.Platforms)
	}
	if local := ko.Builds[0]; local.Main != build.Main || !slices.Equal(local.Env, build.Env) || !slices.Equal(local.Flags, build.Flags) {
		t.Errorf(".ko.yaml builds %v, .goreleaser.yaml %v", local, build)
	}
	if !slices.Contains(build.Env, "CGO_ENABLED=0") || !slices.Contains(build.Flags, "-trimpath") || len(build.Goos)*len(build.Goarch) != 6 {
		t.Errorf("the build is not static, without paths, and for six systems: %+v", build)
	}
}

// TestPreCommitHook holds the hook to what pre-commit needs to install it.
func TestPreCommitHook(t *testing.T) {
	t.Parallel()
	var hooks []map[string]any
	decode(t, ".pre-commit-hooks.yaml", &hooks)
	if len(hooks) != 1 {
		t.Fatalf("%d hooks", len(hooks))
	}
	delete(hooks[0], "name")
	delete(hooks[0], "description")
	want := map[string]any{"id": "pawl-validate", "entry": "pawl validate", "language": "golang", "types": []any{"yaml"}, "pass_filenames": false}
	if diff := cmp.Diff(want, hooks[0]); diff != "" {
		t.Error(diff)
	}
}

// container is the part of a container that the checks look at.
type container struct {
	Name, Image   string
	Command, Args []string
	Env           []struct {
		Name, Value string
		ValueFrom   struct {
			Secret struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	Security struct {
		Escalation   *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities struct{ Drop []string }
	} `yaml:"securityContext"`
	Resources struct{ Requests, Limits map[string]string }
	Mounts    []struct {
		Name     string
		Path     string `yaml:"mountPath"`
		ReadOnly bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

// pod is a pod's specification.
type pod struct {
	Token    *bool  `yaml:"automountServiceAccountToken"`
	Restart  string `yaml:"restartPolicy"`
	Security struct {
		NonRoot bool                  `yaml:"runAsNonRoot"`
		User    int                   `yaml:"runAsUser"`
		Seccomp struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Init       []container `yaml:"initContainers"`
	Containers []container
}

// cronJob reads the example and returns its pod.
func cronJob(t *testing.T) pod {
	t.Helper()
	var job struct {
		API  string `yaml:"apiVersion"`
		Kind string
		Spec struct {
			Concurrency string `yaml:"concurrencyPolicy"`
			Template    struct {
				Spec struct {
					Backoff  *int `yaml:"backoffLimit"`
					Deadline int  `yaml:"activeDeadlineSeconds"`
					Template struct{ Spec pod }
				}
			} `yaml:"jobTemplate"`
		}
	}
	decode(t, "packaging/kubernetes/cronjob.yaml", &job)
	one := job.Spec.Template.Spec
	if job.API != "batch/v1" || job.Kind != "CronJob" || job.Spec.Concurrency != "Forbid" || one.Backoff == nil || *one.Backoff != 0 || one.Deadline <= 0 {
		t.Errorf("not one run at a time, once, with an end: %+v", job)
	}
	return one.Template.Spec
}

// TestCronJob shows that the example runs pawl with as few rights as it needs: the restricted profile of Kubernetes, no
// access to the cluster, and the token in the environment alone.
func TestCronJob(t *testing.T) {
	t.Parallel()
	p := cronJob(t)
	if s := p.Security; !s.NonRoot || s.User == 0 || s.Seccomp.Type != "RuntimeDefault" || p.Token == nil || *p.Token || p.Restart != "Never" {
		t.Errorf("the pod has rights that it does not need: %+v", p)
	}
	all := slices.Concat(p.Init, p.Containers)
	if len(all) != 1 {
		t.Fatalf("%d containers", len(all))
	}
	for _, c := range all {
		s := c.Security
		if s.Escalation == nil || *s.Escalation || !s.ReadOnly || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s has rights that it does not need: %+v", c.Name, s)
		}
		if c.Resources.Requests["memory"] == "" || c.Resources.Limits["memory"] == "" {
			t.Errorf("%s has no bounds: %+v", c.Name, c.Resources)
		}
		secret := false
		for _, e := range c.Env {
			secret = secret || e.Name == "MERGE_TOKEN" && e.Value == "" && e.ValueFrom.Secret.Name != ""
		}
		if !secret || strings.Contains(strings.Join(slices.Concat(c.Command, c.Args), " "), "$(MERGE_TOKEN)") {
			t.Errorf("%s does not take its token from a secret by the environment: %+v", c.Name, c)
		}
	}
	run := p.Containers[0]
	if !slices.Equal(run.Args, []string{"run", "--repository=$(REPOSITORY)"}) || len(run.Command) > 0 || len(run.Mounts) > 0 {
		t.Errorf("pawl runs as %v in %v", run.Args, run.Mounts)
	}
}

// TestCronJobNamesItsImageByDigest fills the example as a release does: with the version, and the digest of exactly its
// image. What it is filled with comes from nowhere else, and without a digest nothing is printed.
func TestCronJobNamesItsImageByDigest(t *testing.T) {
	t.Parallel()
	if image := cronJob(t).Containers[0].Image; image != "ghcr.io/pawl-cd/pawl:VERSION@sha256:DIGEST" {
		t.Errorf("the example names %s, which no release fills", image)
	}
	digest, other := strings.Repeat("0123456789abcdef", 4), strings.Repeat("f", 64)
	for name, c := range map[string]struct {
		digests string
		ok      bool
	}{
		"sums":           {other + "  ghcr.io/pawl-cd/pawl:latest\n" + digest + "  ghcr.io/pawl-cd/pawl:1.2.3\n" + other + "  ghcr.io/pawl-cd/pawl:1.2.3-amd64\n", true},
		"digests":        {"sha256:" + digest + " ghcr.io/pawl-cd/pawl:1.2.3\n", true},
		"twice the same": {digest + "  ghcr.io/pawl-cd/pawl:1.2.3\n" + digest + "  ghcr.io/pawl-cd/pawl:1.2.3\n", true},
		"two":            {digest + "  ghcr.io/pawl-cd/pawl:1.2.3\n" + other + "  ghcr.io/pawl-cd/pawl:1.2.3\n", false},
		"another":        {other + "  ghcr.io/pawl-cd/pawl:1.2.4\n", false},
		"short":          {digest[1:] + "  ghcr.io/pawl-cd/pawl:1.2.3\n", false},
		"none":           {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "digests.txt")
			if err := os.WriteFile(file, []byte(c.digests), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, manifest := range []string{"cronjob.yaml", "fleet.yaml"} {
				out, err := exec.CommandContext(t.Context(), "bash", "../packaging/kubernetes/fill.sh", "1.2.3", file, manifest).Output()
				want := strings.Replace(readText(t, "packaging/kubernetes/"+manifest), ":VERSION@sha256:DIGEST", ":1.2.3@sha256:"+digest, 1)
				if !c.ok {
					want = ""
				}
				if diff := cmp.Diff(want, string(out)); diff != "" || (err == nil) != c.ok {
					t.Errorf("%s: %v %s", manifest, err, diff)
				}
			}
		})
	}
	const step = "for manifest in cronjob.yaml fleet.yaml; do\n            bash packaging/kubernetes/fill.sh \"$VERSION\" dist/digests.txt \"$manifest\" > \"dist/$manifest\"\n            gh release upload \"v$VERSION\" \"dist/$manifest\"\n"
	if !strings.Contains(readText(t, ".github/workflows/release.yaml"), step) || !strings.Contains(readText(t, ".goreleaser.yaml"), "docker_digest:\n  name_template: digests.txt\n") {
		t.Error("the release does not fill the example")
	}
}

// decode reads a YAML file of the repository.
func decode(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readText(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
