package fake

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// NewHelm returns a handler with the index of a Helm repository at /index.yaml, at any depth of the path. The versions
// of each chart are listed in the order given.
func NewHelm(charts map[string][]string) http.Handler {
	index := helmIndex(charts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/index.yaml") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-yaml")
		_, _ = io.WriteString(w, index)
	})
}

// helmIndex writes an index as Helm does.
func helmIndex(charts map[string][]string) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nentries:\n")
	if len(charts) == 0 {
		return "apiVersion: v1\nentries: {}\n"
	}
	for _, chart := range slices.Sorted(maps.Keys(charts)) {
		fmt.Fprintf(&b, "  %s:\n", chart)
		for _, version := range charts[chart] {
			fmt.Fprintf(&b, "  - apiVersion: v2\n    created: \"2026-01-02T03:04:05Z\"\n    name: %s\n    urls:\n    - https://charts.example/%[1]s-%s.tgz\n    version: %q\n", chart, version, version)
		}
	}
	b.WriteString("generated: \"2026-01-02T03:04:05Z\"\n")
	return b.String()
}

// WithLogin returns a handler that serves like the given one to those who log in by Basic, as ChartMuseum does.
func WithLogin(user, password string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); ok && u == user && p == password {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="ChartMuseum"`)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		writeJSON(w, map[string]string{"error": "unauthorized"})
	})
}
