package policy

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

func like(t testing.TB, pattern string) Filter {
	t.Helper()
	f, err := ParseFilter("like", pattern, "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestLike holds each value against the tags of one listing that are like it, the highest last.
func TestLike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, pattern, want string
		listed               []string
	}{
		{"16.4", "", "17.2", []string{"16.10", "17.2", "17.2.1", "v18.0", "18", "18.0-alpine"}},
		{"16.4", "16.x", "16.10", []string{"16.10", "17.2"}},
		{"3.11.2", "3.11.x", "3.11.10", []string{"3.11.10", "3.12.0"}},
		{"16", "", "17", []string{"17", "18.0", "latest", "20260101"}},
		{"7.2-alpine", "7.x", "7.4-alpine", []string{"7.4-alpine", "7.5-Alpine", "7.6-alpine3", "8.0-alpine"}},
		{"7.2-alpine3.18", "", "7.4-alpine3.19", []string{"7.4-alpine3.19", "7.4-alpine", "7.2-alpine3.20"}},
		{"4.0.19.2979-ls322", "", "4.0.20.3001-ls330", []string{"4.0.20.3001-ls330", "4.0.20.3001-ls329", "4.0.21-ls400"}},
		{"RELEASE.2024-05-01T01-11-10Z", "", "RELEASE.2024-10-29T16-01-48Z", []string{"RELEASE.2024-10-29T16-01-48Z", "RELEASE.2024-11-01T00-00-00Z.fips"}},
		{"2024.01.15", "", "2024.02.01", []string{"2024.02.01", "2023.12.31"}},
		{"0.7.4", "", "0.8.0", []string{"0.8.0", "2026.1.1"}},
		{"1.2-arm64", "", "1.3-arm64", []string{"1.3-arm64", "1.4-arm32", "1.4-amd64"}},
		{"1.2-x86_64", "", "1.3-x86_64", []string{"1.3-x86_64"}},
		{"main-3c86847-20260101", "", "main-1234567-20260102", []string{"main-1234567-20260102", "main-9999999-20260101"}},
		{"main-dfdfbba-17", "", "main-1c86847-18", []string{"main-1c86847-18"}},
		{"20261228-3c86847", "", "20261229-0a1b2c3", []string{"20261229-0a1b2c3", "20261230"}},
		{"v1.2.3-45-g3c86847", "", "v1.2.3-46-g1111111", []string{"v1.2.3-46-g1111111", "v1.2.3-46"}},
		{"17.1.0-22601-16443cb", "", "17.1.0-22602-0a0a0a0", []string{"17.1.0-22602-0a0a0a0", "17.2.0"}},
		{"main-12", "", "main-13", []string{"main-13", "main-3c86847", "main-9999999"}},
		{"main-1234567", "", "", []string{"main-3c86847", "main-9999999"}},
		{"sha-3c86847", "", "", []string{"sha-9c86847"}},
		{"latest", "", "", []string{"latest2", "1.0"}},
		{"18446744073709551616.1", "", "18446744073709551617.0", []string{"18446744073709551617.0", "9.9", "184467440737095516170.0"}},
		{"1.10.0", "", "1.010.1", []string{"1.010.1", "1.9.9"}},
	} {
		r := Request{Listing: listing(append(slices.Clone(c.listed), c.value)...), Current: c.value, Filter: like(t, c.pattern), Now: today}
		if d := Decide(r); d.Tag != c.want || (c.want == "") != (d.Outcome == None) {
			t.Errorf("%s: %+v", c.value, d)
		}
		checkExplanation(t, r)
	}
}

