package policy

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

func gone(tags ...string) map[string]bool {
	m := map[string]bool{}
	for _, t := range tags {
		m[t] = true
	}
	return m
}

// TestNothingLeadsDownUnasked has the cases in which something that is missing, excluded, unordered or spelled
// otherwise might draw a value down or back and forth.
func TestNothingLeadsDownUnasked(t *testing.T) {
	t.Parallel()
	last := mustFilter(t, "latest", "", "")
	for _, c := range []struct {
		name    string
		r       Request
		outcome Outcome
		reason  Reason
		tag     string
		says    string
	}{
		{"the value itself is missing", Request{Listing: listing("1.1.0", "1.2.0"), Current: "1.2.0", Filter: filter(t, "^1"), Missing: gone("1.2.0")},
			Held, NotPublished, "", "1.2.0 stays"},
		{"the value itself is missing, follow", Request{Listing: listing("1.1.0", "1.2.0"), Current: "1.2.0", Filter: filter(t, "^1"), Missing: gone("1.2.0"), Policy: Policy{Downgrade: Follow}},
			Held, NotPublished, "", "1.2.0 stays"},
		{"the value is excluded and what is newer is missing", Request{Listing: listing("1.1.0", "1.2.0", "1.3.0"), Current: "1.2.0", Filter: filter(t, "^1"), Missing: gone("1.3.0"), Policy: Policy{Exclude: exclude(t, "1.2.0")}},
			Update, PinnedDown, "1.1.0", "excluded by policy.exclude"},
		{"pinned below, and the first below is missing", Request{Listing: listing("1.1.0", "1.2.0", "2.0.0"), Current: "2.0.0", Filter: filter(t, "^1"), Missing: gone("1.2.0")},
			Update, PinnedDown, "1.1.0", "1.2.0 cannot be pulled yet"},
		{"withdrawn, follow, and the first below is missing", Request{Listing: listing("1.1.0", "1.2.0"), Current: "1.3.0", Filter: filter(t, "^1"), Missing: gone("1.2.0"), Policy: Policy{Downgrade: Follow}},
			Update, NewestMatch, "1.1.0", "lower than 1.3.0"},
		{"other spelling, follow", Request{Listing: listing("v1.0.0"), Current: "1.0.0", Filter: filter(t, "*"), Policy: Policy{Downgrade: Follow}},
			Held, NotListed, "", "another spelling"},
		{"other spelling of a release that is missing", Request{Listing: listing("v1.0.0", "1.0.0"), Current: "1.0.0", Filter: filter(t, "*"), Missing: gone("1.0.0")},
			Held, NotPublished, "", "1.0.0 stays"},
		{"the last listed is missing", Request{Listing: listing("a", "b", "c"), Current: "b", Filter: last, Missing: gone("c")},
			Held, NotPublished, "", "c cannot be pulled yet"},
		{"the last listed is missing, the one before it is new", Request{Listing: listing("a", "b", "c"), Current: "a", Filter: last, Missing: gone("c")},
			Update, NewestMatch, "b", "c cannot be pulled yet"},
		{"the value is the last listed and missing", Request{Listing: listing("a", "b"), Current: "b", Filter: last, Missing: gone("b")},
			Held, NotPublished, "", "b stays"},
		{"the last listed is excluded", Request{Listing: listing("x", "1.0.0"), Current: "x", Filter: last, Policy: Policy{Exclude: exclude(t, "1.0.0")}},
			Current, Excluded, "x", "1.0.0 satisfies"},
		{"withdrawn, and versions have no order", Request{Listing: listing("v1.9"), Current: "v1.11", Filter: mustFilter(t, "regex", "^v1", "")},
			Held, LowerOnly, "", "the last one listed, v1.9, is lower"},
		{"the exact tag among others", Request{Listing: listing("1.0", "2.0", "3.0"), Current: "3.0", Filter: mustFilter(t, "latest", "2.0", "")},
			Update, NewestMatch, "2.0", "last listed of 1"},
		{"a channel binds expressions too", Request{Listing: listing("1.0.0-infitx.1", "1.0.0-rc.1", "1.0"), Current: "", Filter: mustFilter(t, "regex", "^1", ""), Policy: Policy{Channel: "infitx"}},
			Update, NewestMatch, "1.0.0-infitx.1", "in channel infitx"},
		{"another flavour than tagfilter's", Request{Listing: listing("1.0.0-slim", "1.1.0"), Current: "1.1.0", Filter: filter(t, ">=1.0.0-0").WithTags(regexp.MustCompile("slim$"))},
			Update, PinnedDown, "1.0.0-slim", "does not satisfy"},
		{"newer versions excluded, the value withdrawn", Request{Listing: listing("1.1.0", "1.4.0"), Current: "1.2.0", Filter: filter(t, "^1"), Policy: Policy{Exclude: exclude(t, "1.4.0")}},
			Held, NotListed, "", "no longer listed"},
		{"an excluded value says so", Request{Listing: listing("1.1.0", "1.5.2"), Current: "1.5.2", Filter: filter(t, "^1"), Policy: Policy{Exclude: exclude(t, "1.5.x")}},
			Update, PinnedDown, "1.1.0", "1.5.2 is excluded by policy.exclude 1.5.x"},
		{"an empty tag is no candidate", Request{Listing: listing("a", ""), Current: "a", Filter: last},
			Current, AlreadyNewest, "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.Now = today
			d := Decide(c.r)
			if d.Outcome != c.outcome || d.Reason != c.reason || d.Tag != c.tag || !strings.Contains(d.Detail, c.says) {
				t.Errorf("got %+v, want %s (%s) %q saying %q", d, c.outcome, c.reason, c.tag, c.says)
			}
			checkExplanation(t, c.r)
		})
	}
}

