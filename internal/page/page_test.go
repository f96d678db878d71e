package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/status"
)

var (
	update = flag.Bool("update", false, "write the golden texts anew")
	into   = flag.String("pages", "", "write the pages of the tests into this `directory`, to look at them")
)

// run renders a report.
func pageOf(t testing.TB, r run.Report, f page.Failure) []byte {
	t.Helper()
	page, err := page.Run(r, f)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func history(t testing.TB, h page.History) []byte {
	t.Helper()
	page, err := h.Page()
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// pages are all pages that the tests look at, by name.
func pages(t testing.TB) map[string][]byte {
	t.Helper()
	full := profile(t)
	dry := full
	dry.DryRun, dry.Pull, dry.Merge, dry.Deploy, dry.Delivery, dry.Events = true, nil, nil, nil, nil, full.Events[:70]
	message := change.CommitMessage(change.Set{Updates: full.Plan.Changes, Chain: "0b1f4c3e"})
	dry.Preview = &run.Preview{Title: message.Subject, Body: "| what | from | to |\n| --- | --- | --- |\n", Message: message.String(),
		Triggers: []run.PreviewTrigger{{Project: "dev", Ref: "main", Variables: map[string]string{"CD_MESSAGE": message.Subject}}}}
	quiet := full
	quiet.Plan.Changes, quiet.Plan.Outcomes, quiet.Pull, quiet.Merge, quiet.Deploy, quiet.Delivery, quiet.Events = nil, nil, nil, nil, nil, nil, nil
	for _, o := range full.Plan.Outcomes {
		if o.Outcome == policy.Current {
			quiet.Plan.Outcomes = append(quiet.Plan.Outcomes, o)
		}
	}
	after, before := quiet, *full.Deploy // a run that did nothing, after one that started pipelines
	before.Commit, before.Message, before.Triggers = "", "", slices.Clone(before.Triggers)
	for i := range before.Triggers {
		before.Triggers[i].Fired, before.Triggers[i].Duration = false, 0
	}
	after.Deploy = &before
	deployment := run.Report{Schema: full.Schema, Started: full.Started, Duration: 100, Deploy: full.Deploy, Calls: 9}
	ended := full
	ended.Pull, ended.Merge, ended.Deploy, ended.Delivery, ended.Events = nil, nil, nil, nil, nil
	reports, commits := months(t)
	return map[string][]byte{
		"run":            pageOf(t, full, page.Failure{}),
		"dry":            pageOf(t, dry, page.Failure{}),
		"quiet":          pageOf(t, quiet, page.Failure{}),
		"after":          pageOf(t, after, page.Failure{}),
		"deploy":         pageOf(t, deployment, page.Failure{}),
		"ended":          pageOf(t, ended, page.Failure{Message: "opening the pull request: 403 Forbidden", Hint: "give the token the permission pull requests: write"}),
		"empty":          pageOf(t, run.Report{Schema: full.Schema, Started: full.Started, Plan: plan.Plan{Schema: plan.PlanSchema}}, page.Failure{}),
		"hostile":        pageOf(t, hostile(t), page.Failure{Message: attack, Hint: attack}),
		"status":         statusPage(t, standings(t)),
		"fleet":          fleetPage(t, aFleet()),
		"shadow":         shadowPage(t, aShadow("web", "v1.2.0", "bot")),
		"bad-shadow":     shadowPage(t, aShadow(attack, attack, attack)),
		"none":           statusPage(t, status.Status{Schema: status.Schema, Repository: "acme/profile", Base: "main", At: full.Started}),
		"history":        history(t, page.NewHistory(reports, commits, nil)),
		"commits":        history(t, page.NewHistory(nil, commits, nil)),
		"nothing":        history(t, page.NewHistory(nil, nil, nil)),
		"values":         history(t, years(7, 20)),
		"hostile-status": statusPage(t, hostileStatus(attack)),
		"bad-history": history(t, page.NewHistory([]run.Report{hostile(t)},
			[]page.Commit{commit(strings.Repeat("<", 40), full.Started.Add(time.Hour), hostile(t).Plan.Changes)}, nil)),
		"bad-values": history(t, page.NewHistory(nil, nil, hostileValues(attack))),
	}
}

// TestPages holds what each page says against its golden text, which is the page without the style and most attributes.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, page := range pages(t) {
		if *into != "" {
			if err := os.WriteFile(filepath.Join(*into, name+".html"), page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join("testdata", name+".txt")
		got := outline(page)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: run go test ./internal/page -update and read the difference: %s", name, diff)
		}
	}
}

// TestSameBytes: a report always makes the same page.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	first, again := pages(t), pages(t)
	for name := range first {
		if !bytes.Equal(first[name], again[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// TestPolicy: a page carries the policy that forbids everything but its own style, and the style's hash is right.
func TestPolicy(t *testing.T) {
	t.Parallel()
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	for name, page := range pages(t) {
		all := style.FindAllSubmatch(page, -1)
		if len(all) != 1 {
			t.Fatalf("%s: %d style sheets", name, len(all))
		}
		sum := sha256.Sum256(all[0][1])
		hash := "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
		want := strings.ReplaceAll(`content="default-src &#39;none&#39;; style-src &#39;`+hash+`&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"`, "+", "&#43;")
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("%s: the policy is not %s", name, want)
		}
	}
}
