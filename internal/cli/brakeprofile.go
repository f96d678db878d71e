package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
)

// brakedProfile is a profile as a brake needs it: its forge, the ledger, and the manifests where they are known.
type brakedProfile struct {
	forge     forge.Forge
	session   *session
	found     forge.Profile
	self      string
	base      string
	now       time.Time
	ledger    ledger.Ledger
	manifests []manifest.Manifest
	close     func() error
}

// names are the manifests of the profile: those that are checked out, else those that the ledger knows.
func (p brakedProfile) names() []string {
	var all []string
	for _, m := range p.manifests {
		all = append(all, m.Name)
	}
	if p.manifests == nil {
		for _, v := range p.ledger.Values {
			all = append(all, v.Manifest)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// profile opens the profile at its forge.
func (o *brakeOptions) profile(ctx context.Context) (brakedProfile, error) {
	s, err := o.session(ctx)
	if err != nil {
		return brakedProfile{}, err
	}
	p := brakedProfile{session: s, manifests: s.manifests, close: s.close}
	fail := func(err error) (brakedProfile, error) { return brakedProfile{}, errors.Join(err, p.close()) }
	if err := s.writesNothing("a brake"); err != nil && !o.dryRun {
		return fail(err)
	}
	if s.wire().ForgeToken() == "" && !o.dryRun {
		return fail(&exit{code: Usage, err: errors.New("no token is set"), hint: "set MERGE_TOKEN (contents and pull requests: write), or look first with --dry-run", topics: []topic{noTokenTopic}})
	}
	if p.forge, err = s.forge(s.wire().Client()); err != nil {
		return fail(err)
	}
	found, err := p.forge.Open(ctx)
	if err == nil {
		p.ledger, err = p.forge.Ledger(ctx)
	}
	if err != nil {
		return fail(&exit{code: Failure, err: err})
	}
	p.found = found
	p.self, p.base, p.now = found.Self.Login, found.BaseSHA, p.forge.Time()
	if p.now.IsZero() {
		p.now = o.sys.Now()
	}
	return p, nil
}

// session is that of the checkout, or one of a profile that is only at its forge, without its manifests.
func (o *brakeOptions) session(ctx context.Context) (*session, error) {
	if o.repository == "" {
		return o.open()
	}
	s, _, err := o.readConfig(ctx, o.globals, func(path string) bool { return path == config.FileName })
	return s, err
}
