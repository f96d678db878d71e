package policy

import "testing"

func TestFloating(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]bool{
		"latest": true, "main": true, "edge-arm64": true, "nightly": true, "stable-alpine3": true, "bookworm-slim": true,
		"1.2.3": false, "v1": false, "16": false, "1.25": false, "20260101": false, "release-1.2": false, "release-1_2": false,
		"main-0a1b2c3-1699999999": false, "2024.01.15": false, "4.0.19.2979-ls322": false,
	} {
		if Floating(tag) != want {
			t.Errorf("%s: floating %t, want %t", tag, !want, want)
		}
	}
}
