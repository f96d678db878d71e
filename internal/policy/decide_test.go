package policy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

func transform(ops ...source.Op) source.Transform { return source.NewTransform(ops...) }

func exclude(t testing.TB, texts ...string) []Exclusion {
	t.Helper()
	var all []Exclusion
	for _, text := range texts {
		e, err := ParseExclusion(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func mustFilter(t testing.TB, kind, pattern, regex string) Filter {
	t.Helper()
	f, err := ParseFilter(kind, pattern, regex)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDecide has a case for every way in which a decision comes about.
func TestDecide(t *testing.T) {
	t.Parallel()
	image := transform(source.TrimPrefix("v"), source.AddPrefix("ghcr.io/org/app:v"))
	find, err := source.Find("^never")
	if err != nil {
		t.Fatal(err)
	}
	pin := "@sha256:" + strings.Repeat("1d27fc59", 8)
	yesterday, tomorrow := today.AddDate(0, 0, -1), today.AddDate(0, 0, 1)
	for _, c := range []struct {
		name    string
		r       Request
		outcome Outcome
		reason  Reason
		value   string
		says    string
	}{
		{"newer", Request{Listing: listing("v1.0.0", "v1.1.0"), Current: "v1.0.0", Filter: filter(t, "^1")}, Update, NewestMatch, "v1.1.0", "newest of 2"},
		{"newest already", Request{Listing: listing("v1.0.0", "v1.1.0"), Current: "v1.1.0", Filter: filter(t, "^1")}, Current, AlreadyNewest, "v1.1.0", "newest of 2"},
		{"pinned down", Request{Listing: listing("v1.0.0", "v2.0.0"), Current: "v2.0.0", Filter: filter(t, "^1")}, Update, PinnedDown, "v1.0.0", "does not satisfy"},
		{"below the filter", Request{Listing: listing("v1.0.0", "v2.0.0"), Current: "v1.0.0", Filter: filter(t, "^2")}, Update, NewestMatch, "v2.0.0", ""},
		{"value is empty", Request{Listing: listing("v1.0.0"), Current: "", Filter: filter(t, "*")}, Update, NewestMatch, "v1.0.0", ""},
		{"value is latest", Request{Listing: listing("v1.0.0", "latest"), Current: "latest", Filter: filter(t, "*")}, Update, NewestMatch, "v1.0.0", ""},
		{"withdrawn", Request{Listing: listing("4.2.4", "4.2.5", "5.0.0"), Current: "4.3.0", Filter: filter(t, "^4.2.0")}, Held, NotListed, "", "no longer listed"},
		{"list lost its newest", Request{Listing: listing("4.2.4", "4.2.5"), Current: "4.3.0", Filter: filter(t, "^4.2.0")}, Held, LowerOnly, "", "higher than everything listed"},
		{"withdrawn, follow", Request{Listing: listing("4.2.5"), Current: "4.3.0", Filter: filter(t, "^4.2.0"), Policy: Policy{Downgrade: Follow}}, Update, NewestMatch, "4.2.5", "lower than 4.3.0"},
		{"withdrawn, but newer", Request{Listing: listing("4.2.5", "4.4.0"), Current: "4.3.0", Filter: filter(t, "^4.2.0")}, Update, NewestMatch, "4.4.0", ""},
		{"other spelling only", Request{Listing: listing("v1.0.0"), Current: "1.0.0", Filter: filter(t, "*")}, Held, NotListed, "", "another spelling"},
		{"nothing listed", Request{Current: "1.0.0", Filter: filter(t, "*")}, None, EmptyListing, "", "no version at all"},
		{"nothing matches", Request{Listing: listing("1.0.0"), Current: "1.0.0", Filter: filter(t, "^2")}, None, NoMatch, "", "none of 1"},
		{"prereleases alone", Request{Listing: listing("2.0.0-rc.1"), Current: "1.0.0", Filter: filter(t, "^2")}, None, NoMatch, "", "none of 1"},
		{"no versions alone", Request{Listing: listing("latest", "v8"), Current: "1.0.0", Filter: filter(t, "*")}, None, NoMatch, "", "none of 2"},
		{"newest excluded", Request{Listing: listing("1.0.0", "1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Policy: Policy{Exclude: exclude(t, "1.1.0")}}, Current, Excluded, "1.0.0", "1.1.0 satisfies"},
		{"excluded by range", Request{Listing: listing("1.0.0", "1.1.0", "1.1.1"), Current: "0.9.0", Filter: filter(t, "*"), Policy: Policy{Exclude: exclude(t, "~1.1")}}, Update, NewestMatch, "1.0.0", "1.1.1 is excluded"},
		{"value excluded", Request{Listing: listing("1.0.0", "1.1.0"), Current: "1.1.0", Filter: filter(t, "*"), Policy: Policy{Exclude: exclude(t, "v1.1.0")}}, Update, PinnedDown, "1.0.0", ""},
		{"all excluded", Request{Listing: listing("1.0.0"), Current: "0.1.0", Filter: filter(t, "*"), Policy: Policy{Exclude: exclude(t, "*")}}, None, Excluded, "", "all that satisfy"},
		{"newest missing", Request{Listing: listing("1.0.0", "1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Missing: map[string]bool{"1.1.0": true}}, Held, NotPublished, "", "1.1.0 cannot be pulled yet"},
		{"missing gives way", Request{Listing: listing("1.0.0", "1.1.0", "1.2.0"), Current: "1.0.0", Filter: filter(t, "*"), Missing: map[string]bool{"1.2.0": true}}, Update, NewestMatch, "1.1.0", "1.2.0 cannot be pulled yet"},
		{"missing takes nothing down", Request{Listing: listing("6.1.0", "6.7.0"), Current: "6.6.0-snapshot.0", Filter: filter(t, "^6"), Missing: map[string]bool{"6.7.0": true}}, Held, NotPublished, "", ""},
		{"missing alone", Request{Listing: listing("1.1.0"), Current: "latest", Filter: filter(t, "*"), Missing: map[string]bool{"1.1.0": true}}, Held, NotPublished, "", ""},
		{"held", Request{Listing: listing("1.0.0", "1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Reason: "audit"}}}, Held, HeldByPolicy, "", "held at 1.0.0: audit"},
		{"held on its last day", Request{Listing: listing("1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Until: today.Truncate(24 * time.Hour)}}}, Held, HeldByPolicy, "", ""},
		{"hold over since yesterday", Request{Listing: listing("1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Until: yesterday.Truncate(24 * time.Hour)}}}, Update, HoldExpired, "1.1.0", "ended on 2026-05-31"},
		{"hold over, nothing new", Request{Listing: listing("1.0.0"), Current: "1.0.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Until: yesterday}}}, Current, HoldExpired, "1.0.0", "ended on"},
		{"held at a version", Request{Listing: listing("v1.0.0", "v1.1.0"), Current: "v1.1.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Version: "1.0.0", Until: tomorrow}}}, Update, HeldByPolicy, "v1.0.0", "held at v1.0.0"},
		{"held at it already", Request{Listing: listing("v1.0.0", "v1.1.0"), Current: "v1.0.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Version: "v1.0.0"}}}, Held, HeldByPolicy, "v1.0.0", ""},
		{"held at what is not there", Request{Listing: listing("v1.1.0"), Current: "v1.1.0", Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Version: "v1.0.0"}}}, Held, NotListed, "", "not listed"},
		{"held at what is missing", Request{Listing: listing("v1.0.0"), Current: "v1.1.0", Filter: filter(t, "*"), Missing: map[string]bool{"v1.0.0": true}, Policy: Policy{Hold: &Hold{Version: "v1.0.0"}}}, Held, NotPublished, "", ""},
		{"transformers leave nothing", Request{Listing: listing("v1.0.0"), Current: "x", Filter: filter(t, "*"), Transform: transform(source.TrimPrefix("v1.0.0"))}, Failed, EmptyValue, "", "leaves nothing"},
		{"transformers fail", Request{Listing: listing("v1.0.0"), Current: "x", Filter: filter(t, "*"), Transform: transform(find)}, Failed, EmptyValue, "", "no match"},

		{"trimmed, newer", Request{Listing: listing("v1.0.0", "v1.1.0"), Current: "1.0.0", Filter: filter(t, "*"), Transform: transform(source.TrimPrefix("v"))}, Update, NewestMatch, "1.1.0", ""},
		{"trimmed and withdrawn", Request{Listing: listing("v1.0.0", "v2.0.0"), Current: "1.1.0", Filter: filter(t, "^1"), Transform: transform(source.TrimPrefix("v"))}, Held, NotListed, "", ""},
		{"both spellings trimmed", Request{Listing: listing("1.0.0", "v1.0.0"), Current: "1.0.0", Filter: filter(t, "*"), Transform: transform(source.TrimPrefix("v"))}, Current, AlreadyNewest, "1.0.0", ""},
		{"image, newer", Request{Listing: listing("v1.52.0", "v1.53.0"), Current: "ghcr.io/org/app:v1.52.0", Filter: filter(t, "^1"), Transform: image}, Update, NewestMatch, "ghcr.io/org/app:v1.53.0", ""},
		{"image, pinned down", Request{Listing: listing("v1.52.0", "v2.0.0"), Current: "ghcr.io/org/app:v2.0.0", Filter: filter(t, "^1"), Transform: image}, Update, PinnedDown, "ghcr.io/org/app:v1.52.0", ""},
		{"image, withdrawn", Request{Listing: listing("v1.52.0", "v2.0.0"), Current: "ghcr.io/org/app:v1.53.0", Filter: filter(t, "^1"), Transform: image}, Held, NotListed, "", ""},
		{"image, another name", Request{Listing: listing("v1.52.0"), Current: "ghcr.io/old/app:v1.53.0", Filter: filter(t, "^1"), Transform: image}, Update, NewestMatch, "ghcr.io/org/app:v1.52.0", ""},

		{"pinned, newer", Request{Listing: listing("1.0.0", "1.1.0"), Current: "1.0.0" + pin, Filter: filter(t, "*")}, Update, NewestMatch, "1.1.0", ""},
		{"pinned, newest already", Request{Listing: listing("1.0.0", "1.1.0"), Current: "1.1.0" + pin, Filter: filter(t, "*")}, Current, AlreadyNewest, "1.1.0" + pin, ""},
		{"pinned and withdrawn", Request{Listing: listing("1.2.0", "1.3.0"), Current: "1.4.0" + pin, Filter: filter(t, "*")}, Held, LowerOnly, "", "higher than"},
		{"pinned reference, newest already", Request{Listing: listing("v1.52.0"), Current: "ghcr.io/org/app:v1.52.0" + pin, Filter: filter(t, "^1"), Transform: image}, Current, AlreadyNewest, "ghcr.io/org/app:v1.52.0" + pin, ""},
		{"pinned, held at it", Request{Listing: listing("1.0.0", "1.1.0"), Current: "1.0.0" + pin, Filter: filter(t, "*"), Policy: Policy{Hold: &Hold{Version: "1.0.0"}}}, Held, HeldByPolicy, "1.0.0" + pin, ""},

		{"other channel counts as outside", Request{Listing: listing("1.0.0-infitx.4", "1.1.0"), Current: "1.1.0", Filter: filter(t, ">=1.0.0-0"), Policy: Policy{Channel: "infitx"}}, Update, PinnedDown, "1.0.0-infitx.4", "channel infitx"},
		{"channel wants numbers", Request{Listing: listing("1.0.0-infitx.1.2", "1.0.0-infitx", "1.0.0-infitx-3", "1.0.0-infitx4", "1.0.0-infitx.x"), Current: "", Filter: filter(t, ">=1.0.0-0"), Policy: Policy{Channel: "infitx"}}, Update, NewestMatch, "1.0.0-infitx4", "newest of 2 "},
		{"tag filter", Request{Listing: listing("1.0.0-alpine", "1.1.0"), Current: "", Filter: filter(t, ">=1.0.0-0").WithTags(regexp.MustCompile("alpine$"))}, Update, NewestMatch, "1.0.0-alpine", ""},
		{"last listed", Request{Listing: listing("b", "a", "c1"), Current: "b", Filter: mustFilter(t, "regex", "^[ab]", "")}, Update, NewestMatch, "a", "last listed of 2"},
		{"last listed already", Request{Listing: listing("b", "a"), Current: "a", Filter: mustFilter(t, "latest", "", "")}, Current, AlreadyNewest, "a", ""},
		{"last listed excluded", Request{Listing: listing("b", "a"), Current: "b", Filter: mustFilter(t, "latest", "", ""), Policy: Policy{Exclude: exclude(t, "<0 || 0.0.1")}}, Update, NewestMatch, "a", ""},
		{"none matches the text", Request{Listing: listing("b"), Current: "b", Filter: mustFilter(t, "regex", "^x", "")}, None, NoMatch, "", ""},
		{"text missing", Request{Listing: listing("b"), Current: "a", Filter: mustFilter(t, "latest", "b", ""), Missing: map[string]bool{"b": true}}, Held, NotPublished, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.Now = today
			d := Decide(c.r)
			if d.Outcome != c.outcome || d.Reason != c.reason || d.Value != c.value && c.outcome != Held || !strings.Contains(d.Detail, c.says) {
				t.Errorf("got %+v, want %s (%s) %q saying %q", d, c.outcome, c.reason, c.value, c.says)
			}
			if d.Detail == "" || !slices.Contains(Reasons(), d.Reason) {
				t.Errorf("no detail, or a reason outside the list: %+v", d)
			}
			if d.Outcome == Update {
				c.r.Current = d.Value
				if again := Decide(c.r); again.Outcome == Update {
					t.Errorf("deciding again moves on to %+v", again)
				}
			}
			checkExplanation(t, c.r)
		})
	}
}

// checkExplanation holds the verdicts against the decision.
func checkExplanation(t *testing.T, r Request) {
	t.Helper()
	d, verdicts := Decide(r), Explain(r)
	if len(verdicts) != len(r.Listing) {
		t.Fatalf("%d verdicts on %d tags", len(verdicts), len(r.Listing))
	}
	chosen := 0
	for _, v := range verdicts {
		if v.Rule == "" {
			t.Errorf("no rule for %s", v.Tag)
		}
		if v.Chosen {
			chosen++
			if v.Tag != d.Tag {
				t.Errorf("%s is chosen, the decision is %+v", v.Tag, d)
			}
		}
	}
	if d.Tag != "" && chosen == 0 {
		t.Errorf("no tag is chosen, the decision is %+v", d)
	}
}

// seeds is how many random cases a property is tried on.
func seeds(t testing.TB) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(os.Getenv("PAWL_SEEDS"), 10, 32)
	if err != nil {
		n = 20
	}
	return n * 100
}

// TestProperties tries random listings, values and policies: the order of a listing does not matter where versions have
// an order; a decision that is carried out is not revised; nothing goes down while the value satisfies the filter.
func TestProperties(t *testing.T) {
	t.Parallel()
	pick := func(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }
	updates := 0
	for seed := range seeds(t) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var tags []string
		for range rnd.IntN(12) {
			tags = append(tags, fmt.Sprintf("%s%d.%d.%d%s", pick(rnd, []string{"", "v"}), rnd.IntN(3), rnd.IntN(3), rnd.IntN(2), pick(rnd, []string{"", "", "-rc.1", "-infitx.2", "-infitx.10", "+b"})))
		}
		slices.Sort(tags)
		tags = slices.Compact(tags)
		r := Request{Listing: listing(tags...), Current: pick(rnd, append([]string{"", "latest", "1.1.1", "v2.0.0-rc.1"}, tags...)), Now: today,
			Filter: filter(t, pick(rnd, []string{"*", "^1", ">=1.0.0-0", "~1.1", ">=0.0.0-infitx.0 <=2.9.9-infitx.99"})), Missing: map[string]bool{}}
		if rnd.IntN(3) == 0 {
			r.Policy.Exclude = exclude(t, pick(rnd, []string{"1.1.1", "~1", "v2.0.0"}))
		}
		if rnd.IntN(4) == 0 {
			r.Policy.Channel = "infitx"
		}
		for _, tag := range tags {
			if rnd.IntN(6) == 0 && tag != r.Current {
				r.Missing[tag] = true
			}
		}
		d := Decide(r)

		shuffled := r
		shuffled.Listing = slices.Clone(r.Listing)
		rnd.Shuffle(len(tags), func(i, j int) {
			shuffled.Listing[i], shuffled.Listing[j] = shuffled.Listing[j], shuffled.Listing[i]
		})
		if other := Decide(shuffled); other != d {
			t.Errorf("seed %d: %+v, with another order of the listing %+v", seed, d, other)
		}
		if d.Outcome != Update {
			continue
		}
		updates++
		if r.Missing[d.Tag] || !slices.Contains(tags, d.Tag) {
			t.Errorf("seed %d: %s must not be written", seed, d.Tag)
		}
		now := r.current()
		if v, _ := parse(d.Tag, false); now.inside && v.compare(now.version) < 0 {
			t.Errorf("seed %d: %s goes down to %s", seed, r.Current, d.Tag)
		}
		r.Current = d.Value
		if again := Decide(r); again.Outcome == Update {
			t.Errorf("seed %d: %+v is revised to %+v", seed, d, again)
		}
	}
	if updates < 100 {
		t.Errorf("only %d updates: the cases decide nothing", updates)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]int{
		"^1.0.0":         0,
		">=1.0.0 <2.0.0": 0,
		">=19.13.0-infitx.0 <=19.13.0-infitx.999999": 0,
		">=1.13.0-infitx.0 <=1.99.0-infitx.9999":     1,
		">=7.2.0-infitx.0 <=7.2.0-infitx.999":        1,
		">=7.2.0-infitx.0 <=7.3.0-infitx.99":         2,
		">=1.0.0-0":                                  0,
		"^1.2.3-beta.1":                              0,
		">=1.0.0-a.1 <=1.0.0-b.9":                    0,
	} {
		got := filter(t, pattern).Lint(Policy{})
		if len(got) != want {
			t.Errorf("%s: %v, want %d warnings", pattern, got, want)
		}
		for _, w := range got {
			if w.Message == "" || w.Hint == "" {
				t.Errorf("%s: empty warning %+v", pattern, w)
			}
		}
	}
	if got := filter(t, ">=1.13.0-infitx.0 <=1.99.0-infitx.9999").Lint(Policy{Channel: "infitx"}); len(got) != 0 {
		t.Errorf("a channel does not end the warning: %v", got)
	}
}

func ExampleDecide() {
	f, err := ParseFilter("semver", "^1.0.0", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	d := Decide(Request{Listing: source.Listing{{Tag: "v1.0.0"}, {Tag: "v1.1.0"}, {Tag: "v2.0.0"}}, Current: "v1.0.0", Filter: f})
	fmt.Println(d.Outcome, d.Reason, d.Value)
	// Output: update newest-match v1.1.0
}