// TestLikeHolds holds that a value which is like the others is not taken down: when its tag is gone, and when the tags
// above it are.
func TestLikeHolds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		r    Request
		want Reason
	}{
		"lower only":         {Request{Current: "7.4-alpine", Listing: listing("7.2-alpine", "7.3-alpine")}, LowerOnly},
		"same, other text":   {Request{Current: "1.0-aaaaaa1", Listing: listing("1.0-bbbbbb2", "0.9-cccccc3")}, NotListed},
		"digest":             {Request{Current: "16.10@sha256:0", Listing: listing("16.4", "16.9")}, LowerOnly},
		"prefix":             {Request{Current: "org/a:16.10", Listing: listing("16.4"), Transform: source.NewTransform(source.AddPrefix("org/a:"))}, LowerOnly},
		"hold":               {Request{Current: "16.4", Listing: listing("16.4", "16.5"), Policy: Policy{Hold: &Hold{Version: "16.4"}}}, HeldByPolicy},
		"down when told":     {Request{Current: "16.4", Listing: listing("16.3"), Policy: Policy{Downgrade: Follow}}, NewestMatch},
		"into the pattern":   {Request{Current: "17.1", Filter: like(t, "16.x"), Listing: listing("17.2", "16.3")}, PinnedDown},
		"excluded":           {Request{Current: "16.4", Listing: listing("16.4", "17.1"), Policy: Policy{Exclude: []Exclusion{exclusion(t, ">=17")}}}, Excluded},
		"missing":            {Request{Current: "16.4", Listing: listing("16.4", "17.1"), Missing: map[string]bool{"17.1": true}}, NotPublished},
		"nothing in pattern": {Request{Current: "16.4", Filter: like(t, "18.x"), Listing: listing("16.4", "17.1")}, NoMatch},
	} {
		if c.r.Filter.kind == "" {
			c.r.Filter = like(t, "")
		}
		c.r.Now = today
		if d := Decide(c.r); d.Reason != c.want {
			t.Errorf("%s: %+v", name, d)
		}
		checkExplanation(t, c.r)
	}
}

