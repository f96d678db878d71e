package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/source"
)

// lifting is what a command takes back: the levers, and what was named right and that nothing bars.
type lifting struct {
	levers []ledger.Lever
	idle   []string
}

// lift takes levers back.
func (o *brakeOptions) lift(ctx context.Context, name string, args []string) error {
	p, err := o.profile(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }() // it was only read
	if err := p.session.keyed(); err != nil && !o.dryRun {
		return err
	}
	all, err := o.lifted(p, name, args)
	if err != nil {
		return err
	}
	if len(all.levers) == 0 {
		return o.write(printableLines("nothing of the kind is pulled: nothing was done\n" + pulledNow(p.ledger)))
	}
	return o.record(ctx, p, all.from, o.said(all))
}

// from takes the levers out of a ledger.
func (all lifting) from(l ledger.Ledger) ledger.Ledger {
	for _, one := range all.levers {
		l = l.Lift(one.Kind, one.Subject)
	}
	return l
}

// said is what was lifted, a line each, and what was not.
func (o *brakeOptions) said(all lifting) []string {
	var lines []string
	for _, l := range all.levers {
		lines = append(lines, o.did("lifted", "lift")+l.Line())
	}
	for _, name := range all.idle {
		lines = append(lines, "  nothing of the kind is pulled of "+name)
	}
	return lines
}

// lifted is what a command takes back.
func (o *brakeOptions) lifted(p brakedProfile, name string, args []string) (lifting, error) {
	switch name {
	case "unquarantine":
		return unquarantine(p, args)
	case "unhold":
		return o.unhold(p, args)
	default:
		return lifting{levers: leversOf(p.ledger, func(l ledger.Lever) bool { return l.Kind == ledger.Pause })}, nil
	}
}

// unquarantine are the quarantines of artifacts.
func unquarantine(p brakedProfile, args []string) (all lifting, err error) {
	barred := leversOf(p.ledger, func(l ledger.Lever) bool {
		return l.Kind == ledger.Quarantine || l.Kind == ledger.Withdrawn
	})
	for _, arg := range args {
		a, err := source.ParseNamed(arg)
		if err != nil {
			return lifting{}, usage(fmt.Errorf("%s: %w", arg, err))
		}
		levers := slices.DeleteFunc(slices.Clone(barred), func(l ledger.Lever) bool { return l.Subject != a.String() })
		if len(levers) > 0 {
			all.levers = append(all.levers, levers...)
			continue
		}
		if err := slip(p, arg, a, barred); err != nil {
			return lifting{}, err
		}
		all.idle = append(all.idle, arg)
	}
	return all, nil
}

// slip says that an artifact which nothing bars was misspelled: others of its versions are barred, or nobody knows it and its
// name is near to one that is. Else it is right, and was lifted before.
func slip(p brakedProfile, arg string, a source.Artifact, barred []ledger.Lever) error {
	versions, others := barredAlike(a, barred)
	near := fault.Nearest(spelled(a), slices.Concat(versions, others))
	known := p.manifests != nil && followed(a, p.manifests)
	switch {
	case near != "" && !known:
		return misnamed("nothing bars "+arg, fault.DidYouMean(near))
	case len(versions) > 0:
		meant := fault.DidYouMean(fault.Nearest(spelled(a), versions))
		return misnamed("nothing bars "+arg, cmp.Or(meant, "barred of it: "+strings.Join(versions, ", ")))
	case p.manifests != nil && !known:
		return misnamed("nothing bars "+arg+", and no manifest follows it", meant(arg, p.manifests))
	}
	return nil
}

// barredAlike are the barred versions of an artifact, and other artifacts that are barred in the same version.
func barredAlike(a source.Artifact, barred []ledger.Lever) (versions, others []string) {
	for _, l := range barred {
		one, err := source.ParseArtifact(l.Subject)
		switch {
		case err != nil: // a later version wrote it
		case versionless(one) == versionless(a):
			versions = append(versions, spelled(one))
		case one.Version == a.Version && one.Tag == a.Tag:
			others = append(others, spelled(one))
		}
	}
	return versions, others
}

// misnamed is the end of a command whose argument is none of what is there.
func misnamed(says, hint string) error {
	return &exit{code: Usage, err: errors.New(says), hint: hint, topics: []topic{usageTopic}}
}

// versionless is an artifact whatever its version.
func versionless(a source.Artifact) source.Artifact {
	a.Version, a.Tag = "", ""
	return a
}

// spelled is an artifact as people name it to a command.
func spelled(a source.Artifact) string {
	switch {
	case a.Type == "oci" && a.Version != "":
		return strings.TrimPrefix(a.Repository, "docker.io/") + "@" + a.Version
	case a.Type == "oci":
		return strings.TrimPrefix(a.Repository, "docker.io/") + ":" + a.Tag
	case a.Type == "helm" && a.Repository != "":
		return a.Repository + "#" + a.Name + "@" + a.Version
	default:
		return strings.TrimPrefix(a.Namespace+"/"+a.Name, "/") + "@" + a.Version
	}
}

// unhold are the holds and rollbacks of manifests.
func (o *brakeOptions) unhold(p brakedProfile, args []string) (all lifting, err error) {
	held := leversOf(p.ledger, func(l ledger.Lever) bool {
		return l.Kind == ledger.Hold || l.Kind == ledger.Rollback
	})
	var subjects, found []string
	for _, l := range held {
		subjects = append(subjects, l.Subject)
	}
	for _, arg := range args {
		switch {
		case len(matching(arg, subjects)) > 0:
			found = append(found, arg)
		case len(matching(arg, p.names())) > 0:
			all.idle = append(all.idle, arg)
		default:
			_, err := o.named([]string{arg}, slices.Concat(subjects, p.names()))
			return lifting{}, err
		}
	}
	names, err := o.named(found, subjects)
	if err != nil {
		return lifting{}, err
	}
	all.levers = slices.DeleteFunc(held, func(l ledger.Lever) bool { return !slices.Contains(names, l.Subject) })
	return all, nil
}
