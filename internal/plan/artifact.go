package plan

import (
	"path"
	"strings"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/source"
)

// artifactOf names a version of a source, without the digest of an image.
func artifactOf(q source.Query, version string) event.Artifact {
	registry, oci := strings.CutPrefix(q.Base, "oci://")
	switch {
	case q.Kind == source.Image:
		return event.Image(q.Host+"/"+q.Path, version, "")
	case q.Kind == source.HelmChart && oci:
		return event.Image(path.Join(registry, q.Path), version, "")
	case q.Kind == source.HelmChart:
		return event.Chart(q.Base, q.Path, version)
	case q.Kind == source.GitTag:
		return event.GitTag(q.Base, version)
	}
	api := q.Base
	if api == source.GitHubAPI {
		api = ""
	}
	owner, repository, _ := strings.Cut(q.Path, "/")
	return event.Release(api, owner, repository, version)
}
