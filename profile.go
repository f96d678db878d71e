// Package pawl holds this repository's own profile for `pawl demo` and its workflows for `pawl init`, and nothing else.
package pawl

import "embed"

// Profile is the manifests in manifests/ and the files in profiles/ that they manage.
//
//go:embed manifests profiles
var Profile embed.FS

// Workflows holds the two workflows that a profile runs, under .github/workflows.
//
//go:embed .github/workflows/docker-image.yaml .github/workflows/gitlab.yaml
var Workflows embed.FS