func exclusion(t *testing.T, text string) Exclusion {
	t.Helper()
	e, err := ParseExclusion(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestLikePattern holds what is no pattern of leading numbers.
func TestLikePattern(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"^16", "16.x.4", "16-alpine", "16.", ">=1 <2", "x.16"} {
		if _, err := ParseFilter("like", pattern, ""); err == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
	for _, pattern := range []string{"x", "*", "16", "v16.x", "16.4.X"} {
		like(t, pattern)
	}
}

// modelSlot is a place of a tag as the model sees it: what stands there, and whether it is a word of its own.
type modelSlot struct {
	text        string
	whole, hash bool
}

var (
	modelWord   = regexp.MustCompile(`[0-9A-Za-z]+|[^0-9A-Za-z]+`)
	modelPiece  = regexp.MustCompile(`[0-9]+|[^0-9]+`)
	modelPrefix = regexp.MustCompile(`^(g|git|sha|commit|rev)([0-9a-f]{7,64})$`)
	modelYear   = regexp.MustCompile(`^20..$`)
	modelDigits = regexp.MustCompile(`^[0-9]+$`)
	modelHash   = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

// modelOf takes a tag apart in the simplest way: its text with a mark for each place, and the places.
func modelOf(tag string) (text string, slots []modelSlot) {
	hashy := func(w string) bool {
		return modelHash.MatchString(w) && strings.ContainsAny(w, "abcdef")
	}
	for _, word := range modelWord.FindAllString(tag, -1) {
		if m := modelPrefix.FindStringSubmatch(word); m != nil && (hashy(m[2]) || modelDigits.MatchString(m[2])) {
			text, word = text+m[1]+"|", m[2]
		}
		pieces := modelPiece.FindAllString(word, -1)
		switch {
		case modelDigits.MatchString(word) || hashy(word):
			text, slots = text+"<>", append(slots, modelSlot{word, true, hashy(word)})
		case len(pieces) > 4 || slices.Contains(architectures, strings.ToLower(word)):
			text += word
		default:
			for _, p := range pieces {
				if modelDigits.MatchString(p) {
					text, slots = text+"#", append(slots, modelSlot{text: p})
				} else {
					text += p
				}
			}
		}
	}
	return text, slots
}

// modelNumbers are the numbers of every tag that is like the value, by tag; none when the value has no number.
func modelNumbers(value string, tags []string) map[string][]*big.Int {
	text, own := modelOf(value)
	lengths := map[[2]int]bool{}
	alike := map[string][]modelSlot{value: own}
	for _, tag := range tags {
		if other, slots := modelOf(tag); other == text && len(slots) <= maxNumbers {
			alike[tag] = slots
		}
	}
	for _, slots := range alike {
		for i, s := range slots {
			if s.hash {
				lengths[[2]int{i, min(len(s.text), 63)}] = true
			}
		}
	}
	isHash := func(i int, s modelSlot) bool {
		return s.hash || s.whole && len(s.text) >= 7 && lengths[[2]int{i, min(len(s.text), 63)}]
	}
	numbers := map[string][]*big.Int{}
	for tag, slots := range alike {
		var all []*big.Int
		same := true
		for i, s := range slots {
			same = same && isHash(i, s) == isHash(i, own[i])
			if long := max(len(s.text), len(own[i].text)); !isHash(i, s) && long >= 8 {
				same = same && len(s.text) == len(own[i].text)
			}
			if i == 0 && len(own) > 1 {
				same = same && modelYear.MatchString(s.text) == modelYear.MatchString(own[i].text)
			}
			if n, ok := new(big.Int).SetString(s.text, 10); ok && !isHash(i, s) {
				all = append(all, n)
			}
		}
		if same && len(all) > 0 {
			numbers[tag] = all
		}
	}
	return numbers
}

func modelCompare(a, b []*big.Int) int { return slices.CompareFunc(a, b, (*big.Int).Cmp) }

// family makes tags of one sort; truth are the numbers that count in a tag.
type family func(r *rand.Rand) (tag string, truth []int)

func randomHash(r *rand.Rand, length int) string {
	text := ""
	for range length {
		text += string("0123456789abcdef"[r.IntN(16)])
	}
	if r.IntN(4) == 0 {
		text = strings.Map(func(c rune) rune { return '0' + c%10 }, text)
	}
	return text
}

// families are shaped like what registries list.
func families() []family {
	of := func(format string, limits ...int) family {
		return func(r *rand.Rand) (string, []int) {
			var truth []int
			var args []any
			for _, limit := range limits {
				n := r.IntN(limit)
				truth, args = append(truth, n), append(args, n)
			}
			return fmt.Sprintf(format, args...), truth
		}
	}
	hashed := func(length int, before, after string, limits ...int) family {
		numbers := of(strings.Repeat("%d.", len(limits)-1)+"%d", limits...)
		return func(r *rand.Rand) (string, []int) {
			text, truth := numbers(r)
			return strings.ReplaceAll(before, "N", text) + randomHash(r, length) + strings.ReplaceAll(after, "N", text), truth
		}
	}
	return []family{
		of("%d.%d", 20, 30), of("%d.%d-alpine", 9, 9), of("%d.%d-alpine3.%d", 9, 9, 20), of("%d.%d.%d-debian-12-r%d", 9, 5, 5, 20), of("v%d.%d.%d", 4, 20, 9),
		of("%d.%d.%d", 4, 20, 9), of("%d.%d.%d.%d-ls%d", 5, 2, 25, 4000, 400), of("%d.%d.%d-ls%d", 5, 2, 25, 400), of("%d", 30), of("main-%d", 3000),
		of("202%d.%d.%d", 7, 12, 28), of("202%d%02d%02d", 7, 12, 28), of("%d.%d-arm64", 9, 9), of("%d.%d-arm32v7", 9, 9), of("%d.%d-amd64", 9, 9), of("%d.%d.%d-rc.%d", 3, 3, 3, 9),
		of("RELEASE.2024-%02d-%02dT%02d-%02d-00Z", 12, 28, 24, 60), of("v%d.%d.%d+k3s%d", 2, 30, 9, 3), of("jdk%d.%d_%d", 22, 3, 12),
		hashed(7, "main-", "-N", 1_000_000), hashed(8, "N-", "", 3, 40, 9), hashed(7, "vN-", "", 3, 40, 9), hashed(7, "N-g", "", 3, 40), hashed(40, "rN-", "", 300),
		func(r *rand.Rand) (string, []int) { return "main-" + randomHash(r, 7), nil },
		func(r *rand.Rand) (string, []int) { return "sha-" + randomHash(r, 7), nil },
		func(*rand.Rand) (string, []int) { return "latest", nil },
	}
}

// TestLikeModel holds decisions over random lists against the model: the same numbers win; the tag that is written comes
// from the value's own family and is not lower by the numbers that its family knows to count, so that no hash was taken
// for a number; and the next decision about it is to stay.
func TestLikeModel(t *testing.T) {
	t.Parallel()
	all := families()
	for seed := range seeds(t) {
		r := rand.New(rand.NewPCG(seed, 14))
		truths, from := map[string][]int{}, map[string]int{}
		var tags []string
		for range 1 + r.IntN(4) {
			f := r.IntN(len(all))
			for range 12 {
				tag, truth := all[f](r)
				if _, there := truths[tag]; !there {
					truths[tag], from[tag], tags = truth, f, append(tags, tag)
				}
			}
		}
		value := tags[r.IntN(len(tags))]
		request := Request{Listing: listing(tags...), Current: value, Filter: like(t, ""), Now: today}
		d := Decide(request)
		numbers := modelNumbers(value, tags)
		if (d.Tag == "") != (len(numbers) == 0) {
			t.Fatalf("seed %d: %s: %+v, the model knows %v among %v", seed, value, d, numbers, tags)
		}
		if d.Tag == "" {
			continue
		}
		for tag, n := range numbers {
			if numbers[d.Tag] == nil || modelCompare(n, numbers[d.Tag]) > 0 {
				t.Fatalf("seed %d: %s becomes %s and not %s of %v", seed, value, d.Tag, tag, tags)
			}
		}
		if from[d.Tag] != from[value] || slices.CompareFunc(truths[value], truths[d.Tag], cmp.Compare[int]) > 0 {
			t.Fatalf("seed %d: %s becomes %s: another variant, or lower", seed, value, d.Tag)
		}
		r.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
		request.Listing, request.Current = listing(tags...), d.Tag
		if again := Decide(request); again.Outcome != Current || again.Tag != d.Tag {
			t.Fatalf("seed %d: %s, then %+v among %v", seed, value, again, tags)
		}
	}
}

// TestRegexOrders holds the two orders by a group: as numbers of any length, as texts.
func TestRegexOrders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, regex, current, want string }{
		{"regex/numeric", `^main-[0-9a-f]+-(\d+)$`, "main-a-999", "main-b-1001"},
		{"regex/numeric", `\d+(?:\.\d+)?$`, "main-a-999", "main-b-1001"},
		{"regex/numeric", `^x-(.*)$`, "x-1.5", "x-1.55"},
		{"regex/numeric", `^main-[0-9a-f]+-(\d+)$`, "main-f-2000", ""},
		{"regex/alphabetical", `^R\.(.+)Z$`, "R.2024-01-01Z", "R.2024-10-01Z"},
		{"regex/alphabetical", `^nothing(.+)$`, "R.2024-01-01Z", ""},
	} {
		f, err := ParseFilter(c.kind, "", c.regex)
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Current: c.current, Filter: f, Now: today, Listing: listing("main-b-1001", "main-a-999", "main-c-0998", "main-c-", "R.2024-10-01Z", "R.2024-01-01Z", "R.2024-02-01Z.x", "x-1.5", "x-1.55", "x-1.5a")}
		if d := Decide(r); d.Tag != c.want {
			t.Errorf("%s %s: %+v", c.kind, c.regex, d)
		}
		checkExplanation(t, r)
	}
	for _, c := range [][2]string{{"x", "a"}, {"", ""}, {"", "("}} {
		if _, err := ParseFilter("regex/numeric", c[0], c[1]); err == nil {
			t.Errorf("%q is taken", c)
		}
	}
}

// BenchmarkLike compares 600 values that are like others with 600 that follow a range.
func BenchmarkLike(b *testing.B) {
	l := listing(GenTags(500)...)
	for name, f := range map[string]Filter{"semver": filter(b, "*"), "like": like(b, "")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range 600 {
					if d := Decide(Request{Listing: l, Current: "v1.2.3", Filter: f, Now: today}); d.Outcome != Update {
						b.Fatal(d)
					}
				}
			}
		})
	}
}
