package scaffold

import "testing"

// TestFilterFor holds each filter against versions that must and must not compete with the tag that it comes from.
func TestFilterFor(t *testing.T) {
	t.Parallel()
	for tag, c := range map[string]struct {
		want     string
		yes, not []string
	}{
		"v17.13.6":                     {"^17.0.0", []string{"v17.13.5", "v17.99.0"}, []string{"v18.0.0", "v17.14.0-rc.1", "v16.0.0"}},
		"0.3.1":                        {"~0.3", []string{"0.3.9", "0.3.0"}, []string{"0.4.0", "1.0.0"}},
		"v0.0.27":                      {"~0.0", []string{"v0.0.28"}, []string{"v0.1.0"}},
		"v17.15.0-infitx.3":            {"^17.0.0-infitx.0 in channel infitx", []string{"v17.15.0-infitx.4", "v17.16.0-infitx.1"}, []string{"v17.15.0", "v17.15.0-rc.4", "v18.0.0-infitx.1"}},
		"v1.2.3-rc.1":                  {"^1.0.0-rc.0", []string{"v1.2.3", "v1.2.3-rc.2", "v1.9.0"}, []string{"v2.0.0", "v2.0.0-rc.1"}},
		"1.0.0-Beta.2":                 {"^1.0.0-Beta.0", []string{"1.0.0"}, []string{"2.0.0"}},
		"1.0.0-M.1":                    {"^1.0.0-M.0", []string{"1.0.0"}, []string{"2.0.0"}},
		"0.2.0-dev.1.7":                {">=0.2.0-dev.0 <0.3.0-0", []string{"0.2.1-dev.3", "0.2.1"}, []string{"0.3.0", "0.3.0-dev.1"}},
		"0.0.3-snapshot.4":             {">=0.0.0-snapshot.0 <0.1.0-0", []string{"0.0.3-snapshot.5", "0.0.4"}, []string{"0.1.0-snapshot.1", "0.1.0"}},
		"0.0.3-infitx.4":               {">=0.0.0-infitx.0 <0.1.0-0 in channel infitx", []string{"0.0.3-infitx.5"}, []string{"0.1.0-infitx.1", "0.0.4"}},
		"2.14.2-storage-clust.1":       {"^2.0.0-storage-clust.0 in channel storage-clust", []string{"2.15.0-storage-clust.2"}, []string{"2.15.0-storage.2"}},
		"2025.12.3":                    {">=2000.0.0 <2100.0.0", []string{"2026.1.0"}, []string{"3.0.0"}},
		"1.25.3-alpine":                {"like 1.x", nil, []string{"2.0.0-alpine"}},
		"1.2.3-alpine3.18":             {"like 1.x", nil, nil},
		"16.4":                         {"like 16.x", nil, []string{"17.2"}},
		"0.9-alpine3.18":               {"like 0.9.x", nil, []string{"0.10-alpine3.18"}},
		"v8":                           {"like 8.x", nil, nil},
		"15-alpine":                    {"like 15.x", nil, nil},
		"v5.5.0-rc11":                  {"like 5.x", nil, nil},
		"4.0.19.2979-ls322":            {"like 4.x", nil, nil},
		"20261228-3c86847":             {"like", nil, nil},
		"main-3c86847-170000000":       {"like", nil, nil},
		"main-1234":                    {"like", nil, nil},
		"1234":                         {"like", nil, nil},
		"RELEASE.2024-05-01T01-11-10Z": {"like", nil, nil},
		"17.1.0-22601-16443cb":         {"like 17.x", nil, nil},
		"25.09.4":                      {"like", nil, nil},
		"2024.01.15":                   {"like", nil, nil},
	} {
		f, why := filterOf(use{tag: tag, origin: imageOrigin("a")})
		if why != hasFilter || f.String() != c.want {
			t.Errorf("%s gives %s, %d; want %s", tag, f, why, c.want)
			continue
		}
		for _, v := range append(c.yes, tag) {
			if !f.admits(v) {
				t.Errorf("the filter %s of %s does not admit %s", f, tag, v)
			}
		}
		for _, v := range c.not {
			if f.admits(v) {
				t.Errorf("the filter %s of %s admits %s", f, tag, v)
			}
		}
	}
	for _, tag := range []string{"latest", "stable", "develop-ccf1ce5", "sha-0a1b2c3", "fc76a29", "db6c32ee9", "1234567", "alpine"} {
		if f, why := filterOf(use{tag: tag, origin: imageOrigin("a")}); why == hasFilter {
			t.Errorf("%s gives %s", tag, f)
		}
	}
	for tag, want := range map[string]string{"latest": "the digest of latest", "41": "the digest of 41", "9.1-alpine": "like 9.x", "1.2.3": "^1.0.0"} {
		if f, why := filterOf(use{tag: tag, origin: imageOrigin("a"), pinned: true}); why != hasFilter || f.String() != want {
			t.Errorf("%s with a digest gives %s, %d", tag, f, why)
		}
	}
}

// TestQuote holds that YAML reads back what was written.
func TestQuote(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"main", "$.a.b", "on", "Yes", "null", "1.2", "it's", "a: b", "#x", "a\nb", "é", "[a]", "*", "", " a", "a ", "-", "ci/circleci: build", "\u202e", `\`, `"`} {
		for _, text := range []string{"k: " + quote(s) + "\n", "k: [" + quote(s) + "]\n"} {
			var got struct{ K any }
			if err := unmarshal(text, &got); err != nil {
				t.Errorf("%q is written %s: %v", s, text, err)
			}
			if list, ok := got.K.([]any); ok {
				got.K = list[0]
			}
			if got.K != s {
				t.Errorf("%q is read back as %q", s, got.K)
			}
		}
	}
}
