package github_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/forge/github"
	fake "github.com/pawl-cd/pawl/internal/fake/github"
)

// TestNoMergeWithoutAGrant shows that no way of merging is open to an authority that says yes without having been given a
// grant, or with one for another pull request, another head or another way; and that each way is open with the right one.
func TestNoMergeWithoutAGrant(t *testing.T) {
	t.Parallel()
	forged := change.Decision{Verdict: change.Granted, Code: change.Authorized}
	type forger func(right github.Answer, q github.Question, ask func(github.Question) github.Answer) github.Answer
	for name, forge := range map[string]forger{
		"nothing said": func(github.Answer, github.Question, func(github.Question) github.Answer) github.Answer {
			return github.Answer{}
		},
		"without a grant": func(github.Answer, github.Question, func(github.Question) github.Answer) github.Answer {
			return github.Answer{Now: forged, Later: forged}
		},
		"for another pull request": func(_ github.Answer, q github.Question, ask func(github.Question) github.Answer) github.Answer {
			q.Pull.Number = 7
			return ask(q)
		},
		"for another head": func(_ github.Answer, q github.Question, ask func(github.Question) github.Answer) github.Answer {
			q.Pull.HeadSHA = strings.Repeat("0", 40)
			for i := range q.Runs {
				q.Runs[i].HeadSHA = q.Pull.HeadSHA
			}
			return ask(q)
		},
		"for the other way": func(right github.Answer, _ github.Question, _ func(github.Question) github.Answer) github.Answer {
			return github.Answer{Now: right.Later, Later: right.Now}
		},
		"right": func(right github.Answer, _ github.Question, _ func(github.Question) github.Answer) github.Answer {
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
					green("ci")(w, head.SHA)
				}
				since, authority := len(w.fake.Calls()), w.authority(w.repo.Head("main"), named("ci"), time.Hour)
				_, err := w.client.Merge(context.Background(), github.Order{Number: 1, Head: head.SHA, Method: "squash", Wait: 5 * time.Minute,
					Authority: func(ctx context.Context, q github.Question) (github.Answer, error) {
						ask := func(q github.Question) github.Answer {
							answer, err := authority(ctx, q)
							w.must(err)
							return answer
						}
						return forge(ask(q), q, ask), nil
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
