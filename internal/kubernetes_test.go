package internal

import (
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

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
	s, all := run.SecurityContext, pod.SecurityContext
	if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || s.Capabilities.Drop[0] != "ALL" || !*all.RunAsNonRoot || all.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
		*pod.AutomountServiceAccountToken || run.Resources.Limits.Memory().IsZero() {
		t.Errorf("rights that it does not need: %+v %+v", s, all)
	}

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
		if got := action(spec.PodFailurePolicy, run.Name, c.exit, c.moved); got != c.action {
			t.Errorf("%s: %q, want %q", c.name, got, c.action)
		}
	}
}

// action is what the first rule that matches says (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy).
func action(policy *batch.PodFailurePolicy, container string, exit int32, moved bool) batch.PodFailurePolicyAction {
	for _, rule := range policy.Rules {
		if on := rule.OnExitCodes; on != nil && (on.ContainerName == nil || *on.ContainerName == container) {
			for _, value := range on.Values {
				if (value == exit) == (on.Operator == batch.PodFailurePolicyOnExitCodesOpIn) {
					return rule.Action
				}
			}
		}
		for _, on := range rule.OnPodConditions {
			if moved && on.Type == core.DisruptionTarget && on.Status == core.ConditionTrue {
				return rule.Action
			}
		}
	}
	return ""
}
