package internal

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/pawl-cd/pawl/internal/fake/kubernetes"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// strictly reads a document into a type of Kubernetes' own API: a field that it does not have is an error.
func strictly(t *testing.T, document string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
		t.Fatal(err)
	}
}

// TestKubernetesManifests holds the examples against the types of Kubernetes' API, and the fleet's against what it promises: a list
// that can be read, as many pods as shards, tokens from a secret, no more rights than needed, and what is done about each end.
func TestKubernetesManifests(t *testing.T) {
	t.Parallel()
	var alone batch.CronJob
	strictly(t, readText(t, "packaging/kubernetes/cronjob.yaml"), &alone)
	list, job, two := strings.Cut(readText(t, "packaging/kubernetes/fleet.yaml"), "\n---\n")
	var config core.ConfigMap
	var cron batch.CronJob
	strictly(t, list, &config)
	strictly(t, job, &cron)
	if !two || config.Kind != "ConfigMap" || config.APIVersion != "v1" || cron.Kind != "CronJob" || cron.APIVersion != "batch/v1" || alone.Kind != "CronJob" {
		t.Fatalf("want a ConfigMap and a CronJob, have %s and %s", config.Kind, cron.Kind)
	}
	profiles, problems := fleet.Parse("fleet.yaml", []byte(config.Data["fleet.yaml"]))
	if len(problems) > 0 || len(profiles.Profiles) != 2 {
		t.Errorf("the list: %v", problems)
	}

	spec := cron.Spec.JobTemplate.Spec
	pod := spec.Template.Spec
	run := pod.Containers[0]
	if *spec.CompletionMode != batch.IndexedCompletion || *spec.Completions != *spec.Parallelism || *spec.BackoffLimitPerIndex != 1 || spec.BackoffLimit != nil ||
		*spec.MaxFailedIndexes > *spec.Completions || cron.Spec.ConcurrencyPolicy != batch.ForbidConcurrent || pod.RestartPolicy != core.RestartPolicyNever {
		t.Errorf("the job: %+v", spec)
	}
	if args := strings.Join(run.Args, " "); *spec.Completions != 3 || args != "fleet run --fleet=/fleet/fleet.yaml --shard=$(JOB_COMPLETION_INDEX)/3" {
		t.Errorf("%d pods run %s", *spec.Completions, args)
	}
	if len(run.EnvFrom) != 1 || run.EnvFrom[0].SecretRef == nil || len(run.Env) > 0 || len(run.VolumeMounts) != 1 || !run.VolumeMounts[0].ReadOnly || pod.Volumes[0].ConfigMap.Name != config.Name {
		t.Errorf("the container: %+v", run)
	}
	if *spec.ActiveDeadlineSeconds <= int64(profiles.Deadline.Seconds()) {
		t.Errorf("the job ends after %d s, before the fleet does after %s", *spec.ActiveDeadlineSeconds, profiles.Deadline)
	}
	checkRights(t, pod)
	checkEnds(t, spec)
}

// checkRights shows that a pod has no right that it does not need: what Kubernetes calls restricted, no way to change its image, no
// access to the cluster, and a bound of memory.
func checkRights(t *testing.T, pod core.PodSpec) {
	t.Helper()
	if len(pod.Containers) != 1 || len(pod.InitContainers) > 0 {
		t.Fatalf("%d containers and %d before them", len(pod.Containers), len(pod.InitContainers))
	}
	run := pod.Containers[0]
	s, all := run.SecurityContext, pod.SecurityContext
	if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || s.Capabilities.Drop[0] != "ALL" || !*all.RunAsNonRoot || all.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
		*pod.AutomountServiceAccountToken || run.Resources.Limits.Memory().IsZero() {
		t.Errorf("rights that it does not need: %+v %+v", s, all)
	}
}

// checkEnds says what becomes of a shard for each way in which its pod ends.
func checkEnds(t *testing.T, spec batch.JobSpec) {
	t.Helper()
	for _, c := range []struct {
		name   string
		exit   int32
		moved  bool
		action batch.PodFailurePolicyAction
	}{
		{"bad flags, or a file that cannot be used", 4, false, batch.PodFailurePolicyActionFailIndex},
		{"a profile needs somebody", 3, false, batch.PodFailurePolicyActionCount},
		{"pawl failed", 1, false, batch.PodFailurePolicyActionCount},
		{"the node goes away", 130, true, batch.PodFailurePolicyActionIgnore},
		{"killed with the node", 137, true, batch.PodFailurePolicyActionIgnore},
		{"out of memory", 137, false, ""}, // counts by default
		{"interrupted", 130, false, ""},
	} {
		if got := (kubernetes.Job{Spec: spec}).Action(kubernetes.End{Exit: c.exit, Disrupted: c.moved}); got != c.action {
			t.Errorf("%s: %q, want %q", c.name, got, c.action)
		}
	}
}

