package github

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// wordy are the operations whose errors carry their status as text, as all that were made since the middle of 2024 do;
// those of the older ones came without it whenever they were recorded.
func wordy(operation string) bool {
	for _, old := range []string{"/pulls", "/branches/", "/labels", "/dispatches", "/git/ref", "/git/matching-refs",
		"/git/commits", "/git/blobs", "/commits/", "GET /user"} {
		if strings.Contains(operation, old) {
			return false
		}
	}
	return true
}

// finish makes an answer look as GitHub's do: where it is documented, its tag, its place, what it asks of a token.
func (s *Server) finish(req *http.Request, call Call, who Identity, r reply) reply {
	if body, isObject := r.body.(obj); isObject && r.status >= 400 {
		if _, documented := body["documentation_url"]; documented && body["documentation_url"] == docs {
			body["documentation_url"] = docs + section(call.Operation)
		}
		if !wordy(call.Operation) {
			delete(body, "status")
		}
		if r.status == http.StatusUnauthorized && strings.HasSuffix(call.Operation, "/user") {
			delete(body, "documentation_url")
		}
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	if body, isObject := r.body.(obj); isObject && r.status == http.StatusCreated && body["url"] != nil {
		r.header.Set("Location", body["url"].(string))
	}
	version := req.Header.Get("X-Github-Api-Version")
	if version == "" {
		version = "2022-11-28"
	}
	r.header.Set("X-Github-Api-Version-Selected", version)
	if call.Operation != "" && !isGraphQL(req) && r.status < 400 {
		r.header.Set("X-Accepted-Github-Permissions", accepted(call))
	}
	if !who.ExpiresAt.IsZero() {
		r.header.Set("Github-Authentication-Token-Expiration", expiry(who, call.Number))
	}
	return r
}

const docs = "https://docs.github.com/rest"

// section is the chapter of an operation in GitHub's documentation.
func section(operation string) string {
	_, path, _ := strings.Cut(operation, "{repo}/")
	chapter, rest, _ := strings.Cut(path, "/")
	if chapter == "" {
		return ""
	}
	method, _, _ := strings.Cut(operation, " ")
	if named, _, _ := strings.Cut(rest, "/"); chapter == "git" {
		chapter += "/" + named
	}
	return "/" + chapter + "#" + strings.ToLower(method)
}

// accepted is what a token needs for a call.
func accepted(call Call) string {
	area, level := "contents", "read"
	for _, part := range []struct{ word, area string }{{"/pulls", "pull_requests"}, {"/issues", "issues"},
		{"/check-runs", "checks"}, {"/status", "statuses"}, {"/actions/", "actions"}, {"GET /user", "profile"}} {
		if strings.Contains(call.Operation, part.word) {
			area = part.area
		}
	}
	if call.Writing {
		level = "write"
	}
	if call.Method == http.MethodPatch && strings.Contains(call.Operation, "/git/refs") {
		return "contents=write; contents=write,workflows=write"
	}
	return area + "=" + level
}

// expiry is when a token expires, in one of the ways in which GitHub was seen to write it.
func expiry(who Identity, call int) string {
	const day = "2006-01-02 15:04:05 "
	switch call % 3 {
	case 1:
		return who.ExpiresAt.In(zone(1)).Format(day + "-0700")
	case 2:
		return who.ExpiresAt.In(zone(-7)).Format(day + "-0700")
	}
	return who.ExpiresAt.UTC().Format(day) + "UTC"
}

// tag is the weak validator of a body.
func tag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:]) + `"`
}
