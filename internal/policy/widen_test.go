package policy

import "testing"

// TestNaming shows that a range which names a prerelease admits the same releases, the prereleases between its bounds, and none behind them.
func TestNaming(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"^1.0.0", "^1.0.0-rc.0"}, {"^1", "^1.0.0-rc.0"}, {"~1.2", "~1.2.0-rc.0"}, {"~1.2.3", "~1.2.3-rc.0"}, {"~1", "^1.0.0-rc.0"}, {"1.x", "^1.0.0-rc.0"}, {"1.2.x", "~1.2.0-rc.0"},
		{"*", ">=0.0.0-rc.0"}, {">=1.2.0 <2.0.0", ">=1.2.0-rc.0 <2.0.0-0"}, {">=1.2.0, <=2.0.0", ">=1.2.0-rc.0 <=2.0.0"}, {"^1 || ^2", "^1.0.0-rc.0 || ^2.0.0-rc.0"}, {"0.x", ">=0.0.0-rc.0 <1.0.0-0"},
		{">1", ""}, {"!=1.2.3", ""}, {"1.2.3", ""}, {"^1.0.0-0", ""}, {"<=2", ""},
	} {
		s, err := parseSpan(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got := s.naming("rc.0")
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.in, got, c.want)
		}
		if got == "" {
			continue
		}
		wide, err := parseSpan(got)
		if err != nil {
			t.Fatal(err)
		}
		more := 0
		for _, tag := range productTags() {
			v, _ := parse(tag, false)
			switch was, is := s.admits(v), wide.admits(v); {
			case v.pre == "" && was != is:
				t.Errorf("%s: %s is another range for %s", c.in, got, tag)
			case v.pre != "" && is && !s.admits(v.release()):
				t.Errorf("%s: %s admits %s, whose release the range does not", c.in, got, tag)
			case is && !was:
				more++
			}
		}
		if more == 0 {
			t.Errorf("%s: %s admits no prerelease", c.in, got)
		}
	}
}
