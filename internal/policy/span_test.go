package policy

import (
	"fmt"
	"testing"

	"github.com/Masterminds/semver/v3"
)

var spanPatterns = []string{
	"*", "", "x", "X.x", "1", "1.x", "1.2", "1.2.x", "1.2.3", "v1.2.3", "=1.2.3", "==1.2.3", "!=1", "!=1.2", "!=1.2.x", "!=1.2.3", "!=1.2.3-rc.1",
	">1", ">1.2", ">1.2.3", ">1.2.3-rc.1", "<2", "<1.2", "<1.2.3", "<1.2.3-rc.1", ">=1", ">=1.2", ">=1.2.3-rc.1", "=>1.2.3", "<=1", "<=1.2",
	"<=1.2.3", "=<1.2.3-rc.1", "<=1.2.x-0", "~1", "~1.2", "~1.2.3", "~1.2.3-rc.1", "~>1.2.3", "~0.0.0", "~*", "~0", "~0.0", "~0.0-0", "^1", "^1.2", "^1.2.3",
	"^1.2.3-rc.1", "^0", "^0.0", "^0.0.3", "^0.2", "^0.2.3", "^*", "^0.x.x-0", "1.x.x-0", "*-0", "1 - 2", "1.2 - 1.4.5", "1.2.3-rc.1 - 2.0.0-beta.2",
	">=1.0.0, <2.0.0", ">=1.0.0 <2.0.0", ">1.2 <=1.9 !=1.3.0", "<1 || >2", ">=1.0.0-0 <1.0.0 || ^2", "1.2.3 || 1.2.3-rc.1", ">=1.2.3-rc.1 <=1.2.3-rc.99999999999999999999",
	">= 1.2.3 , < 3", "  ^1.2  ", "1.2.3+build", "^1.2.3-alpha.beta+x.y", "!=*", "!=1.*-rc.1", ">*", "<*", "<=*", ">=*",
}

var spanTags = func() []string {
	var all []string
	for _, core := range []string{"0.0.0", "0.0.3", "0.0.4", "0.1.0", "0.2.3", "0.2.4", "0.3.0", "1.0.0", "1.1.9", "1.2.0", "1.2.3", "1.2.4", "1.3.0", "1.4.5", "1.9.9", "2.0.0", "2.0.1", "3.0.0",
		"18446744073709551615.0.0"} {
		all = append(all, core)
		for _, pre := range []string{"0", "1", "alpha", "alpha.beta", "beta.2", "beta.11", "rc", "rc.1", "rc.2", "rc.10", "rc.1.1", "rc1", "rc-1", "99999999999999999999", "rc.99999999999999999999", "-", "A", "a"} {
			all = append(all, core+"-"+pre)
		}
		all = append(all, "v"+core+"-rc.1+build", core+"+build")
	}
	return all
}()

// disagree says how the span and Masterminds differ on one tag, empty when they do not.
func disagree(pattern, tag string) string {
	constraint, err := semver.NewConstraint(pattern)
	s, own := parseSpan(pattern)
	if (err == nil) != (own == nil) {
		return fmt.Sprintf("range %q: Masterminds says %v, we say %v", pattern, err, own)
	}
	if err != nil {
		return ""
	}
	reference, err := semver.NewVersion(tag)
	v, ok := parse(tag, true)
	if (err == nil) != ok {
		return fmt.Sprintf("version %q: Masterminds says %v, we say %t", tag, err, ok)
	}
	if err != nil {
		return ""
	}
	if want, got := constraint.Check(reference), s.admits(v); want != got {
		return fmt.Sprintf("%q admits %q: Masterminds says %t, we say %t", pattern, tag, want, got)
	}
	return ""
}

// TestSpan holds every pattern against every tag with Masterminds as the judge.
func TestSpan(t *testing.T) {
	t.Parallel()
	admitted := 0
	for _, pattern := range spanPatterns {
		for _, tag := range spanTags {
			if d := disagree(pattern, tag); d != "" {
				t.Error(d)
			}
			s, err := parseSpan(pattern)
			if v, ok := parse(tag, true); err == nil && ok && s.admits(v) {
				admitted++
			}
		}
	}
	if all := len(spanPatterns) * len(spanTags); admitted < all/10 || admitted > all*9/10 {
		t.Errorf("%d of %d pairs are admitted: the table decides nothing", admitted, all)
	}
}

// TestOrder holds the order of every pair of versions against Masterminds.
func TestOrder(t *testing.T) {
	t.Parallel()
	for _, a := range spanTags {
		for _, b := range spanTags {
			x, _ := parse(a, false)
			y, _ := parse(b, false)
			if want, got := semver.MustParse(a).Compare(semver.MustParse(b)), x.compare(y); want != got {
				t.Errorf("%s against %s: Masterminds says %d, we say %d", a, b, want, got)
			}
		}
	}
}

// TestStrict holds strict parsing against Masterminds' own strict parser, but for leading zeros in the three numbers: it
// refuses 2024.01.15, which people write and we take (see TestLeadingZeros).
func TestStrict(t *testing.T) {
	t.Parallel()
	tags := append([]string{"", "v", "1", "1.2", "v1.2", "1.2.3-", "1.2.3-01", "1.2.3-0a", "1.2.3+", "1.2.3-a..b", "1.2.3-a+b+c", "1.2.3.4",
		"V1.2.3", "vv1.2.3", " 1.2.3", "1.2.3\n", "1.2.3-é", "18446744073709551616.0.0", "latest", "sha-0a1b2c3", "20260101-abcdef0"}, spanTags...)
	for _, tag := range tags {
		text := tag
		if len(tag) > 0 && tag[0] == 'v' {
			text = tag[1:]
		}
		_, err := semver.StrictNewVersion(text)
		if _, ok := parse(tag, false); ok != (err == nil) {
			t.Errorf("%q: Masterminds says %v, we say %t", tag, err, ok)
		}
	}
}

// FuzzRange looks for a range and a tag on which we and Masterminds differ.
func FuzzRange(f *testing.F) {
	for i, pattern := range spanPatterns {
		f.Add(pattern, spanTags[i*7%len(spanTags)])
	}
	f.Fuzz(func(t *testing.T, pattern, tag string) {
		if d := disagree(pattern, tag); d != "" {
			t.Error(d)
		}
	})
}

// TestLeadingZeros says where we deliberately differ from Masterminds' strict parser, and agree with its loose one: zeros
// before the three numbers count for nothing. In a prerelease a number with leading zeros is none for either.
func TestLeadingZeros(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"2024.01.15": "2024.1.15", "v01.002.0003": "1.2.3", "00.00.00": "0.0.0", "01.2.3-rc.1": "1.2.3-rc.1", "1.02.3+01": "1.2.3",
		"000000000000000000000000001.2.3": "1.2.3",
		"1.2.3-01":                        "", "1.02.3-rc.007": "", "0.0.1-alpha.13.0545458": "", "01.02": "", "01.02.03.04": "", "18446744073709551616.0.0": "",
	} {
		got := ""
		v, ok := parse(tag, false)
		if ok {
			got = v.String()
		}
		library, err := semver.NewVersion(tag)
		if got != want || ok && (err != nil || library.Major() != v.major || library.Minor() != v.minor || library.Patch() != v.patch) {
			t.Errorf("%q is %q, want %q; the library says %v, %v", tag, got, want, library, err)
		}
	}
}
