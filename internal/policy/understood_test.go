package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

// writing is a way in which a profile writes versions: how a tag is spelled, what the transformers make of it, and by the
// model's own words what text stands in the file for three numbers.
type writing struct {
	name      string
	tag       func(core string) string
	transform source.Transform
	text      func(core string) string
	// semver says that the tags are versions by themselves.
	semver bool
}

func same(core string) string { return core }

func writings(t testing.TB) []writing {
	t.Helper()
	must := op(t)
	with := func(prefix, suffix string) func(string) string {
		return func(core string) string { return prefix + core + suffix }
	}
	minor := func(core string) string { return core[:strings.LastIndexByte(core, '.')] }
	next := func(core string) string {
		var n, m, p int
		fmt.Sscanf(core, "%d.%d.%d", &n, &m, &p)
		return fmt.Sprintf("%d.%d.0", n, m+1)
	}
	return []writing{
		{"as it is", same, transform(), same, true},
		{"with a v", with("v", ""), transform(), with("v", ""), true},
		{"addprefix", same, transform(source.AddPrefix("release-")), with("release-", ""), true},
		{"trimprefix, addprefix", with("v", ""), transform(source.TrimPrefix("v"), source.AddPrefix("org/app:v")), with("org/app:v", ""), true},
		{"addsuffix", same, transform(source.AddSuffix("-el8")), with("", "-el8"), true},
		{"replacer", with("release-", ""), transform(must(source.Replace(source.Replacement{From: "release-"}))), same, false},
		{"find", with("app-", "-x"), transform(must(source.Find(`\d+\.\d+\.\d+`))), same, false},
		{"other dots", same, transform(must(source.Replace(source.Replacement{From: ".", To: "_"}))), func(core string) string { return strings.ReplaceAll(core, ".", "_") }, true},
		{"two numbers", same, transform(must(source.FindSubmatch(`(\d+\.\d+)\.`, 1))), minor, true},
		{"incremented", same, transform(must(source.SemverInc("minor"))), next, true},
	}
}

// spelledValues are spellings of one text that people write; the model reads the numbers of each as it reads those of the text.
func spelledValues(text, core string) []string {
	all := []string{text, text + somePin}
	if !strings.Contains(text, core) {
		return all
	}
	n := strings.Split(core, ".")
	all = append(all, strings.Replace(text, core, n[0]+".0"+n[1]+"."+n[2], 1), strings.Replace(text, core, core+".0.7", 1), core)
	if n[2] == "0" {
		all = append(all, strings.Replace(text, core, n[0]+"."+n[1], 1), n[0]+"."+n[1]+somePin)
	}
	if strings.Contains(text, "v"+core) {
		return append(all, strings.Replace(text, "v"+core, core, 1))
	}
	return append(all, strings.Replace(text, core, "v"+core, 1))
}

// numbersIn reads a text with eyes of its own: all its numbers but those of digests and of the suffix.
func numbersIn(text string) []int {
	text, _, _ = strings.Cut(text, "@")
	text = strings.TrimSuffix(text, "-el8")
	var all []int
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c < '0' || c > '9' }) {
		n, _ := strconv.Atoi(word)
		all = append(all, n)
	}
	return all
}

// lower reports whether the model takes a for lower than b; numbers that are not there count as 0.
func lower(a, b string) bool {
	x, y := numbersIn(a), numbersIn(b)
	for len(x) < len(y) {
		x = append(x, 0)
	}
	for len(y) < len(x) {
		y = append(y, 0)
	}
	return slices.Compare(x, y) < 0
}

var modelCores = []string{"1.2.0", "1.9.0", "1.10.0", "1.10.2", "2.0.0"}

// TestNothingGoesDownProduct tries every spelling of every value against every listing, through every chain of transformers and every
// kind of filter, with a model that only compares numbers: what is written is never lower unless policy.downgrade says so, what
// is higher is always written, and what was decided is not revised.
func TestNothingGoesDownProduct(t *testing.T) {
	t.Parallel()
	for _, w := range writings(t) {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			outcomes := map[Outcome]int{}
			for kind, f := range modelFilters(t, w) {
				for subset := 1; subset < 1<<len(modelCores); subset++ {
					tags := modelTags(w, subset, kind)
					for _, core := range modelCores {
						for _, value := range spelledValues(w.text(core), core) {
							for _, p := range []Policy{{}, {Downgrade: Follow}} {
								r := Request{Listing: listing(tags...), Current: value, Filter: f, Transform: w.transform, Policy: p, Now: today}
								outcomes[checkModel(t, r, kind)]++
							}
						}
					}
				}
			}
			if outcomes[Update] < 100 || outcomes[Held] < 100 || outcomes[Current] < 100 {
				t.Errorf("%v: the cases decide nothing", outcomes)
			}
		})
	}
}

func modelFilters(t testing.TB, w writing) map[string]Filter {
	all := map[string]Filter{
		"regex/semver": mustFilter(t, "regex/semver", "*", `^(?:v|release-|app-)?(\d[\d.]*)(?:-x)?$`),
		"regex":        mustFilter(t, "regex", `\d`, ""),
		"latest":       mustFilter(t, "latest", "", ""),
	}
	if w.semver {
		all["semver"] = filter(t, ">=1.0.0")
	}
	return all
}

// modelTags are the tags of a subset of the versions; kinds without an order get them turned, so that the last listed is not always the highest.
func modelTags(w writing, subset int, kind string) []string {
	var tags []string
	for i, core := range modelCores {
		if subset&(1<<i) != 0 {
			tags = append(tags, w.tag(core))
		}
	}
	if turn := subset % 3; kind == "regex" || kind == "latest" {
		turn = min(turn, len(tags))
		tags = append(slices.Clone(tags[turn:]), tags[:turn]...)
	}
	return tags
}

func checkModel(t *testing.T, r Request, kind string) Outcome {
	t.Helper()
	best := ""
	for _, l := range r.Listing {
		text, err := r.Transform.Apply(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		if best == "" || kind == "regex" || kind == "latest" || lower(best, text) {
			best = text
		}
	}
	d := Decide(r)
	say := func(what string) { t.Errorf("%s %q of %v: %s: %+v", kind, r.Current, r.Listing, what, d) }
	switch {
	case lower(best, r.Current) && r.Policy.Downgrade != Follow:
		if d.Outcome != Held {
			say("want it held")
		}
	case lower(best, r.Current), lower(r.Current, best):
		if d.Outcome != Update || d.Value != best {
			say("want " + best)
		}
	case d.Outcome != Current && d.Outcome != Held && (d.Outcome != Update || d.Value != best):
		say("the same version")
	}
	if d.Outcome == Update {
		r.Current = d.Value
		if again := Decide(r); again.Outcome != Current {
			t.Errorf("%s: %+v is revised to %+v", kind, d, again)
		}
	}
	return d.Outcome
}
