// Package github is a GitHub to try a client on: REST v3 and the GraphQL that a merge needs, over real git objects.
//
// It promises GitHub's own paths, status codes and error texts, real object ids, compare-and-swap on refs, and the same
// answers for the same calls and the same clock: nothing in it sleeps, draws random numbers or runs in the background.
// What GitHub does by itself later (checks that report, auto-merge, the merge queue) happens at the start of the next
// request, or on Server.Tick, as far as the given clock has moved.
//
// A Server is an http.Handler, and serves in memory through Server.RoundTripper. Persons act through the methods of Repo.
// With Options.Dir each change is also written to a bare repository that git can clone; Repo.Save does so once.
//
//	fake := github.New(github.Options{Identities: map[string]github.Identity{"t0ken": {Login: "bot"}}})
//	repo := fake.Create("owner/name", github.Settings{AutoMerge: true})
//	repo.Push("main", "alice", map[string][]byte{"values.yaml": []byte("tag: v1\n")}, "start")
//	repo.Protect("main", github.Protection{Checks: []string{"ci"}})
//	client := &http.Client{Transport: fake.RoundTripper()}
//	// ... the client opens pull request 1 ...
//	repo.SetCheck(repo.Head("bot/update"), github.Check{Name: "ci", Conclusion: "success"})
//	fake.Calls() // every request, with its identity and whether it writes
//
// What it leaves out: hooks, reviews, the git wire protocol, anything that moves no commit.
package github