// TestSpelling says which of several tags of one version is taken.
func TestSpelling(t *testing.T) {
	t.Parallel()
	trimmed := transform(source.TrimPrefix("v"))
	first, err := source.FindSubmatch(`^v?(\d+\.\d+)`, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"with v", Request{Listing: listing("1.1.0", "v1.1.0"), Current: "v1.0.0", Filter: filter(t, "*")}, "v1.1.0"},
		{"without v", Request{Listing: listing("v1.1.0", "1.1.0"), Current: "1.0.0", Filter: filter(t, "*")}, "1.1.0"},
		{"a word says nothing", Request{Listing: listing("v1.1.0", "1.1.0", "latest"), Current: "latest", Filter: filter(t, "*")}, "v1.1.0"},
		{"nor does nothing", Request{Listing: listing("v1.1.0", "1.1.0"), Filter: filter(t, "*")}, "v1.1.0"},
		{"nor nothing behind a transformer", Request{Listing: listing("v1.1.0", "1.1.0"), Filter: filter(t, "*"), Transform: trimmed}, "v1.1.0"},
		{"a floating tag does", Request{Listing: listing("v1.1.0", "1.1.0"), Current: "1", Filter: filter(t, "*")}, "1.1.0"},
		{"both give the value", Request{Listing: listing("1.0.0", "v1.0.0", "1.1.0", "v1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Transform: trimmed}, "v1.1.0"},
		{"one gives the value", Request{Listing: listing("1.0.0", "v1.1.0", "1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Transform: trimmed}, "1.1.0"},
		{"the compared part counts", Request{Listing: listing("app-1.1.0", "app-v1.1.0"), Current: "app-1.0.0", Filter: mustFilter(t, "regex/semver", "*", "^app-(.*)$")}, "app-1.1.0"},
		{"several versions give one value", Request{Listing: listing("v1.2.0", "v1.2.9", "v1.2.3"), Current: "1.2", Filter: filter(t, "^1"), Transform: transform(first)}, "v1.2.9"},
		{"build metadata", Request{Listing: listing("1.5.0+build.5", "1.5.0+build.10"), Current: "1.4.0", Filter: filter(t, "*")}, "1.5.0+build.10"},
		{"hold", Request{Listing: listing("v1.1.0", "1.1.0+b"), Current: "v1.0.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Version: "1.1.0"}}}, "v1.1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				c.r.Now = today
				if d := Decide(c.r); d.Tag != c.want {
					t.Errorf("got %+v, want %s", d, c.want)
				}
				for i, j := 0, len(c.r.Listing)-1; i < j; i, j = i+1, j-1 {
					c.r.Listing[i], c.r.Listing[j] = c.r.Listing[j], c.r.Listing[i]
				}
			}
		})
	}
}

// TestHints says what a person is told when nothing matches.
func TestHints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"newest outside", Request{Listing: listing("1.0.0", "2.0.0", "v2.1.0"), Filter: filter(t, "~9")}, "the newest version listed is v2.1.0"},
		{"prereleases alone", Request{Listing: listing("v1.2.3-rc.1", "v1.2.3-rc.2", "v2.0.0", "v3.0.0-rc.1"), Filter: filter(t, "^1.0.0")}, "the newest is v1.2.3-rc.2; a range that names one admits them, e.g. ^1.0.0-0"},
		{"a lower prerelease than the range's", Request{Listing: listing("1.0.0-alpha"), Filter: filter(t, ">=1.0.0-beta")}, "the newest version listed is 1.0.0-alpha"},
		{"no versions", Request{Listing: listing("latest", "20260101"), Filter: filter(t, "*")}, "policy.loose: true"},
		{"no text", Request{Listing: listing("latest"), Filter: mustFilter(t, "regex", "^v", "")}, "pawl explain"},
		{"expired hold", Request{Listing: listing("1.0.0"), Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Until: today.AddDate(0, -1, 0)}}}, "remove policy.hold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.Now = today
			if d := Decide(c.r); !strings.Contains(d.Hint, c.want) {
				t.Errorf("got %+v, want the hint %q", d, c.want)
			}
		})
	}
}
