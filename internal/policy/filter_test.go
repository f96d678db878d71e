package policy

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFilterErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, kind, pattern, regex, want, hint string }{
		{"bad range", "semver", "xyz", "", `"xyz" is no semver range`, "write a semver range"},
		{"range of another kind of tool", "", "minor", "", `"minor" is no semver range`, "write a semver range"},
		{"range too long", "semver", strings.Repeat("1 ", 400), "", "too long", "write a semver range"},
		{"unknown kind", "time", "", "", `unknown kind of version filter "time"`, "write semver, like, regex, regex/semver, regex/numeric, regex/alphabetical or latest"},
		{"regex without pattern", "regex", "", "", "pattern is empty", "write a regular expression"},
		{"bad pattern", "regex", "(", "", "pattern is no regular expression", "syntax"},
		{"regex/semver without regex", "regex/semver", "*", "", "regex is empty", "write a regular expression"},
		{"bad regex", "regex/semver", "*", "(", "regex is no regular expression", "syntax"},
		{"bad range beside a regex", "regex/semver", "xyz", "(.*)", `"xyz" is no semver range`, "write a semver range"},
		{"regex that is not read", "semver", "*", "^v", "kind semver reads no regex", "write kind: regex/semver"},
		{"regex in place of pattern", "regex", "", "^v", "kind regex reads no regex", "pattern of kind: regex"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := ParseFilter(tt.kind, tt.pattern, tt.regex)
			e, ok := errors.AsType[*Error](err)
			if !ok || !strings.Contains(err.Error(), tt.want) || !strings.Contains(e.Advice(), tt.hint) {
				t.Errorf("got %v, %v; want an error with %q and the hint %q", f, err, tt.want, tt.hint)
			}
		})
	}
}

func TestParseExclusionError(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "latest", "1.2.3.4", ">"} {
		if _, err := ParseExclusion(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestFilterString(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Filter{
		"semver *":                        mustFilter(t, "", "", ""),
		"regex ^v1":                       mustFilter(t, "regex", "^v1", ""),
		"regex/semver ^1 of v(.*)":        mustFilter(t, "regex/semver", "^1", "v(.*)"),
		"semver ^1 among tags like slim$": mustFilter(t, "semver", "^1", "").WithTags(regexp.MustCompile("slim$")),
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestZeroFilterMatchesNothing(t *testing.T) {
	t.Parallel()
	d := Decide(Request{Listing: listing("v1.0.0", "latest"), Current: "v1.0.0", Now: today})
	if d.Outcome != None || d.Reason != NoMatch {
		t.Errorf("got %+v", d)
	}
}

func TestLintNamesTheWayOut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, channel string
		want             []Warning
	}{
		{">=1.13.0-infitx.0 <=1.99.0-infitx.9999", "", []Warning{{
			">=1.13.0-infitx.0 <=1.99.0-infitx.9999 also admits other versions than infitx.N, e.g. 1.13.0, 1.13.1-rc.1, 1.14.0-rc.1", "if only infitx.N is meant, add policy: {channel: infitx}"}}},
		{">=1.0.0-rc.0 <=1.9.0-rc.9999", "", []Warning{{
			">=1.0.0-rc.0 <=1.9.0-rc.9999 also admits other versions than rc.N, e.g. 1.0.0, 1.0.1-beta.1, 1.1.0-beta.1", "if only rc.N is meant, add policy: {channel: rc}"}}},
		{">=1.0.0-rc.0 <=1.0.0-rc.999", "", []Warning{{
			">=1.0.0-rc.0 <=1.0.0-rc.999 ends at rc.999; later builds will not be seen", "raise the end to rc.999999"}}},
		{"^1.0.0", "infitx", []Warning{{
			"^1.0.0 admits no prerelease, so nothing of the channel infitx can match", "name one of its prereleases in the range, e.g. ^1.0.0-infitx.0"}}},
		{"^1.0.0-infitx.0", "infitx", nil},
		{">=19.13.0-infitx.0 <=19.13.0-infitx.999999", "", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, filter(t, tt.pattern).Lint(Policy{Channel: tt.channel})); diff != "" {
			t.Errorf("%s: %s", tt.pattern, diff)
		}
	}
	for _, f := range []Filter{mustFilter(t, "latest", "", ""), mustFilter(t, "regex", "x", ""), {}} {
		if got := f.Lint(Policy{Channel: "infitx"}); got != nil {
			t.Errorf("%s: %v", f, got)
		}
	}
}
