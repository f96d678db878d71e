package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/source"
)

// artifacts reads what is to be barred.
func (o *brakeOptions) artifacts(p brakedProfile, args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		a, err := source.ParseNamed(arg)
		if err != nil {
			return nil, usage(fmt.Errorf("%s: %w", arg, err))
		}
		if p.manifests != nil && !o.yes && !followed(a, p.manifests) {
			return nil, &exit{code: Usage, err: fmt.Errorf("no manifest follows %s", arg), topics: []topic{usageTopic},
				hint: strings.TrimSpace(meant(arg, p.manifests) + " Name it as the manifest's source does, or bar it all the same with --yes")}
		}
		all = append(all, a.String())
	}
	return all, nil
}

// meant asks for the source whose name is near to that of an artifact.
func meant(arg string, manifests []manifest.Manifest) string {
	end := strings.IndexByte(arg, '@')
	if end < 0 {
		end = max(strings.LastIndexByte(arg, ':'), 0)
	}
	var names []string
	for _, m := range manifests {
		for _, s := range m.Sources {
			names = append(names, strings.TrimPrefix(s.Query.String(), "docker.io/"))
		}
	}
	if near := fault.Nearest(arg[:end], names); near != "" {
		return fault.DidYouMean(near + arg[end:])
	}
	return ""
}

// followed reports whether a manifest follows what an artifact is a version of.
func followed(a source.Artifact, manifests []manifest.Manifest) bool {
	return slices.ContainsFunc(manifests, func(m manifest.Manifest) bool {
		return slices.ContainsFunc(m.Sources, func(s manifest.Source) bool { return a.Of(s.Query) })
	})
}

// pulledNow lists the brakes that are pulled, for who has misspelled one.
func pulledNow(l ledger.Ledger) string {
	var lines strings.Builder
	for _, one := range l.Levers {
		lines.WriteString("  pulled is: " + one.Line() + "\n")
	}
	return lines.String()
}

// effects says of each quarantine which values stand at it, to the ledger's knowledge; and of one at which none does, where they are.
func effects(p brakedProfile, levers []ledger.Lever) []string {
	var lines []string
	for _, l := range levers {
		artifact, err := source.ParseArtifact(l.Subject)
		if err != nil || artifact.Type == "oci" && artifact.Version != "" {
			continue // which bytes a value has is the next run's to find out
		}
		var at, elsewhere []string
		for _, m := range p.manifests {
			for _, s := range m.Sources {
				if !artifact.Of(s.Query) {
					continue
				}
				for _, v := range p.ledger.Values {
					if v.Manifest != m.Name {
						continue
					}
					if artifact.Covers(s.Query, v.Version, "") {
						at = append(at, m.Name)
					} else {
						elsewhere = append(elsewhere, m.Name+" is at "+v.Version)
					}
				}
			}
		}
		switch {
		case len(at) > 0:
			lines = append(lines, "  the next run leaves it in "+strings.Join(slices.Compact(at), ", "))
		case len(elsewhere) > 0:
			slices.Sort(elsewhere)
			elsewhere = slices.Compact(elsewhere)
			more := ""
			if len(elsewhere) > 3 {
				more, elsewhere = fmt.Sprintf(" and %d more", len(elsewhere)-3), elsewhere[:3]
			}
			lines = append(lines, "  note: no value that pawl wrote stands at it: "+strings.Join(elsewhere, ", ")+more+"; is it spelled as the registry does?")
		}
	}
	return lines
}

// named expands names and patterns. A name that is none, and several where they were not affirmed, are errors.
func (o *brakeOptions) named(args, known []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		found := matching(arg, known)
		if len(found) == 0 {
			hint := "the names are the manifests' paths without extension; pawl plan -v lists them"
			bare := strings.TrimSuffix(strings.TrimSuffix(arg, ".yaml"), ".yml")
			above, _, _ := cutTarget(arg)
			switch near := fault.Nearest(arg, known); {
			case slices.Contains(known, bare):
				hint = fault.DidYouMean(bare)
			case slices.Contains(known, above):
				hint = fault.DidYouMean(above) + " What follows it names one of its targets"
			case near != "":
				hint = fault.DidYouMean(near)
			case len(known) == 0:
				hint = "none is known here: run it in a checkout of the profile"
			}
			return nil, &exit{code: Usage, err: fmt.Errorf("no manifest is named %q", arg), hint: hint, topics: []topic{noManifestTopic}}
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > 1 && !o.yes && !o.dryRun {
		return nil, &exit{code: Usage, err: fmt.Errorf("%s are meant: %s", count(len(all), "manifest"), strings.Join(all, ", ")), hint: "add --yes to mean all of them"}
	}
	return all, nil
}

// cutTarget splits a name as status shows it: the manifest and one of its targets.
func cutTarget(name string) (manifest, target string, found bool) {
	at := strings.LastIndexByte(name, '/')
	if at < 0 {
		return name, "", false
	}
	return name[:at], name[at+1:], true
}

// matching are the names that a name or a pattern means.
func matching(arg string, known []string) []string {
	return slices.DeleteFunc(slices.Clone(known), func(name string) bool {
		matches, err := path.Match(arg, name)
		return name != arg && (err != nil || !matches)
	})
}
