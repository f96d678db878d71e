package policy

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	r := Request{
		Listing: listing("latest", "v1.0.0", "v1.5.1", "1.4.0-infitx.2", "v1.2.0", "sha-1", "1.2.0", "v2.0.0", "v1.6.0", "v1.3.0-rc.1", "x1.9.0"),
		Current: "v1.0.0", Filter: filter(t, "^1.0.0").WithTags(regexp.MustCompile("^[^x]")), Now: today,
		Policy: Policy{Exclude: exclude(t, "9.9.9", "1.5.x")}, Missing: gone("v1.6.0"),
	}
	detail := "newest of 3 that satisfy ^1.0.0; v1.6.0 cannot be pulled yet; v1.5.1 is excluded"
	want := []Verdict{
		{Tag: "v2.0.0", Rule: "outside ^1.0.0"},
		{Tag: "v1.6.0", Rule: "listed, but the registry answers 404 for it"},
		{Tag: "v1.5.1", Rule: "excluded by policy.exclude 1.5.x"},
		{Tag: "1.4.0-infitx.2", Rule: "a prerelease; ^1.0.0 admits releases only"},
		{Tag: "v1.3.0-rc.1", Rule: "a prerelease; ^1.0.0 admits releases only"},
		{Tag: "v1.2.0", Chosen: true, Accepted: true, Rule: "chosen: " + detail},
		{Tag: "1.2.0", Accepted: true, Rule: "matches; v1.2.0 is preferred"},
		{Tag: "v1.0.0", Accepted: true, Rule: "matches; v1.2.0 is preferred"},
		{Tag: "latest", Rule: "not a version: three numeric parts are required"},
		{Tag: "sha-1", Rule: "not a version: three numeric parts are required"},
		{Tag: "x1.9.0", Rule: "does not match tagfilter ^[^x]"},
	}
	if diff := cmp.Diff(want, Explain(r)); diff != "" {
		t.Error(diff)
	}
}

func TestExplainOtherFilters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		r    Request
		want []Verdict
	}{
		{"without an order, the last listed first", Request{Listing: listing("v1.10", "v1.9", "v2"), Current: "v1.9", Filter: mustFilter(t, "regex", "^v1", "")}, []Verdict{
			{Tag: "v2", Rule: "does not match regex ^v1"},
			{Tag: "v1.9", Chosen: true, Accepted: true, Rule: "chosen: last listed of 2 that match regex ^v1"},
			{Tag: "v1.10", Accepted: true, Rule: "matches; v1.9 is preferred"},
		}},
		{"channel", Request{Listing: listing("1.0.0", "1.0.0-infitx.3"), Filter: filter(t, ">=1.0.0-0"), Policy: Policy{Channel: "infitx", Loose: true}}, []Verdict{
			{Tag: "1.0.0", Rule: "not in the channel infitx"},
			{Tag: "1.0.0-infitx.3", Chosen: true, Accepted: true, Rule: "chosen: newest of 1 that satisfy >=1.0.0-0 in channel infitx; it replaces an empty value"},
		}},
		{"held", Request{Listing: listing("4.2.5", "edge"), Current: "4.3.0", Filter: filter(t, "^4.2.0"), Policy: Policy{Loose: true}}, []Verdict{
			{Tag: "4.2.5", Accepted: true, Rule: "matches; 4.3.0 stays"},
			{Tag: "edge", Rule: "not a version"},
		}},
		{"a lower prerelease than the range's", Request{Listing: listing("1.0.0-alpha"), Filter: filter(t, ">=1.0.0-beta")}, []Verdict{
			{Tag: "1.0.0-alpha", Rule: "outside >=1.0.0-beta"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.Now = today
			if diff := cmp.Diff(c.want, Explain(c.r)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
