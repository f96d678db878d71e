package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/wire"
)

// A profile of a fleet runs as a process of its own would, in a world in which nothing exists but what its entry names: a
// System with its own environment, outputs that only the fleet reads, a door of its own, and the network that all share.

// common are the variables that every profile sees: where GitHub is, and that everything is paused. None is a secret.
var common = []string{"GITHUB_API_URL", "GITHUB_GRAPHQL_URL", "GITHUB_SERVER_URL", "PAWL_PAUSE"}

// lookup is the environment of a profile.
func lookup(sys System, p fleet.Profile) func(name string) (string, bool) {
	all := common
	if value, _ := sys.Env("GITEA_ACTIONS"); value == "true" { // then the others name that Gitea
		all = []string{"PAWL_PAUSE"}
	}
	return func(name string) (string, bool) {
		switch {
		case name == "MERGE_TOKEN" && p.Token != "":
			return sys.Env(p.Token)
		case slices.Contains(p.Env, name):
			return sys.Env(name)
		case slices.Contains(all, name):
			return sys.Env(name)
		default:
			return "", false
		}
	}
}

// environ lists it.
func environ(sys System, p fleet.Profile) []string {
	env, all := lookup(sys, p), []string(nil)
	for _, name := range slices.Concat([]string{"MERGE_TOKEN"}, common, p.Env) {
		if value, set := env(name); set {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// system is the world of a profile.
func (t *tenants) system(p fleet.Profile, of task, out, errs io.Writer) System {
	world := slices.Concat(environ(t.sys, p), t.manifests, []string{p.Docker, fmt.Sprint(slices.Contains(of.args, "--no-merge"))})
	of.tenant.profile, of.tenant.wire, of.tenant.world = p, &wire.Tenant{Docker: p.Docker, Listings: t.listings}, strings.Join(world, "\x00")
	return System{
		Out: out, Err: errs, Env: lookup(t.sys, p), Environ: func() []string { return environ(t.sys, p) }, Now: t.sys.Now, Sleep: t.sys.Sleep,
		Transport: t.paced(p, of.tenant.turn, wire.TenantNetwork(t.network)), ID: t.sys.ID, tenant: of.tenant,
	}
}

// task is a command for a profile; tenant is told what is known of the profile, and tells what was learned.
type task struct {
	args   []string
	tenant *tenant
}

// tenant is a profile that shares the process with others, and what it leaves behind for them.
type tenant struct {
	profile fleet.Profile
	wire    *wire.Tenant
	// world is all that its answer depends on beside the repository and the sources.
	world string
	// facts are what is known of it, nil for nothing; fresh has it be looked at even when it is quiet.
	facts *fleet.Facts
	fresh bool
	// quiet says that it was quiet; held that it was not, and may not go on yet.
	quiet, held bool
	turn        *fleet.Turn
	// forges are the clients that read the profile, beside that of its run.
	forges []forge.Forge
}

// awake reports whether a profile that is not quiet may go on: whether its token may do what it may need.
func (t *tenant) awake(now time.Time) bool {
	if t == nil {
		return true
	}
	t.held = !t.turn.Awake(now)
	return !t.held
}

// count has the requests of a client be counted, also those to come.
func (t *tenant) count(f forge.Forge) {
	if t != nil {
		t.forges = append(t.forges, f)
	}
}

// calls are how many requests reading took.
func (t *tenant) calls() (n int) {
	for _, f := range t.forges {
		n += f.Calls()
	}
	return n
}

// wired is what the clients need to know.
func (t *tenant) wired() *wire.Tenant {
	if t == nil {
		return nil
	}
	return t.wire
}
