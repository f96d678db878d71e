package github_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
)

// TestNoMergeWithoutAGrant shows that no way of merging is open to an authority that says yes without having been given a
// grant, or with one for another pull request, another head or another way; and that each way is open with the right one.
func TestNoMergeWithoutAGrant(t *testing.T) {
	t.Parallel()
	forged := change.Decision{Verdict: change.Granted, Code: change.Authorized}
	type forger func(right forge.Answer, q forge.State, ask func(forge.State) forge.Answer) forge.Answer
	for name, forges := range map[string]forger{
		"nothing said": func(forge.Answer, forge.State, func(forge.State) forge.Answer) forge.Answer {
			return forge.Answer{}
		},
		"without a grant": func(forge.Answer, forge.State, func(forge.State) forge.Answer) forge.Answer {
			return forge.Answer{Now: forged, Later: forged}
		},
		"for another pull request": func(_ forge.Answer, q forge.State, ask func(forge.State) forge.Answer) forge.Answer {
			q.Pull.Number = 7
			return ask(q)
		},
		"for another head": func(_ forge.Answer, q forge.State, ask func(forge.State) forge.Answer) forge.Answer {
			q.Pull.HeadSHA = strings.Repeat("0", 40)
			for i := range q.Checks {
				q.Checks[i].HeadSHA = q.Pull.HeadSHA
			}
			return ask(q)
		},
		"for the other way": func(right forge.Answer, _ forge.State, _ func(forge.State) forge.Answer) forge.Answer {
			return forge.Answer{Now: right.Later, Later: right.Now}
		},
		"right": func(right forge.Answer, _ forge.State, _ func(forge.State) forge.Answer) forge.Answer {
			return right
		},
	} {
		for way, c := range map[string]struct {
			protect fake.Protection
			green   bool
		}{
			put:     {fake.Protection{Checks: []string{"ci"}}, true},
			enable:  {fake.Protection{Checks: []string{"ci"}}, false},
			enqueue: {fake.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Build: time.Minute}, true},
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, fake.Settings{AutoMerge: true}, nil)
				head, _ := w.propose()
				w.repo.Protect("main", c.protect)
				if c.green {
					green("ci")(w, head.HeadSHA)
				}
				since, authority := len(w.fake.Calls()), w.authority(w.repo.Head("main"), named("ci"), time.Hour)
				_, err := w.client.Merge(context.Background(), forge.Order{Number: 1, Head: head.HeadSHA, Method: "squash", Wait: 5 * time.Minute,
					Authority: func(ctx context.Context, q forge.State) (forge.Answer, error) {
						ask := func(q forge.State) forge.Answer {
							answer, err := authority(ctx, q)
							w.must(err)
							return answer
						}
						return forges(ask(q), q, ask), nil
					}})
				tried := strings.Contains(strings.Join(w.writes(since), " "), way)
				pull, _ := w.repo.Pull(1)
				if right := name == "right"; tried != right || !right && (pull.Merged || pull.AutoMerge || pull.Queued) || right && err != nil {
					t.Errorf("writing calls %v, merged %t, armed %t, queued %t, error %v", w.writes(since), pull.Merged, pull.AutoMerge, pull.Queued, err)
				}
			})
		}
	}
}
