package source

import (
	"regexp"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
)

// The grammar of names (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests) and of
// the hosts before them (https://pkg.go.dev/github.com/distribution/reference); the library checks characters only.
var (
	repositoryName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	})
	registryHost = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?$`)
	})
)

// spelled reports whether a registry can have the repository: its host is one, and no part of its path is empty, hidden
// or leads upwards.
func spelled(repo name.Repository) bool {
	return registryHost().MatchString(repo.RegistryStr()) && repositoryName().MatchString(repo.RepositoryStr())
}
