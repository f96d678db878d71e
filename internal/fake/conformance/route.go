package conformance

import (
	"net/url"
	"sort"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// route is one described operation.
type route struct {
	name     string // "METHOD path"
	segments []string
	found    routers.Route
}

func compile(document *openapi3.T) []route {
	var all []route
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			all = append(all, route{
				name: method + " " + path, segments: strings.Split(strings.Trim(path, "/"), "/"),
				found: routers.Route{Spec: document, Path: path, PathItem: item, Method: method, Operation: operation},
			})
		}
	}
	// The more segments are fixed, the closer the match.
	sort.Slice(all, func(i, j int) bool {
		if a, b := all[i].fixed(), all[j].fixed(); a != b {
			return a > b
		}
		return all[i].name < all[j].name
	})
	return all
}

func (r route) fixed() int {
	count := 0
	for _, segment := range r.segments {
		if !isParameter(segment) {
			count++
		}
	}
	return count
}

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

// spans says whether a path parameter may hold slashes: OpenAPI cannot say so, GitHub's refs and paths do.
func spans(segment string) bool {
	switch segment {
	case "{ref}", "{path}", "{branch}", "{basehead}", "{tree_sha}":
		return true
	}
	return false
}

// find returns the operation of a request and its path parameters.
func (d *Description) find(method, path string) (*route, map[string]string) {
	path = strings.TrimPrefix(path, "/api/v3")
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i := range d.routes {
		r := &d.routes[i]
		if r.found.Method != method {
			continue
		}
		if parameters := bind(r.segments, segments); parameters != nil {
			return r, parameters
		}
	}
	return nil, nil
}

// bind matches a path; only one parameter of a pattern may span several segments.
func bind(pattern, segments []string) map[string]string {
	parameters := map[string]string{}
	for i, want := range pattern {
		left := len(pattern) - i - 1
		size := 1
		if spans(want) {
			size = len(segments) - left
			if size == 0 && want == "{path}" { // the root directory
				parameters["path"] = ""
				continue
			}
		}
		if size < 1 || size > len(segments) {
			return nil
		}
		text := strings.Join(segments[:size], "/")
		segments = segments[size:]
		if !isParameter(want) {
			if text != want {
				return nil
			}
			continue
		}
		value, err := url.PathUnescape(text)
		if err != nil || value == "" {
			return nil
		}
		parameters[strings.Trim(want, "{}")] = value
	}
	if len(segments) > 0 {
		return nil
	}
	return parameters
}
