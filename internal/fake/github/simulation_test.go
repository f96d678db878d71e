package github_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// memory is a fake without sockets, with a file of many lines on main.
func memory(t testing.TB) (*github.Server, *github.Repo, *gh.Client) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	fake := github.New(github.Options{Now: func() time.Time { return at }, Identities: identities()})
	repo := fake.Create("acme/profile", github.Settings{DeleteBranchOnMerge: true})
	if _, err := repo.Push("main", "alice", map[string][]byte{"values.yaml": []byte(lines(nil))}, "start"); err != nil {
		t.Fatal(err)
	}
	return fake, repo, gh.NewClient(&http.Client{Transport: fake.RoundTripper()}).WithAuthToken("bot-token")
}

// lines is a file of 60 keys, the given ones raised.
func lines(raised map[int]int) string {
	var out strings.Builder
	for key := range 60 {
		fmt.Fprintf(&out, "key%d:\n  image:\n    tag: v%d\n", key, raised[key])
	}
	return out.String()
}

// bump proposes and merges one change; false means that somebody was faster.
func bump(client *gh.Client, key, run int) (bool, error) {
	ctx := context.Background()
	head, _, err := client.Git.GetRef(ctx, "acme", "profile", "heads/main")
	if err != nil {
		return false, err
	}
	parent := head.GetObject().GetSHA()
	file, _, _, err := client.Repositories.GetContents(ctx, "acme", "profile", "values.yaml", &gh.RepositoryContentGetOptions{Ref: parent})
	if err != nil {
		return false, err
	}
	text, err := file.GetContent()
	if err != nil {
		return false, err
	}
	text = strings.Replace(text, fmt.Sprintf("key%d:\n  image:\n    tag: v0\n", key), fmt.Sprintf("key%d:\n  image:\n    tag: v1\n", key), 1)
	tree, _, err := client.Git.CreateTree(ctx, "acme", "profile", parent, []*gh.TreeEntry{
		{Path: gh.String("values.yaml"), Mode: gh.String("100644"), Type: gh.String("blob"), Content: &text},
	})
	if err != nil {
		return false, err
	}
	commit, _, err := client.Git.CreateCommit(ctx, "acme", "profile", &gh.Commit{Message: gh.String(fmt.Sprintf("bump %d.%d", key, run)), Tree: tree, Parents: []*gh.Commit{{SHA: &parent}}}, nil)
	if err != nil {
		return false, err
	}
	_, response, err := client.Git.UpdateRef(ctx, "acme", "profile", &gh.Reference{Ref: gh.String("refs/heads/main"), Object: &gh.GitObject{SHA: commit.SHA}}, false)
	if response != nil && response.StatusCode == http.StatusUnprocessableEntity {
		return false, nil
	}
	return err == nil, err
}

func TestRacersLoseNothing(t *testing.T) {
	t.Parallel()
	_, repo, client := memory(t)
	var racers sync.WaitGroup
	for key := range 20 {
		racers.Add(1)
		go func() {
			defer racers.Done()
			for run := range 200 {
				won, err := bump(client, key, run)
				if err != nil {
					t.Errorf("racer %d: %v", key, err)
				}
				if won || err != nil {
					return
				}
			}
			t.Errorf("racer %d never won", key)
		}()
	}
	racers.Wait()
	raised := map[int]int{}
	for key := range 20 {
		raised[key] = 1
	}
	if text, _ := repo.File("main", "values.yaml"); string(text) != lines(raised) {
		t.Errorf("main holds %s", text)
	}
	if got := len(repo.Log("main")); got != 21 {
		t.Errorf("%d commits, want 21", got)
	}
}

func BenchmarkProposeAndMerge(b *testing.B) {
	fake, repo, client := memory(b)
	ctx := context.Background()
	for i := range b.N {
		branch := fmt.Sprintf("up%d", i)
		text := lines(map[int]int{i % 60: i + 1})
		if _, err := repo.Push(branch, "pawl-bot", map[string][]byte{"values.yaml": []byte(text)}, "bump"); err != nil {
			b.Fatal(err)
		}
		pull, _, err := client.PullRequests.Create(ctx, "acme", "profile", &gh.NewPullRequest{Title: &branch, Head: &branch, Base: gh.String("main")})
		if err != nil {
			b.Fatal(err)
		}
		for range 8 {
			if _, _, err := client.PullRequests.Get(ctx, "acme", "profile", pull.GetNumber()); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := client.PullRequests.Merge(ctx, "acme", "profile", pull.GetNumber(), "", &gh.PullRequestOptions{MergeMethod: "squash"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(fake.Calls()))/b.Elapsed().Seconds(), "calls/s")
}
