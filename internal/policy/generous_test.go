package policy

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

func op(t testing.TB) func(source.Op, error) source.Op {
	return func(o source.Op, err error) source.Op {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
}

const somePin = "@sha256:1d27fc59fe4c99d38e1b5eafeab66f2f6672a6a44fc76ce1d5c5b62d71d34129"

// TestCurrentValueIsUnderstood has values of every kind that no tag gives as it stands, above what is listed: they stay, and go down when
// policy.downgrade says so. A regex or latest filter whose listing lost its end is among them.
func TestCurrentValueIsUnderstood(t *testing.T) {
	t.Parallel()
	must := op(t)
	release := mustFilter(t, "regex/semver", ">=1.0.0", "^release-(.*)$")
	replaced := transform(must(source.Replace(source.Replacement{From: "release-"})))
	dashes := transform(must(source.Replace(source.Replacement{From: ".", To: "_"})))
	minor := transform(must(source.FindSubmatch(`^v?(\d+\.\d+)`, 1)))
	for _, c := range []struct {
		name    string
		current string
		listing []string
		filter  Filter
		t       source.Transform
		p       Policy
	}{
		{"two parts", "1.25", []string{"1.24.5", "1.25"}, filter(t, ">=1.0.0"), transform(), Policy{}},
		{"two parts and a v", "v1.25", []string{"1.24.5"}, filter(t, "^1"), transform(), Policy{}},
		{"five parts", "1.25.0.3.1", []string{"1.24.5", "1.25.0"}, filter(t, ">=1.0.0"), transform(), Policy{}},
		{"leading zeros", "1.07.0", []string{"1.6.9"}, filter(t, ">=1.0.0"), transform(), Policy{}},
		{"a number in a prerelease with a leading zero", "1.2.0-rc.010", []string{"1.2.0-rc.9"}, filter(t, ">=1.0.0-0"), transform(), Policy{}},
		{"in a channel", "2.0.0-rc10", []string{"2.0.0-rc9"}, filter(t, ">=1.0.0-0"), transform(), Policy{Channel: "rc"}},
		{"a digest", "1.4.0" + somePin, []string{"1.3.0"}, filter(t, "^1"), transform(), Policy{}},
		{"a digest, two parts and a prefix", "org/app:1.4" + somePin, []string{"1.3.9"}, filter(t, "^1"), transform(source.AddPrefix("org/app:")), Policy{}},
		{"a prefix", "release-1.30", []string{"1.29.4"}, filter(t, "^1"), transform(source.AddPrefix("release-")), Policy{}},
		{"no prefix", "1.30.0", []string{"1.29.4"}, filter(t, "^1"), transform(source.AddPrefix("release-")), Policy{}},
		{"a part of the prefix", "release-1.30.1", []string{"1.29.4"}, filter(t, "^1"), transform(source.AddPrefix("release-v")), Policy{}},
		{"no suffix", "1.30.0", []string{"1.29.4"}, filter(t, "^1"), transform(source.AddSuffix("-alpine3.18")), Policy{}},
		{"a suffix with another number", "1.30.0-alpine3.9", []string{"1.29.4"}, filter(t, "^1"), transform(source.AddSuffix("-alpine3.18")), Policy{}},
		{"the v that is trimmed", "v1.30.0", []string{"v1.29.4"}, filter(t, "^1"), transform(source.TrimPrefix("v")), Policy{}},
		{"no v, and tagfilter wants one", "1.30.0", []string{"v1.29.4"}, filter(t, "^1").WithTags(mustFilter(t, "regex", "^v", "").regex), transform(), Policy{}},
		{"replacer", "1.4.0", []string{"release-1.3.0"}, release, replaced, Policy{}},
		{"replacer, two parts", "1.4", []string{"release-1.3.0"}, release, replaced, Policy{}},
		{"find", "1.4.0", []string{"release-1.3.0"}, release, transform(must(source.Find(`\d.*`))), Policy{}},
		{"find and a prefix", "v1.4.0", []string{"release-1.3.0"}, release, transform(must(source.Find(`\d.*`)), source.AddPrefix("v")), Policy{}},
		{"find that leaves the end out", "1.4.0", []string{"1.3.0-alpine"}, filter(t, ">=1.0.0-0").WithTags(mustFilter(t, "regex", "alpine$", "").regex), transform(must(source.Find(`^[\d.]+`))), Policy{}},
		{"replaced dots", "1_4_0", []string{"1.3.0"}, filter(t, "^1"), dashes, Policy{}},
		{"replaced dots, 10 after 9", "1_10_0", []string{"1.9.0"}, filter(t, "^1"), dashes, Policy{}},
		{"findsubmatch", "1.10", []string{"v1.9.7"}, filter(t, "^1"), minor, Policy{}},
		{"semverinc", "1.10.0", []string{"1.8.3"}, filter(t, "^1"), transform(must(source.SemverInc("minor"))), Policy{}},
		{"semverinc, narrow range", "1.6.0", []string{"1.4.6"}, filter(t, ">=1.5.7 <1.6.0 || ~1.4.5"), transform(must(source.SemverInc("minor"))), Policy{}},
		{"latest", "1.0.0-14", []string{"1.0.0-10", "1.0.0-14", "1.0.0-9"}, mustFilter(t, "latest", "", ""), transform(), Policy{}},
		{"latest that lost its end", "1.4.0", []string{"1.2.0", "1.3.0"}, mustFilter(t, "latest", "", ""), transform(), Policy{}},
		{"latest, pinned", "1.0.0-14" + somePin, []string{"1.0.0-9"}, mustFilter(t, "latest", "", ""), transform(), Policy{}},
		{"latest of builds", "build-14", []string{"build-10", "build-14", "build-9"}, mustFilter(t, "latest", "", ""), transform(), Policy{}},
		{"latest of dates", "nightly-20260102", []string{"nightly-20251231", "nightly-20260101"}, mustFilter(t, "latest", "", ""), transform(), Policy{}},
		{"latest, replaced", "1.4.0", []string{"release-1.3.0"}, mustFilter(t, "latest", "", ""), replaced, Policy{}},
		{"regex", "1.0.0-14", []string{"1.0.0-14", "1.0.0-9"}, mustFilter(t, "regex", `^1\.0\.0-\d+$`, ""), transform(), Policy{}},
		{"regex that lost its end", "v1.11", []string{"v1.9"}, mustFilter(t, "regex", "^v1", ""), transform(), Policy{}},
		{"regex, no v", "1.11", []string{"v1.9"}, mustFilter(t, "regex", "^v1", ""), transform(), Policy{}},
		{"regex with a hash", "main-0a1b2c3-1001", []string{"main-1d00d1e-999"}, mustFilter(t, "regex", "^main-", ""), transform(), Policy{}},
		{"regex, found", "1.4.0", []string{"release-1.3.0"}, mustFilter(t, "regex", "^release-", ""), transform(must(source.Find(`\d.*`))), Policy{}},
		{"regex and a prerelease of what there is", "1.4.0", []string{"1.4.0-rc.1"}, mustFilter(t, "regex", "^1", ""), transform(), Policy{}},
		{"regex/semver, and the expression wants three", "1.25", []string{"1.24.5"}, mustFilter(t, "regex/semver", ">=1.0.0", `^v?(\d+\.\d+\.\d+)$`), transform(), Policy{}},
		{"regex/semver, five parts", "app-1.25.0.3.1", []string{"app-1.25.0"}, mustFilter(t, "regex/semver", "^1", `^app-(\d+\.\d+\.\d+)$`), transform(), Policy{}},
		{"regex, and it wants three", "1.25", []string{"1.24.5"}, mustFilter(t, "regex", `^\d+\.\d+\.\d+$`, ""), transform(), Policy{}},
		{"tagfilter wants three", "v1.25", []string{"v1.24.5"}, filter(t, "^1").WithTags(mustFilter(t, "regex", `^v\d+\.\d+\.\d+$`, "").regex), transform(), Policy{}},
		{"regex of hashes that lost its end", "sha-0a1b2c3", []string{"sha-9a1b2c3"}, mustFilter(t, "regex", "^sha-", ""), transform(), Policy{}},
		{"latest of hashes, pinned", "main-0a1b2c3" + somePin, []string{"main-9a1b2c3", "main-8a1b2c3"}, mustFilter(t, "latest", "", ""), transform(), Policy{}},
		{"replaced dots, two numbers", "1_10", []string{"1.9.7"}, filter(t, "^1"), dashes, Policy{}},
		{"like", "16.10-alpine", []string{"16.9-alpine"}, mustFilter(t, "like", "", ""), transform(), Policy{}},
		{"like, pinned", "16.10" + somePin, []string{"16.9"}, mustFilter(t, "like", "16.x", ""), transform(), Policy{}},
		{"by a number", "main-0a1b2c3-1001", []string{"main-9a1b2c3-999"}, mustFilter(t, "regex/numeric", "", `^main-[0-9a-f]+-(\d+)$`), transform(), Policy{}},
		{"by letters", "20260102T01", []string{"20260101T02"}, mustFilter(t, "regex/alphabetical", "", `^(\d+T\d+)$`), transform(), Policy{}},
		{"regex/semver, two parts", "app-1.4", []string{"app-1.3.0"}, mustFilter(t, "regex/semver", "^1", "^app-(.*)$"), transform(), Policy{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := Request{Listing: listing(c.listing...), Current: c.current, Filter: c.filter, Transform: c.t, Policy: c.p, Now: today}
			d := Decide(r)
			if d.Outcome != Held || d.Reason != LowerOnly && d.Reason != NotListed || !strings.Contains(d.Detail, c.current) || d.Hint == "" {
				t.Errorf("got %+v, want it held", d)
			}
			checkExplanation(t, r)
			r.Policy.Downgrade = Follow
			d = Decide(r)
			named := strings.Contains(d.Detail, "lower than "+c.current) || strings.Contains(d.Detail, "it replaces "+r.text())
			if d.Outcome != Update || d.Reason != NewestMatch || !named {
				t.Errorf("with downgrade: follow: %+v", d)
			}
			r.Current = d.Value
			if again := Decide(r); again.Outcome != Current {
				t.Errorf("deciding again: %+v", again)
			}
		})
	}
}

// TestUnderstoodAndMoved has values that are read as generously and are to be written all the same: what is chosen is
// higher, or they lie outside of the filter, or nothing can be read in them.
func TestUnderstoodAndMoved(t *testing.T) {
	t.Parallel()
	must := op(t)
	latest := mustFilter(t, "latest", "", "")
	for _, c := range []struct {
		name    string
		r       Request
		reason  Reason
		tag     string
		details string
	}{
		{"two parts, higher", Request{Current: "1.25", Listing: listing("1.25.3"), Filter: filter(t, "^1")}, NewestMatch, "1.25.3", ""},
		{"two parts, the same", Request{Current: "1.25", Listing: listing("1.25", "1.25.0"), Filter: filter(t, "^1")}, NewestMatch, "1.25.0", ""},
		{"two parts outside", Request{Current: "1.25", Listing: listing("1.24.5"), Filter: filter(t, "~1.24")}, PinnedDown, "1.24.5", "1.25 does not satisfy ~1.24"},
		{"pinned outside", Request{Current: "2.0.0" + somePin, Listing: listing("1.4.0"), Filter: filter(t, "^1")}, PinnedDown, "1.4.0", "does not satisfy ^1"},
		{"replaced outside", Request{Current: "2_0_0", Listing: listing("1.4.0"), Filter: filter(t, "^1"), Transform: transform(must(source.Replace(source.Replacement{From: ".", To: "_"})))}, PinnedDown, "1.4.0", "does not satisfy"},
		{"found outside", Request{Current: "2.0.0", Listing: listing("1.4.0-slim"), Filter: filter(t, "~1.4.0-0"), Transform: transform(must(source.Find(`^[\d.]+`)))}, PinnedDown, "1.4.0-slim", "does not satisfy"},
		{"incremented outside", Request{Current: "1.6.0", Listing: listing("1.4.6"), Filter: filter(t, "~1.4"), Transform: transform(must(source.SemverInc("minor")))}, PinnedDown, "1.4.6", "does not satisfy"},
		{"incremented, higher", Request{Current: "1.5.0", Listing: listing("1.4.6"), Filter: filter(t, "~1.4.5"), Transform: transform(must(source.SemverInc("minor,patch")))}, NewestMatch, "1.4.6", ""},
		{"excluded", Request{Current: "1.25", Listing: listing("1.24.5"), Filter: filter(t, "^1"), Policy: Policy{Exclude: exclude(t, "1.25.x")}}, PinnedDown, "1.24.5", "excluded by policy.exclude 1.25.x"},
		{"a prerelease that the range refuses", Request{Current: "1.30-rc1", Listing: listing("1.24.5"), Filter: filter(t, "^1")}, PinnedDown, "1.24.5", "does not satisfy"},
		{"a branch", Request{Current: "main", Listing: listing("1.2.4"), Filter: filter(t, "^1")}, NewestMatch, "1.2.4", "it replaces main, which is no version"},
		{"a branch with a digest", Request{Current: "main" + somePin, Listing: listing("1.2.4"), Filter: filter(t, "^1")}, NewestMatch, "1.2.4", "it replaces main, which is no version"},
		{"nothing", Request{Current: "", Listing: listing("1.2.4"), Filter: filter(t, "^1")}, NewestMatch, "1.2.4", "it replaces an empty value"},
		{"null", Request{Current: "~", Listing: listing("1.2.4"), Filter: filter(t, "^1")}, NewestMatch, "1.2.4", "it replaces an empty value"},
		{"one number", Request{Current: "20260101", Listing: listing("1.2.4"), Filter: filter(t, "^1")}, NewestMatch, "1.2.4", "it replaces 20260101, which is no version"},
		{"a time", Request{Current: "20211001T060636", Listing: listing("1.2.4"), Filter: filter(t, "^1")}, NewestMatch, "1.2.4", "which is no version"},
		{"no version, latest", Request{Current: "edge", Listing: listing("a", "b"), Filter: latest}, NewestMatch, "b", "it replaces edge, which is not listed"},
		{"another family of tags, latest", Request{Current: "sha-0a1b2c3", Listing: listing("main-9a1b2c3"), Filter: latest}, NewestMatch, "main-9a1b2c3", "which is not listed"},
		{"a listed hash, latest", Request{Current: "1.0.0-fa1b2c3", Listing: listing("1.0.0-fa1b2c3", "1.0.0-0a1b2c3"), Filter: latest}, NewestMatch, "1.0.0-0a1b2c3", "last listed of 2"},
		{"another tag, latest", Request{Current: "3.0", Listing: listing("2.0", "3.0"), Filter: mustFilter(t, "latest", "2.0", "")}, NewestMatch, "2.0", ""},
		{"outside of the expression", Request{Current: "2.0.0", Listing: listing("1.9.0"), Filter: mustFilter(t, "regex", "^1", "")}, NewestMatch, "1.9.0", ""},
		{"rc10 after rc9, latest", Request{Current: "1.0.0-rc9", Listing: listing("1.0.0-rc9", "1.0.0-rc10"), Filter: latest}, NewestMatch, "1.0.0-rc10", ""},
		{"leading zeros, higher", Request{Current: "2024.01.15", Listing: listing("2024.1.16", "2024.02.03", "2024.2.3"), Filter: filter(t, ">=2023")}, NewestMatch, "2024.02.03", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.Now = today
			d := Decide(c.r)
			if d.Outcome != Update || d.Reason != c.reason || d.Tag != c.tag || !strings.Contains(d.Detail, c.details) {
				t.Errorf("got %+v, want %s by %s saying %q", d, c.tag, c.reason, c.details)
			}
			checkExplanation(t, c.r)
			c.r.Current = d.Value
			if again := Decide(c.r); again.Outcome != Current {
				t.Errorf("deciding again: %+v", again)
			}
		})
	}
}

