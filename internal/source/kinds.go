package source

import (
	"path"
	"strings"
)

// Kind is the kind of a source, in the words of the manifest.
type Kind string

// The kinds of source that pawl asks.
const (
	Image         Kind = "dockerimage"
	HelmChart     Kind = "helmchart"
	GitHubRelease Kind = "githubrelease"
	GitTag        Kind = "gittag"
)

// Descriptor is what is the same for every source of a kind. Besides it a kind has its spec (manifest.sourceKinds) and its
// client (the sources of the command line).
type Descriptor struct {
	// Label is what people call what is followed.
	Label string
	// Name is the canonical name of a source, for messages; Repository is what is asked for at its host.
	Name, Repository func(q Query) string
	// Artifact names a version of a source, without the digest of an image.
	Artifact func(q Query, version string) Artifact
}

// Names are the kinds, in the words of the manifest.
func Names() []string {
	return []string{string(Image), string(HelmChart), string(GitHubRelease), string(GitTag)}
}

// kinds describes each kind.
var kinds = map[Kind]Descriptor{
	Image: {
		Label:      "image",
		Name:       func(q Query) string { return q.Host + "/" + q.Path },
		Repository: func(q Query) string { return q.Path },
		Artifact:   func(q Query, tag string) Artifact { return ImageArtifact(q.Host+"/"+q.Path, tag, "") },
	},
	HelmChart: {
		Label:      "chart",
		Name:       func(q Query) string { return q.Base + "#" + q.Path },
		Repository: below,
		Artifact: func(q Query, version string) Artifact {
			if registry, oci := strings.CutPrefix(q.Base, "oci://"); oci {
				return ImageArtifact(path.Join(registry, q.Path), version, "")
			}
			return ChartArtifact(q.Base, q.Path, version)
		},
	},
	GitHubRelease: {
		Label:      "release",
		Name:       func(q Query) string { return q.Path },
		Repository: below,
		Artifact: func(q Query, tag string) Artifact {
			owner, repository, _ := strings.Cut(q.Path, "/")
			return ReleaseArtifact(q.Base, owner, repository, tag)
		},
	},
	GitTag: {
		Label:      "git tag",
		Name:       func(q Query) string { return q.Base },
		Repository: below,
		Artifact:   func(q Query, tag string) Artifact { return GitTagArtifact(q.Base, tag) },
	},
}

// Describe returns what is known of a kind, and false for one that is none.
func Describe(k Kind) (Descriptor, bool) {
	d, ok := kinds[k]
	return d, ok
}

// below is the path of a query behind its host.
func below(q Query) string {
	_, place, _ := strings.Cut(q.Base, "://")
	_, prefix, _ := strings.Cut(place, "/")
	return strings.Trim(prefix+"/"+q.Path, "/")
}

// String returns the canonical name of the source, for messages.
func (q Query) String() string {
	if d, ok := kinds[q.Kind]; ok {
		return d.Name(q)
	}
	return q.Path
}

// Repository is what is asked for at the source's host.
func (q Query) Repository() string {
	if d, ok := kinds[q.Kind]; ok {
		return d.Repository(q)
	}
	return below(q)
}

// Artifact names a version of the source, without the digest of an image; the zero Artifact when its kind is none.
func (q Query) Artifact(version string) Artifact {
	if d, ok := kinds[q.Kind]; ok {
		return d.Artifact(q, version)
	}
	return Artifact{}
}
