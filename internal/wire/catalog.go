package wire

import (
	"cmp"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/catalog"
	"github.com/pawl-cd/pawl/internal/source"
)

// Catalog lists the repositories of the configured forge, as whom a token says; empty is anonymous.
func (w Wire) Catalog(token string) (forge.Catalog, error) {
	at := w.forgeURL()
	if w.ForgeKind() == kindGitHub {
		at = cmp.Or(w.ForgeAPI(), source.GitHubAPI)
	}
	return catalog.New(catalog.Config{HTTP: w.Client(), Kind: w.ForgeKind(), URL: at, Token: token, Clean: w.Redactor.Text, Now: w.Now})
}