// TestRebuilds shows what becomes of a version that is there again with other build metadata.
func TestRebuilds(t *testing.T) {
	t.Parallel()
	follow := Policy{Rebuilds: FollowRebuilds}
	for _, c := range []struct {
		name    string
		r       Request
		outcome Outcome
		reason  Reason
		tag     string
		says    string
	}{
		{"named", Request{Current: "v1.30.4+k1", Listing: listing("v1.30.4+k1", "v1.30.4+k2")}, Current, AlreadyNewest, "v1.30.4+k1", "v1.30.4+k2 is a rebuild of it"},
		{"followed", Request{Current: "v1.30.4+k1", Listing: listing("v1.30.4+k1", "v1.30.4+k10", "v1.30.4+k9"), Policy: follow}, Update, NewestMatch, "v1.30.4+k10", "a rebuild of v1.30.4+k1"},
		{"never back", Request{Current: "v1.30.4+k10", Listing: listing("v1.30.4+k10", "v1.30.4+k9"), Policy: follow}, Current, AlreadyNewest, "v1.30.4+k10", "newest of 2"},
		{"not listed, named", Request{Current: "v1.30.4+k1", Listing: listing("v1.30.4+k2")}, Held, NotListed, "", "v1.30.4+k2 is a rebuild of it"},
		{"not listed, followed", Request{Current: "v1.30.4+k1", Listing: listing("v1.30.4+k2"), Policy: follow}, Update, NewestMatch, "v1.30.4+k2", "a rebuild of"},
		{"not listed, a lower build", Request{Current: "v1.30.4+k2", Listing: listing("v1.30.4+k1"), Policy: follow}, Held, NotListed, "", "another spelling"},
		{"a higher version first", Request{Current: "v1.30.4+k1", Listing: listing("v1.30.4+k2", "v1.30.5+k1"), Policy: follow}, Update, NewestMatch, "v1.30.5+k1", ""},
		{"underscores", Request{Current: "v1.30.4_k1", Listing: listing("v1.30.3_k9", "v1.30.4_k1", "v1.30.4_k2"), Policy: follow}, Update, NewestMatch, "v1.30.4_k2", "a rebuild of v1.30.4_k1"},
		{"underscores, named", Request{Current: "v1.30.4_k1", Listing: listing("v1.30.4_k1", "v1.30.4_k2")}, Current, AlreadyNewest, "v1.30.4_k1", "v1.30.4_k2 is a rebuild of it"},
		{"underscores, higher", Request{Current: "1.2.9_k1", Listing: listing("1.2.9_k1", "1.2.10_k1"), Policy: follow}, Update, NewestMatch, "1.2.10_k1", ""},
		{"underscores that the value has not", Request{Current: "1.2.9", Listing: listing("1.2.9", "1.2.10_amd64"), Policy: follow}, Current, AlreadyNewest, "1.2.9", ""},
		{"another architecture", Request{Current: "1.2.9_amd64", Listing: listing("1.2.9_amd64", "1.2.9_arm64", "1.2.10_arm64", "1.2.10_amd64"), Policy: follow}, Update, NewestMatch, "1.2.10_amd64", ""},
		{"another kind of build", Request{Current: "1.2.9+k3s1", Listing: listing("1.2.9+k3s1", "1.2.9+rke2r1"), Policy: follow}, Current, AlreadyNewest, "1.2.9+k3s1", "newest of 2"},
		{"builds after none", Request{Current: "1.2.9", Listing: listing("1.2.9", "1.2.9+1"), Policy: follow}, Current, AlreadyNewest, "1.2.9", "newest of 2"},
		{"hashes", Request{Current: "1.2.9+git.0a1b2c3", Listing: listing("1.2.9+git.0a1b2c3", "1.2.9+git.9a1b2c3"), Policy: follow}, Current, AlreadyNewest, "1.2.9+git.0a1b2c3", "newest of 2"},
		{"excluded", Request{Current: "1.2.9+k1", Listing: listing("1.2.9+k1", "1.2.9+k2"), Policy: Policy{Rebuilds: FollowRebuilds, Exclude: exclude(t, "~9")}}, Update, NewestMatch, "1.2.9+k2", ""},
		{"missing", Request{Current: "1.2.9+k1", Listing: listing("1.2.9+k1", "1.2.9+k2"), Policy: follow, Missing: gone("1.2.9+k2")}, Current, AlreadyNewest, "1.2.9+k1", ""},
		{"behind a transformer", Request{Current: "1.30.4+k1", Listing: listing("v1.30.4+k1", "v1.30.4+k2"), Transform: transform(source.TrimPrefix("v")), Policy: follow}, Update, NewestMatch, "v1.30.4+k2", "a rebuild"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.Now, c.r.Filter = today, filter(t, "^1.2.0")
			d := Decide(c.r)
			if d.Outcome != c.outcome || d.Reason != c.reason || d.Tag != c.tag || !strings.Contains(d.Detail, c.says) {
				t.Errorf("got %+v, want %s (%s) %q saying %q", d, c.outcome, c.reason, c.tag, c.says)
			}
			checkExplanation(t, c.r)
			if d.Outcome == Update {
				c.r.Current = d.Value
				if again := Decide(c.r); again.Outcome != Current {
					t.Errorf("deciding again: %+v", again)
				}
			}
		})
	}
}

