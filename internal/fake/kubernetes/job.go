// Package kubernetes is what decides about the pods of an Indexed Job, read from its own manifest: which are started, which
// end is a failure, what is tried again. It promises the rules of the Job controller
// (https://kubernetes.io/docs/concepts/workloads/controllers/job/#backoff-limit-per-index and #pod-failure-policy) for one pod an
// index at a time, as with a pod failure policy a pod is replaced only once it has ended. It starts nothing itself.
//
// What it leaves out: how long is waited between attempts, deadlines, everything of a Job that is not Indexed.
package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Job is an Indexed Job whose pods have one container.
type Job struct {
	Spec batch.JobSpec
}

// Parse reads the job of a CronJob, which may stand among other documents. A field that the API does not have is an error.
func Parse(manifest []byte) (Job, error) {
	for _, document := range bytes.Split(manifest, []byte("\n---\n")) {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(document, &kind); err != nil || kind.Kind != "CronJob" {
			continue
		}
		var cron batch.CronJob
		if err := yaml.UnmarshalStrict(document, &cron); err != nil {
			return Job{}, fmt.Errorf("reading the CronJob: %w", err)
		}
		j := Job{cron.Spec.JobTemplate.Spec}
		if s := j.Spec; s.CompletionMode == nil || *s.CompletionMode != batch.IndexedCompletion || s.Completions == nil || s.Parallelism == nil ||
			s.BackoffLimitPerIndex == nil || s.Template.Spec.RestartPolicy != core.RestartPolicyNever || len(s.Template.Spec.Containers) != 1 {
			return Job{}, errors.New("the job is not Indexed with a limit for each index, or its pods are restarted, or have several containers")
		}
		return j, nil
	}
	return Job{}, errors.New("there is no CronJob")
}

// Indexes is how many pods have to succeed.
func (j Job) Indexes() int { return int(*j.Spec.Completions) }

// Args are those of the container of an index.
func (j Job) Args(index int) []string {
	all := slices.Clone(j.Spec.Template.Spec.Containers[0].Args)
	for i, arg := range all {
		all[i] = strings.ReplaceAll(arg, "$(JOB_COMPLETION_INDEX)", strconv.Itoa(index))
	}
	return all
}

// Grace is how many seconds a pod gets that is told to end, before it is killed.
func (j Job) Grace() int64 {
	if s := j.Spec.Template.Spec.TerminationGracePeriodSeconds; s != nil {
		return *s
	}
	return core.DefaultTerminationGracePeriodSeconds
}

// End is how a pod ended; Disrupted says that it was evicted, or its node went away.
type End struct {
	Exit      int32
	Disrupted bool
}

// Action is what the first rule of the pod failure policy that matches says, empty when none does: then the failure counts.
func (j Job) Action(end End) batch.PodFailurePolicyAction {
	if j.Spec.PodFailurePolicy == nil {
		return ""
	}
	container := j.Spec.Template.Spec.Containers[0].Name
	for _, rule := range j.Spec.PodFailurePolicy.Rules {
		if on := rule.OnExitCodes; on != nil && end.Exit != 0 && (on.ContainerName == nil || *on.ContainerName == container) {
			if slices.Contains(on.Values, end.Exit) == (on.Operator == batch.PodFailurePolicyOnExitCodesOpIn) {
				return rule.Action
			}
		}
		for _, on := range rule.OnPodConditions {
			if end.Disrupted && on.Type == core.DisruptionTarget && on.Status == core.ConditionTrue {
				return rule.Action
			}
		}
	}
	return ""
}

// Index is how one index ended.
type Index struct {
	Succeeded bool
	// Pods is how many there were, Failures how many of them counted.
	Pods, Failures int
}

// Run has pods run until each index has succeeded or failed; pod runs the one of an index, and its number is how many were before.
func (j Job) Run(pod func(index, number int) End) []Index {
	all := make([]Index, j.Indexes())
	room := make(chan struct{}, *j.Spec.Parallelism)
	var mu sync.Mutex
	failed, over := int32(0), false
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return over
	}
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() {
			for one := &all[i]; !stopped(); {
				room <- struct{}{}
				end := pod(i, one.Pods)
				<-room
				one.Pods++
				if end.Exit == 0 {
					one.Succeeded = true
					return
				}
				action := j.Action(end)
				if action == batch.PodFailurePolicyActionIgnore {
					continue
				}
				one.Failures++
				if action != batch.PodFailurePolicyActionFailIndex && action != batch.PodFailurePolicyActionFailJob && one.Failures <= int(*j.Spec.BackoffLimitPerIndex) {
					continue
				}
				mu.Lock()
				failed++
				over = over || action == batch.PodFailurePolicyActionFailJob || j.Spec.MaxFailedIndexes != nil && failed > *j.Spec.MaxFailedIndexes
				mu.Unlock()
				return
			}
		})
	}
	group.Wait()
	return all
}
