// Package gitlab is a GitLab to try a client on: triggering a pipeline with a token, reading pipelines, and listing
// projects.
//
// It promises GitLab's own paths, checks, status codes and error texts, in the order in which GitLab looks
// (https://docs.gitlab.com/ee/api/pipeline_triggers.html#trigger-a-pipeline-with-a-token,
// https://docs.gitlab.com/ee/api/pipelines.html, https://docs.gitlab.com/ee/api/rest/), and the same answers for the
// same calls and the same clock: nothing in it sleeps, draws random numbers or runs in the background. Like GitLab it
// makes one more pipeline for each trigger that it accepts, whatever the trigger says, and counts them.
//
// A Server is an http.Handler, and serves in memory through Server.RoundTripper.
//
//	fake := gitlab.New(gitlab.Options{Address: "https://gitlab.example/sub"})
//	project := fake.Create("group/name", gitlab.Settings{ID: 19, Triggers: []string{"t0ken"}, Readers: []string{"api"}})
//	project.Inject(gitlab.CutAfter()) // the next trigger is accepted, and its answer is lost
//	client := &http.Client{Transport: fake.RoundTripper()}
//	// ... the client posts to project.TriggerURL() ...
//	project.Count("https://github.com/o/r/commit/1") // pipelines for that CD_COMMIT_URL
//
// What it leaves out: jobs, everything that is not in those pages.
package gitlab