// TestListingThatLostItsEnd cuts listings off anywhere: a value that the whole listing gave is never replaced by what is left, and
// goes on as soon as the listing is whole again.
func TestListingThatLostItsEnd(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string][]string{
		"versions":    {"1.0.0", "1.1.0", "1.9.0", "1.10.0", "1.11.0"},
		"short ones":  {"v1.8", "v1.9", "v1.10", "v1.11"},
		"prereleases": {"1.0.0-1", "1.0.0-8", "1.0.0-9", "1.0.0-10", "1.0.0-14"},
		"builds":      {"build-7", "build-8", "build-9", "build-10"},
		"dates":       {"nightly-20251230", "nightly-20251231", "nightly-20260101"},
		"hashes":      {"sha-0a1b2c3", "sha-9a1b2c3", "sha-1a1b2c3", "sha-5a1b2c3"},
		"both":        {"main-0a1b2c3-9", "main-9a1b2c3-10", "main-1a1b2c3-11"},
	} {
		for kind, f := range map[string]Filter{"latest": mustFilter(t, "latest", "", ""), "regex": mustFilter(t, "regex", "[0-9]", "")} {
			newest := tags[len(tags)-1]
			for _, value := range []string{newest, newest + somePin} {
				for n := 1; n <= len(tags); n++ {
					d := Decide(Request{Listing: listing(tags[:n]...), Current: value, Filter: f, Now: today})
					if want := map[bool]Outcome{true: Current, false: Held}[n == len(tags)]; d.Outcome != want {
						t.Errorf("%s of %s, %d listed: %+v, want %s", kind, name, n, d, want)
					}
				}
			}
			for i := range len(tags) - 1 {
				if d := Decide(Request{Listing: listing(tags...), Current: tags[i], Filter: f, Now: today}); d.Outcome != Update || d.Tag != newest {
					t.Errorf("%s of %s from %s: %+v", kind, name, tags[i], d)
				}
			}
		}
	}
}
