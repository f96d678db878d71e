package policy

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.25": "1.25.0 short", "v1.25": "1.25.0 short", "V2.0": "2.0.0 short", "1.07.0": "1.7.0", "2024.01.15": "2024.1.15", "1.25.0.3": "1.25.0 further short",
		"1.25.0.0.1": "1.25.0 further short", "1.2.3.0.0": "1.2.3 short", "1.2.3-rc.01": "1.2.3-rc.01", "0.0.1-alpha.13.0545458": "0.0.1-alpha.13.0545458",
		"1.30-alpine": "1.30.0-alpine short", "v1.30.4_k1": "1.30.4", "1.30.4+up1.0": "1.30.4", "1.2-rc1_k2": "1.2.0-rc1 short",
		"1": "", "20260101": "", "": "", "~": "", "latest": "", "main": "", "20211001T060636": "", "1.2.3.4.5.6": "", "1.": "", "1.2.": "", "1.2-": "", "1.2.3+": "",
		"1.2.3.Final": "", "v": "", "1..2": "", ".1.2": "", "1.2+a+b": "", "18446744073709551616.0": "", "1.2-é": "", "1.2@x": "", "1.2" + strings.Repeat("0", 300): "",
	} {
		got := ""
		if r, ok := readValue(text); ok {
			got = r.String()
			if r.further {
				got += " further"
			}
			if r.short {
				got += " short"
			}
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}

// TestReadAgreesWithParse shows that whatever competes is read as itself.
func TestReadAgreesWithParse(t *testing.T) {
	t.Parallel()
	for _, tag := range append(productTags(), spanTags...) {
		v, ok := parse(tag, false)
		if r, readable := readValue(tag); ok && (!readable || r.version != v || r.short || r.further) {
			t.Errorf("%q is %v strictly, and read as %+v", tag, v, r)
		}
	}
}

// TestHigher has the texts that have no order but that of their numbers; the lower one stands first.
func TestHigher(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"1.0.0-9", "1.0.0-14"}, {"1.0.0-rc9", "1.0.0-rc10"}, {"1.0.0-rc.1", "1.0.0"}, {"1.9", "v1.11"}, {"1.9", "1.11.2"}, {"4.0.20.3", "4.0.20.12"}, {"1.25.0", "1.25.0.3"},
		{"7.4-alpine3.9", "7.4-alpine3.10"}, {"1.0.0-beta.9", "1.0.0-rc.1"}, {"build-9", "build-14"}, {"nightly-20251231", "nightly-20260101"}, {"20251231", "20260101"},
		{"r9", "r14"}, {"v9", "14"}, {"RELEASE.2024-05-01T01-11-10Z", "RELEASE.2024-10-29T16-01-48Z"}, {"main-0a1b2c3-999", "main-1d00d1e-1001"}, {"app-1.9", "app-1.10.2"},
		{"1.0.0-debian-12-r9", "1.0.0-debian-12-r10"}, {"2023.12.31", "2024.01.15"}, {"v1.30.4_k2", "v1.30.4_k10"}, {"184467440737095516160", "184467440737095516161"},
		{"1.0.0-alpha.2", "1.0.0-alpha.2.1"}, {"1-3-0", "1-4"}, {"build-9", "build-14-1"},
	} {
		if d, ok := higher(pair[0], pair[1]); !ok || d >= 0 {
			t.Errorf("%q against %q: %d, %t", pair[0], pair[1], d, ok)
		}
		if d, ok := higher(pair[1], pair[0]); !ok || d <= 0 {
			t.Errorf("%q against %q: %d, %t", pair[1], pair[0], d, ok)
		}
	}
	for _, pair := range [][2]string{
		{"latest", "main"}, {"sha-0a1b2c3", "sha-1a1b2c3"}, {"1.0.0-0a1b2c3", "1.0.0-f00baa7"}, {"1.0.0", "1.0.0"}, {"1.0.0", "latest"}, {"build-9", "nightly-10"},
		{"build-9-a", "build-10-b"}, {"2026-01", "2026-01-02"}, {"", "1.0.0"}, {"a.1", "a-2"}, {"1.0.0-rc.1", "1.0.0-rc.01"},
	} {
		if d, ok := higher(pair[0], pair[1]); ok {
			t.Errorf("%q against %q is %d, want no order", pair[0], pair[1], d)
		}
	}
}

func TestNatural(t *testing.T) {
	t.Parallel()
	ascending := []string{"", "a", "a.1", "a.2", "a.10", "a-1", "k3s1", "k3s1.1", "k3s2", "k3s10", "rke2r1", "up1.0", "up1.0.9", "up1.0.10", "up1.0.10-rc.1", "up1.10.0"}
	for i, a := range ascending {
		for j, b := range ascending {
			if d := natural(a, b); d < 0 != (i < j) || d > 0 != (i > j) {
				t.Errorf("%q against %q: %d", a, b, d)
			}
		}
	}
	if natural("a01", "a1") != 0 {
		t.Error("zeros before a number count")
	}
}

