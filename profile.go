// Package pawl holds this repository's own profile for `pawl demo`, and nothing else.
package pawl

import "embed"

// Profile is the manifests in manifests/ and the files in profiles/ that they manage.
//
//go:embed manifests profiles
var Profile embed.FS
