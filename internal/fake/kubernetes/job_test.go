package kubernetes_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/kubernetes"
)

const manifest = `kind: ConfigMap
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: x}
spec:
  schedule: "0 * * * *"
  jobTemplate:
    spec:
      completions: 4
      parallelism: 2
      completionMode: Indexed
      backoffLimitPerIndex: 1
      maxFailedIndexes: 3
      podFailurePolicy:
        rules:
          - {action: FailIndex, onExitCodes: {containerName: x, operator: In, values: [4]}}
          - {action: Ignore, onPodConditions: [{type: DisruptionTarget, status: "True"}]}
      template:
        spec:
          restartPolicy: Never
          containers: [{name: x, args: [run, "--shard=$(JOB_COMPLETION_INDEX)/4"]}]
`

// TestJob has pods end in every way: what is tried again, and how often.
func TestJob(t *testing.T) {
	t.Parallel()
	j, err := kubernetes.Parse([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if got := j.Args(2); !slices.Equal(got, []string{"run", "--shard=2/4"}) || j.Grace() != 30 {
		t.Errorf("%v, %d s", got, j.Grace())
	}
	evicted, memory := kubernetes.End{Exit: 137, Disrupted: true}, kubernetes.End{Exit: 137}
	ends := [][]kubernetes.End{
		{evicted, evicted, {Exit: 3}, evicted, {}},
		{{Exit: 1}, memory},
		{{Exit: 4, Disrupted: true}},
		{evicted, memory, {}},
	}
	var mu sync.Mutex
	now, most := 0, 0
	all := j.Run(func(index, number int) kubernetes.End {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		defer func() { mu.Lock(); now--; mu.Unlock() }()
		return ends[index][number]
	})
	if got := fmt.Sprint(all); got != "[{true 5 1} {false 2 2} {false 1 1} {true 3 1}]" || most > 2 {
		t.Errorf("%s, %d at once", got, most)
	}
	if _, err := kubernetes.Parse([]byte("kind: ConfigMap\n")); err == nil {
		t.Error("no CronJob is no error")
	}
}
