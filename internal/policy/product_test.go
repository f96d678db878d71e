package policy

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
)

// bounds are all operators before operands of every form: absent parts, wildcards, prereleases, build metadata and the
// odd ones that the library's expressions let through.
func bounds() []string {
	var all []string
	for _, op := range []string{"", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"} {
		for _, at := range []string{"*", "x", "X.1", "x.|", "0", "0.0", "0.0.0", "0.0.3", "0.2", "0.2.3", "1", "v1", "1.x", "1.*", "1.x.|", "1.2", "1.2.x",
			"1.2.3", "v1.2.3", "1.2.3+b.1", "1.2.3-0", "1.2.3-rc.2", "1.2-rc.2", "1-rc.2", "*-0", "x.x.x-rc", "0-0", "0.0.0-rc.1", "1.x.x-0", "2.0.0-a.b+c"} {
			all = append(all, op+at)
		}
	}
	return all
}

func productTags() []string {
	var all []string
	for core := range 3 * 4 * 4 {
		for _, tail := range []string{"", "-0", "-rc", "-rc.1", "-rc.2", "-rc.2.1", "-rc.10", "-zeta", "+b.1", "-rc.2+b"} {
			all = append(all, fmt.Sprintf("%d.%d.%d%s", core/16, core/4%4, core%4, tail))
		}
	}
	return all
}

// TestSpanProduct holds every bound, and pairs of them as "and" and as "or", against the library on every tag.
func TestSpanProduct(t *testing.T) {
	t.Parallel()
	single := bounds()
	texts := append([]string{"1.0.0 - 1.1.0 || 2.0.0 - 2.1.0", "||", " ", "xyz", ">", "1.2.3.4", "1|2", "1.|", "1.xx", "01.2.3", ">=1.0.0-01", "1.0.0-", "18446744073709551615",
		"18446744073709551616", "V1", "1.2.3 || ", strings.Repeat("1 ", 300), strings.Repeat("1||", 40) + "1", "1.2.3\n", "\t1"}, single...)
	for i, a := range single {
		b := single[(i*7+3)%len(single)]
		texts = append(texts, a+" "+b, a+","+b, a+" || "+b, a+" "+b+" || "+single[(i*11+5)%len(single)])
	}
	tags := parsedTags(t)
	for _, text := range texts {
		compareSpan(t, text, tags)
	}
}

type parsedTag struct {
	own     version
	library *semver.Version
}

func parsedTags(t *testing.T) []parsedTag {
	t.Helper()
	var all []parsedTag
	for _, tag := range productTags() {
		v, ok := parse(tag, false)
		library, err := semver.NewVersion(tag)
		if !ok || err != nil {
			t.Fatalf("%q: %t, %v", tag, ok, err)
		}
		all = append(all, parsedTag{v, library})
	}
	return all
}

func compareSpan(t *testing.T, text string, tags []parsedTag) {
	t.Helper()
	want, wantErr := semver.NewConstraint(text)
	got, err := parseSpan(text)
	if (wantErr == nil) != (err == nil) {
		t.Fatalf("range %q: the library says %v, we say %v", text, wantErr, err)
	}
	if err != nil {
		return
	}
	for _, tag := range tags {
		if want := want.Check(tag.library); got.admits(tag.own) != want {
			t.Errorf("%q admits %s: the library says %t", text, tag.library, want)
		}
	}
}

// checkVersion fails when we and the library read a tag differently, strictly or loosely.
func checkVersion(t *testing.T, tag string) {
	t.Helper()
	loose, ok := parse(tag, true)
	library, err := semver.NewVersion(tag)
	if ok != (err == nil) {
		t.Fatalf("loose %q: %t, the library says %v", tag, ok, err)
	}
	if ok && loose != (version{major: library.Major(), minor: library.Minor(), patch: library.Patch(), pre: library.Prerelease()}) {
		t.Fatalf("loose %q: %+v, the library says %+v", tag, loose, library)
	}
	strict, ok := parse(tag, false)
	_, err = semver.StrictNewVersion(withoutZeros(strings.TrimPrefix(tag, "v")))
	if ok != (err == nil && len(tag) <= semver.MaxVersionLen) {
		t.Fatalf("strict %q: %t, the library says %v", tag, ok, err)
	}
	if ok && strict != loose {
		t.Fatalf("%q is %+v strictly and %+v loosely", tag, strict, loose)
	}
}

// withoutZeros cuts leading zeros off the numbers before a prerelease: there, and nowhere else, we read what the library's
// strict parser refuses.
func withoutZeros(tag string) string {
	core := tag
	if i := strings.IndexAny(tag, "-+"); i >= 0 {
		core = tag[:i]
	}
	parts := strings.Split(core, ".")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.TrimLeft(p[:len(p)-1], "0") + p[len(p)-1:]
		}
	}
	return strings.Join(parts, ".") + tag[len(core):]
}

func TestParseAgreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"1.", ".1", "1..2", "1.2.3p", "0.0.0", "00", "1.2.3-.", "1.2.3-a.", "1.2.3-0", "1.2.3-00", "1.2.3-01a", "1.2.3-a.01", "1.2.3--", "1.2.3+01", "1.2.3+a..b",
		"1.2.3+a+b", "1.2.3-a+b-c.d", "1.2.3+a-b", "1-2", "1-2.3", "1.2-rc.1", "01.02", "20261228-3c86847", "1.2.3 ", "18446744073709551615.0.0", "0.0.99999999999999999999",
		"1.2.3-99999999999999999999", "01.002.0", "0x1.2.3", "2024.01.15-01", "1.2.3_4", "1.2.3-a_b", "+1.2.3", "-1.2.3", "1.2.-3", "1.+2.3", "１.2.3", strings.Repeat("1", 256),
		"v1.2.3-" + strings.Repeat("a", 249), "v1.2.3-" + strings.Repeat("a", 250)} {
		checkVersion(t, tag)
	}
}

func TestNumeric(t *testing.T) {
	t.Parallel()
	if n, ok := numeric("18446744073709551615"); n != math.MaxUint64 || !ok {
		t.Errorf("got %d, %t", n, ok)
	}
	for _, bad := range []string{"a", "1a", "-1", "+1", "18446744073709551616", "184467440737095516150"} {
		if n, ok := numeric(bad); ok {
			t.Errorf("%q is the number %d", bad, n)
		}
	}
}

// FuzzVersion compares how two tags are read, and their order, with the library.
func FuzzVersion(f *testing.F) {
	tags := productTags()
	for i := 0; i < len(tags); i += 7 {
		f.Add(tags[i], "v"+tags[len(tags)-1-i])
	}
	f.Add("01.02", "20261228-3c86847")
	f.Add("1.0.0-99999999999999999999.a", "1.0.0-9.99999999999999999998")
	f.Fuzz(func(t *testing.T, a, b string) {
		checkVersion(t, a)
		checkVersion(t, b)
		x, ok := parse(a, true)
		y, ok2 := parse(b, true)
		if !ok || !ok2 {
			return
		}
		if got, want := x.compare(y), semver.MustParse(a).Compare(semver.MustParse(b)); got != want {
			t.Fatalf("%q against %q: %d, the library says %d", a, b, got, want)
		}
	})
}
