package page_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/page"
)

// inBrowser opens pages in a browser and returns what is wrong with each. PAWL_BROWSER names the node_modules folder of
// testdata/browser; without it the test is skipped, but not where everything must be green.
func inBrowser(t *testing.T, pages map[string][]byte) map[string][]string {
	t.Helper()
	modules := os.Getenv("PAWL_BROWSER")
	if modules == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PAWL_BROWSER is not set")
		}
		t.Skip("PAWL_BROWSER is not set")
	}
	dir := t.TempDir()
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, name+".html"), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "node", "../../testdata/browser/check.mjs", dir)
	cmd.Env = append(os.Environ(), "NODE_MODULES="+modules)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	var faults map[string][]string
	if err := json.Unmarshal(out, &faults); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(faults) != len(pages) {
		t.Fatalf("%d of %d pages were opened", len(faults), len(pages))
	}
	return faults
}

// TestBrowser: in a browser, light and dark, wide and narrow, no page says anything on the console, asks for anything, runs
// anything, hides anything from the keyboard, or is hard to read for some people.
func TestBrowser(t *testing.T) {
	t.Parallel()
	for name, faults := range inBrowser(t, pages(t)) {
		for _, f := range faults {
			t.Errorf("%s: %s", name, f)
		}
	}
}

// TestBrowserSees shows that each of the checks can fail: broken copies of a page have the fault that was put in.
func TestBrowserSees(t *testing.T) {
	t.Parallel()
	small := profile(t)
	small.Plan.Changes, small.Plan.Outcomes, small.Events = small.Plan.Changes[:2], small.Plan.Outcomes[:6], small.Events[:5]
	page := string(pageOf(t, small, page.Failure{}))
	open := strings.Replace(page, `http-equiv="Content-Security-Policy"`, `name="was-policy"`, 1) // no policy holds anything back
	put := func(page, before, what string) []byte {
		if !strings.Contains(page, before) {
			t.Fatalf("there is no %s", before)
		}
		return []byte(strings.Replace(page, before, what+before, 1))
	}
	broken := map[string]struct {
		page []byte
		want string
	}{
		"contrast":      {put(open, "</style>", "p,dt,dd{color:#bbb !important}"), "axe: light 1280: color-contrast"},
		"contrast-dark": {put(open, "</style>", "@media (prefers-color-scheme:dark){p,dt,dd{color:#444 !important}}"), "axe: dark 1280: color-contrast"},
		"unnamed":       {put(page, "<h1", `<a href="#main"></a>`), "axe: light 360: link-name"},
		"image":         {put(open, "</main>", `<img alt="" src="https://elsewhere.example/x.png">`), "request: light 360: https://elsewhere.example/x.png"},
		"font":          {put(open, "</style>", `@font-face{font-family:x;src:url(https://elsewhere.example/x.woff2)}h1{font-family:x}`), "request: light 360: https://elsewhere.example/x.woff2"},
		"script":        {put(open, "</main>", "<script>console.error('it runs')</script>"), "console: light 360: it runs"},
		"throws":        {put(open, "</main>", "<script>throw new Error('it throws')</script>"), "console: light 360: it throws"},
		"dialog":        {put(open, "</main>", "<script>alert(1)</script>"), "script: light 360: a dialog"},
		"held-back":     {put(page, "</main>", "<script>document.title='x'</script>"), "script: light 360: an element script"},
		"policy":        {put(page, "</style>", "p{color:red}"), "console: light 360: Applying inline style violates"},
		"attribute":     {put(open, "<h1", `<p onclick="x()">x</p>`), "script: light 360: an attribute onclick"},
		"unreachable":   {put(page, "<h1", `<span role="button">press</span>`), "is not reached"},
		"skipped":       {[]byte(strings.Replace(page, "<summary>", `<summary tabindex="-1">`, 1)), "is not reached"},
		"no-focus":      {put(open, "</style>", ":focus-visible{outline:none !important}"), "nothing shows that"},
		"wide":          {put(open, "</style>", "h1{white-space:nowrap;font-size:4rem !important}"), "layout: light 360: the page is"},
	}
	all := map[string][]byte{"whole": []byte(page)}
	for name, b := range broken {
		all[name] = b.page
	}
	faults := inBrowser(t, all)
	if len(faults["whole"]) > 0 {
		t.Errorf("the page itself: %q", faults["whole"])
	}
	for name, b := range broken {
		if !slices.ContainsFunc(faults[name], func(f string) bool { return strings.Contains(f, b.want) }) {
			t.Errorf("%s: want %q, have %q", name, b.want, faults[name])
		}
	}
}
