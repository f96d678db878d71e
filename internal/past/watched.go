package past

import (
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// Watched are keys, and behind them the places of decisions that nothing tracks any more: of manifests that are gone, or that
// track something else since. A file that is not there any more was renamed, and is followed back from its new name.
func Watched(tracked []Key, decisions []ledger.Decision, there func(file string) bool) []Key {
	now := map[string][]Key{}
	for _, k := range tracked {
		now[k.Manifest] = append(now[k.Manifest], k)
	}
	type place struct {
		manifest string
		ledger.Place
	}
	all, seen := slices.Clone(tracked), map[place]bool{}
	for _, d := range decisions {
		at := place{d.Manifest, d.Place}
		if seen[at] {
			continue
		}
		seen[at] = true
		path, err := edit.ParsePath(d.Key)
		readable := err == nil && d.Key != "" && !strings.ContainsAny(d.Key, "*?") && d.File != "" && !strings.Contains(d.File, "\n")
		if readable && !covered(now[d.Manifest], d) && (len(now[d.Manifest]) == 0 || there(d.File)) {
			all = append(all, Key{Manifest: d.Manifest, File: d.File, Address: edit.InYAML{Document: d.Document, Key: path}})
		}
	}
	return all
}

// covered reports whether one of the keys is, or may be, the place of a decision.
func covered(keys []Key, d ledger.Decision) bool {
	return slices.ContainsFunc(keys, func(k Key) bool {
		address := k.Address.String()
		_, yaml := k.Address.(edit.InYAML)
		return k.File == d.File && (!yaml || address == d.Key || strings.ContainsAny(address, "?*") || strings.Contains(address, ".."))
	})
}
