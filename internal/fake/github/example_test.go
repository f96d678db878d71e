package github_test

import (
	"context"
	"fmt"
	"net/http"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// A client merges what a person has pushed, without a socket.
func Example() {
	fake := github.New(github.Options{Identities: map[string]github.Identity{"t0ken": {Login: "bot"}}})
	repo := fake.Create("acme/profile", github.Settings{})
	for _, branch := range []string{"main", "bump"} {
		if _, err := repo.Push(branch, "alice", map[string][]byte{"values.yaml": []byte("tag: " + branch + "\n")}, branch); err != nil {
			fmt.Println(err)
		}
	}
	ctx := context.Background()
	client := gh.NewClient(&http.Client{Transport: fake.RoundTripper()}).WithAuthToken("t0ken")
	pull, _, err := client.PullRequests.Create(ctx, "acme", "profile", &gh.NewPullRequest{
		Title: gh.String("Bump"), Head: gh.String("bump"), Base: gh.String("main"),
	})
	if err != nil {
		fmt.Println(err)
	}
	_, _, err = client.PullRequests.Merge(ctx, "acme", "profile", pull.GetNumber(), "", &gh.PullRequestOptions{MergeMethod: "squash"})
	text, _ := repo.File("main", "values.yaml")
	fmt.Printf("%v %s", err, text)
	for _, call := range fake.Calls() {
		fmt.Println(call.Identity, call.Operation, call.Status)
	}
	// Output:
	// <nil> tag: bump
	// bot POST /repos/{owner}/{repo}/pulls 201
	// bot PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge 200
}