// TestKubernetesSchemas holds every manifest, and every rendering of the chart, against what Kubernetes says of its API: the first
// version that the chart takes, and a new one. PAWL_KUBERNETES is a folder with their descriptions, as VERSION.json.
func TestKubernetesSchemas(t *testing.T) {
	t.Parallel()
	program, folder := tool(t, "PAWL_KUBECONFORM"), tool(t, "PAWL_KUBERNETES")
	files, err := filepath.Glob(filepath.Join(folder, "v1.*.json"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d descriptions, %v", len(files), err)
	}
	dir, plain := t.TempDir(), readText(t, "packaging/kubernetes/fleet.yaml")
	documents := map[string]string{"cronjob": readText(t, "packaging/kubernetes/cronjob.yaml"), "fleet": plain}
	for _, name := range cases(t) {
		documents["chart "+name] = readText(t, chartValues+"/"+name+".want.yaml")
	}
	for what, by := range map[string]string{
		"backoffLimitPerIndex: 1": "backoffLimitPerIndexx: 1", "completions: 3": "completions: three", "action: FailIndex": "actionn: FailIndex",
		"drop: [ALL]": "drop: ALL", "readOnlyRootFilesystem: true": `readOnlyRootFilesystem: "true"`, "restartPolicy: Never": "restartPolicy: 1",
		"apiVersion: batch/v1": "apiVersion: batch/v0", "mountPath: /fleet": "mountpath: /fleet",
	} {
		documents["spoilt "+strings.NewReplacer(":", "", "/", "").Replace(by)] = strings.Replace(plain, what, by, 1)
	}
	for name, document := range documents {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var said struct {
				Resources []struct{ Filename, Kind, Name, Status, Msg string }
			}
			out, _ := exec.CommandContext(t.Context(), program, "-strict", "-verbose", "-output=json", "-schema-location", apiSchemas(t, file)+"/{{.ResourceKind}}{{.KindSuffix}}.json", dir).Output()
			if err := json.Unmarshal(out, &said); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			seen, wrong := map[string]bool{}, map[string]bool{}
			for _, r := range said.Resources {
				name := strings.TrimSuffix(filepath.Base(r.Filename), ".yaml")
				seen[name] = true
				if r.Status != "statusValid" {
					wrong[name] = true
					if !strings.HasPrefix(name, "spoilt ") {
						t.Errorf("%s: %s %s: %s %s", name, r.Kind, r.Name, r.Status, r.Msg)
					}
				}
			}
			for name := range documents {
				if !seen[name] || !wrong[name] && strings.HasPrefix(name, "spoilt ") {
					t.Errorf("%s: no fault is found", name)
				}
			}
		})
	}
}

// apiSchemas writes a JSON Schema for each kind of the API's description that the manifests have, in which an object has no other
// keys than the described ones, and returns the folder.
func apiSchemas(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	for name, d := range api.Definitions {
		if _, object := d["properties"]; object {
			d["additionalProperties"] = false
		}
		if strings.HasSuffix(name, ".IntOrString") || strings.HasSuffix(name, ".Quantity") { // called a string there, and both in truth
			d["type"] = []any{"string", "number"}
		}
	}
	dir := t.TempDir()
	for kind, name := range map[string]string{
		"cronjob-batch-v1": "io.k8s.api.batch.v1.CronJob", "configmap-v1": "io.k8s.api.core.v1.ConfigMap", "serviceaccount-v1": "io.k8s.api.core.v1.ServiceAccount",
		"persistentvolumeclaim-v1": "io.k8s.api.core.v1.PersistentVolumeClaim", "networkpolicy-networking-v1": "io.k8s.api.networking.v1.NetworkPolicy",
	} {
		if api.Definitions[name] == nil {
			t.Fatalf("%s describes no %s", file, name)
		}
		text, err := json.Marshal(map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/" + name, "definitions": api.Definitions})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, kind+".json"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
