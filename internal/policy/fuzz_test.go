package policy

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

// FuzzDecide shows that whatever stands in the file and in the listing, a decision that is carried out is not revised, and
// that nothing is written which is lower by what its own texts say.
func FuzzDecide(f *testing.F) {
	f.Add("1.24.5 1.25 latest", "1.25", uint8(0), uint8(0), uint8(0))
	f.Add("v1.30.4_k1 v1.30.4_k2", "v1.30.4_k1", uint8(0), uint8(0), uint8(1))
	f.Add("release-1.3.0 release-1.2.0", "1.4.0@sha256:1d", uint8(2), uint8(3), uint8(0))
	f.Add("1.0.0-14 1.0.0-9", "1.0.0-14", uint8(3), uint8(0), uint8(2))
	f.Add("2.0.0-rc9 2.0.0-rc10", "2.0.0-rc9", uint8(1), uint8(1), uint8(4))
	f.Add("1.3.0 1.2.0", "1_4_0", uint8(0), uint8(4), uint8(0))
	f.Fuzz(func(t *testing.T, tags, current string, kind, chain, rules uint8) {
		r := Request{Listing: fuzzListing(tags), Current: current, Filter: fuzzFilter(t, kind), Transform: fuzzChain(t, chain), Now: today}
		if rules&1 != 0 {
			r.Policy.Rebuilds = FollowRebuilds
		}
		if rules&2 != 0 {
			r.Policy.Loose = true
		}
		if rules&4 != 0 {
			r.Policy.Channel = "rc"
		}
		d := Decide(r)
		checkExplanation(t, r)
		if d.Outcome != Update {
			return
		}
		text, _ := SplitDigest(current)
		if d.Reason == NewestMatch && r.Transform.Identity() && r.Policy.Channel == "" && !r.Policy.Loose {
			x, ok := readValue(d.Tag)
			y, ok2 := readValue(text)
			if ok && ok2 && x.release().compare(y.release()) < 0 && Filter.Admits(r.Filter, text, r.Policy) {
				t.Errorf("%q goes down to %q: %+v", current, d.Tag, d)
			}
		}
		r.Current = d.Value
		if again := Decide(r); again.Outcome == Update && again.Value != d.Value {
			t.Errorf("%+v is revised to %+v", d, again)
		}
	})
}

func fuzzListing(tags string) source.Listing {
	var all source.Listing
	seen := map[string]bool{}
	for _, tag := range strings.Fields(tags) {
		if !seen[tag] && !strings.Contains(tag, "@") && len(all) < 20 {
			seen[tag] = true
			all = append(all, source.Release{Tag: tag})
		}
	}
	return all
}

func fuzzFilter(t *testing.T, kind uint8) Filter {
	t.Helper()
	all := [...][3]string{{"semver", "*", ""}, {"semver", ">=1.0.0-0", ""}, {"regex/semver", "*", `^[a-z-]*(\d.*)$`}, {"regex", `\d`, ""}, {"latest", "", ""}, {"like", "", ""}}
	f := all[int(kind)%len(all)]
	return mustFilter(t, f[0], f[1], f[2])
}

func fuzzChain(t *testing.T, chain uint8) source.Transform {
	t.Helper()
	must := op(t)
	switch chain % 6 {
	case 1:
		return transform(source.TrimPrefix("v"))
	case 2:
		return transform(source.AddPrefix("release-v"))
	case 3:
		return transform(must(source.Find(`\d.*`)))
	case 4:
		return transform(must(source.Replace(source.Replacement{From: ".", To: "_"})))
	case 5:
		return transform(must(source.SemverInc("minor")), source.AddSuffix("-x"))
	}
	return transform()
}
