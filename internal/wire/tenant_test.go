package wire

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/redact"
	"github.com/pawl-cd/pawl/internal/source"
)

// TestTenantBound has a profile of a fleet list more than it may: its next source fails, and says so; the others' do not.
func TestTenantBound(t *testing.T) {
	t.Parallel()
	registry := fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/a": {"v1", "v2", "v3"}, "org/b": {"v1", "v2", "v3"}}})
	listings := fleet.NewListings()
	of := func(listed int64) *Sources {
		tenant := &Tenant{Listings: listings}
		tenant.listed.Store(listed)
		w := Wire{Tenant: tenant, Env: func(string) (string, bool) { return "", false }, Redactor: redact.New(), Transport: fake.Network{"index.docker.io": registry}, Now: time.Now,
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Caught: func(*error) {}, Timeout: time.Second}
		return w.Sources(httpx.New(httpx.Config{Transport: w.Transport}), nil)
	}
	query := func(name string) source.Query {
		q, err := source.ParseImage(name)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	greedy := of(MaxReleases - 4)
	if all, err := greedy.List(t.Context(), query("org/a")); err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := greedy.List(t.Context(), query("org/b")); err == nil || !strings.Contains(err.Error(), "more than 1000000 versions") {
		t.Errorf("too many: %v", err)
	}
	if all, err := of(0).List(t.Context(), query("org/b")); err != nil || len(all) != 3 {
		t.Errorf("another profile: %v, %v", all, err)
	}
}