func TestSameBuilds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"k3s1", "k3s2", true}, {"up1.0.9", "up1.0.10", true}, {"up1.0", "up1.0.1", true}, {"9", "10", true}, {"", "", true}, {"build.5", "build-6", true},
		{"amd64", "arm64", false}, {"k3s1", "rke2r1", false}, {"up1.0.9", "up1.0.10-rc.1", false}, {"", "1", false}, {"git.0a1b2c3", "git.0a1b2c4", false},
	} {
		if got := sameBuilds(c.a, c.b); got != c.want || sameBuilds(c.b, c.a) != c.want {
			t.Errorf("%q and %q: %t", c.a, c.b, got)
		}
	}
}

// TestChannelOrder shows that in a channel the numbers are the order, for ranges too.
func TestChannelOrder(t *testing.T) {
	t.Parallel()
	rc := Policy{Channel: "rc"}
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"10 after 9", Request{Listing: listing("2.0.0-rc8", "2.0.0-rc9", "2.0.0-rc10", "2.0.0-dev12"), Current: "2.0.0-rc9", Filter: filter(t, ">=2.0.0-rc0"), Policy: rc}, "2.0.0-rc10"},
		{"the range too", Request{Listing: listing("2.0.0-rc8", "2.0.0-rc10"), Current: "2.0.0-rc9", Filter: filter(t, ">=2.0.0-rc9"), Policy: rc}, "2.0.0-rc10"},
		{"its end too", Request{Listing: listing("2.0.0-rc9", "2.0.0-rc10", "2.0.0-rc100"), Current: "2.0.0-rc9", Filter: filter(t, ">=2.0.0-rc.1 <=2.0.0-rc.99"), Policy: rc}, "2.0.0-rc10"},
		{"with and without a dot", Request{Listing: listing("2.0.0-rc.9", "2.0.0-rc10", "2.0.0-rc.11"), Current: "2.0.0-rc10", Filter: filter(t, ">=2.0.0-0"), Policy: rc}, "2.0.0-rc.11"},
		{"exclusions too", Request{Listing: listing("2.0.0-rc9", "2.0.0-rc10", "2.0.0-rc11"), Current: "2.0.0-rc9", Filter: filter(t, ">=2.0.0-0"), Policy: Policy{Channel: "rc", Exclude: exclude(t, ">2.0.0-rc10")}}, "2.0.0-rc10"},
		{"several numbers", Request{Listing: listing("2.0.0-rc1.9", "2.0.0-rc1.10", "2.0.0-rc1"), Current: "2.0.0-rc1", Filter: filter(t, ">=2.0.0-0"), Policy: rc}, "2.0.0-rc1.10"},
		{"the core first", Request{Listing: listing("2.0.0-rc10", "2.0.1-rc2"), Current: "2.0.0-rc9", Filter: filter(t, ">=2.0.0-0"), Policy: rc}, "2.0.1-rc2"},
		{"other labels are others", Request{Listing: listing("2.0.0-rc1", "2.0.0-rcx2", "2.0.0-src3", "2.0.0-rc-4", "2.0.0-rc"), Filter: filter(t, ">=2.0.0-0"), Policy: rc}, "2.0.0-rc1"},
		{"without a channel by SemVer", Request{Listing: listing("2.0.0-rc9", "2.0.0-rc10"), Filter: filter(t, ">=2.0.0-0")}, "2.0.0-rc9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.r.Now = today
			if d := Decide(c.r); d.Outcome != Update || d.Tag != c.want {
				t.Errorf("got %+v, want %s", d, c.want)
			}
			c.r.Current = c.want
			if d := Decide(c.r); d.Outcome != Current {
				t.Errorf("deciding again: %+v", d)
			}
		})
	}
}

// TestLeadingZeroIsNamed shows that the reason is the zero and not the number of parts.
func TestLeadingZeroIsNamed(t *testing.T) {
	t.Parallel()
	for _, loose := range []bool{false, true} {
		r := Request{Listing: listing("0.0.1-alpha.13.0545458", "v1.2.3-01", "1.0.0_k1", "latest", "1.2"), Filter: filter(t, ">=0.0.1-0"), Policy: Policy{Loose: loose}, Now: today}
		for _, v := range Explain(r) {
			zero, parts := strings.Contains(v.Rule, "leading zero"), strings.Contains(v.Rule, "three numeric parts")
			prerelease := strings.Contains(v.Tag, "-")
			if zero != prerelease || parts && (prerelease || loose) || strings.Contains(v.Tag, "_") && !strings.Contains(v.Rule, "_ stands for +") {
				t.Errorf("%s: %s", v.Tag, v.Rule)
			}
		}
	}
}
