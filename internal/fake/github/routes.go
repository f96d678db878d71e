package github

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one operation of the REST API. A variable that ends in "..." takes several path segments.
type route struct {
	method, pattern string
	handler         func(*context) reply
	segments        []string // of the pattern
}

// compile splits the patterns once.
func compile(all []route) []route {
	for i := range all {
		all[i].segments = strings.Split(strings.Trim(all[i].pattern, "/"), "/")
	}
	return all
}

// match is the route of a request.
type match struct {
	operation string
	writing   bool
	vars      map[string]string
	handler   func(*context) reply
}

// routes lists what the server speaks; the first that fits is taken.
func routes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{"GET", "/user", getUser, nil},
		{"GET", "/rate_limit", getRateLimit, nil},
		{"GET", "/orgs/{org}/repos", listOrganization, nil},
		{"GET", "/users/{username}/repos", listUser, nil},
		{"GET", "/user/repos", listMine, nil},
		{"GET", "/installation/repositories", listInstallation, nil},
		{"GET", repo, getRepo, nil},
		{"GET", repo + "/git/ref/{ref...}", getRef, nil},
		{"GET", repo + "/git/matching-refs/{ref...}", matchingRefs, nil},
		{"POST", repo + "/git/refs", createRef, nil},
		{"PATCH", repo + "/git/refs/{ref...}", updateRef, nil},
		{"DELETE", repo + "/git/refs/{ref...}", deleteRef, nil},
		{"POST", repo + "/git/blobs", createBlob, nil},
		{"GET", repo + "/git/blobs/{file_sha}", getBlob, nil},
		{"POST", repo + "/git/trees", createTree, nil},
		{"GET", repo + "/git/trees/{tree_sha...}", getTree, nil},
		{"POST", repo + "/git/commits", createCommit, nil},
		{"GET", repo + "/git/commits/{commit_sha}", getGitCommit, nil},
		{"GET", repo + "/contents/{path...}", getContents, nil},
		{"GET", repo + "/contents", getContents, nil},
		{"GET", repo + "/compare/{basehead...}", compare, nil},
		{"GET", repo + "/commits", listCommits, nil},
		{"GET", repo + "/commits/{commit_sha}/pulls", listCommitPulls, nil},
		{"GET", repo + "/commits/{ref...}/check-runs", listCheckRuns, nil},
		{"GET", repo + "/commits/{ref...}/status", combinedStatus, nil},
		{"GET", repo + "/commits/{ref...}/statuses", listStatuses, nil},
		{"GET", repo + "/commits/{ref...}", getCommit, nil},
		{"POST", repo + "/statuses/{sha}", createStatus, nil},
		{"POST", repo + "/check-runs", createCheckRun, nil},
		{"GET", repo + "/branches/{branch...}/protection/required_status_checks", getRequiredChecks, nil},
		{"GET", repo + "/branches/{branch...}/protection", getProtection, nil},
		{"GET", repo + "/branches/{branch...}", getBranch, nil},
		{"GET", repo + "/rules/branches/{branch...}", getRules, nil},
		{"GET", repo + "/pulls", listPulls, nil},
		{"POST", repo + "/pulls", createPull, nil},
		{"GET", repo + "/pulls/{pull_number}", getPull, nil},
		{"PATCH", repo + "/pulls/{pull_number}", updatePull, nil},
		{"GET", repo + "/pulls/{pull_number}/files", listPullFiles, nil},
		{"GET", repo + "/pulls/{pull_number}/commits", listPullCommits, nil},
		{"GET", repo + "/pulls/{pull_number}/merge", isMerged, nil},
		{"PUT", repo + "/pulls/{pull_number}/merge", mergePull, nil},
		{"PUT", repo + "/pulls/{pull_number}/update-branch", updateBranch, nil},
		{"POST", repo + "/pulls/{pull_number}/requested_reviewers", requestReviewers, nil},
		{"POST", repo + "/issues/{issue_number}/assignees", addAssignees, nil},
		{"GET", repo + "/issues/{issue_number}/labels", listLabels, nil},
		{"POST", repo + "/issues/{issue_number}/labels", addLabels, nil},
		{"PUT", repo + "/issues/{issue_number}/labels", setLabels, nil},
		{"DELETE", repo + "/issues/{issue_number}/labels/{name}", removeLabel, nil},
		{"GET", repo + "/issues/{issue_number}/comments", listComments, nil},
		{"POST", repo + "/issues/{issue_number}/comments", createComment, nil},
		{"PATCH", repo + "/issues/comments/{comment_id}", updateComment, nil},
		{"POST", repo + "/actions/workflows/{workflow_id}/dispatches", dispatchWorkflow, nil},
	}
}

// findRoute finds the operation of a request. The paths of Enterprise Server (/api/v3, /api/graphql) work as well.
func (s *Server) findRoute(req *http.Request, body []byte) match {
	if request, gits := asSmart(req); gits {
		operation, writing := request.operation(req, body)
		return match{operation: operation, writing: writing}
	}
	path := strings.TrimPrefix(req.URL.EscapedPath(), "/api/v3")
	if isGraphQL(req) {
		operation, writing := describeQuery(body)
		return match{operation: operation, writing: writing, handler: serveGraphQL}
	}
	segments := s.named(strings.Split(strings.Trim(path, "/"), "/"))
	for _, r := range s.routes {
		if r.method != req.Method {
			continue
		}
		if vars, fits := fit(r.segments, segments); fits {
			return match{r.method + " " + strings.ReplaceAll(r.pattern, "...", ""), r.method != http.MethodGet, vars, r.handler}
		}
	}
	return match{operation: req.Method + " " + path, writing: req.Method != http.MethodGet}
}

func isGraphQL(req *http.Request) bool {
	return req.Method == http.MethodPost && (req.URL.Path == "/graphql" || req.URL.Path == "/api/graphql")
}

// fit matches the segments of a path; a "..." variable takes as many as the rest leaves, at least one.
func fit(pattern, segments []string) (map[string]string, bool) {
	if len(segments) < len(pattern) {
		return nil, false
	}
	vars := map[string]string{}
	for i, want := range pattern {
		if !strings.HasPrefix(want, "{") {
			if len(segments) == 0 || segments[0] != want {
				return nil, false
			}
			segments = segments[1:]
			continue
		}
		name := strings.Trim(want, "{}.")
		count := 1
		if strings.HasSuffix(want, "...}") {
			count = len(segments) - (len(pattern) - i - 1)
		}
		if count < 1 || count > len(segments) {
			return nil, false
		}
		value, err := url.PathUnescape(strings.Join(segments[:count], "/"))
		if err != nil || value == "" {
			return nil, false
		}
		vars[name], segments = value, segments[count:]
	}
	return vars, len(segments) == 0
}
