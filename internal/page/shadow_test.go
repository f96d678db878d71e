package page_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/past"
)

// aShadow is a comparison with each verdict.
func aShadow(name, version, author string) page.Shadow {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	change := func(v past.Verdict, made, pawl, reason string) past.Change {
		c := past.Change{Verdict: v, Manifest: name, File: "values.yaml", Key: "$.web.tag", Old: "v1.0.0", New: made, Pawl: pawl, Reason: reason, Decided: at}
		if made != "" {
			c.Author, c.At = author, at.Add(time.Hour)
		}
		return c
	}
	return page.Shadow{
		Comparison: past.Comparison{Schema: past.ComparisonSchema, From: at, To: at.Add(14 * 24 * time.Hour), Values: 12, Made: 4, Agreed: 2, Differed: 1, Missed: 1, Alone: 1, Changes: []past.Change{
			change(past.Agreed, version, version, "newest-match"), change(past.Differed, version, "v1.3.0", "newest-match"), change(past.Missed, version, "", "held"),
			change(past.Alone, "", version, "newest-match"), change(past.Agreed, version, version, "newest-match"),
		}},
		Profile: "acme/" + name, Sentence: "In 14 days pawl would have made 2 of the 4 changes that were made; 1 differs: " + name + " " + version + " where pawl has v1.3.0.",
		Why: func(c past.Change) string { return c.Reason + " of " + name },
	}
}

func shadowPage(t testing.TB, s page.Shadow) []byte {
	t.Helper()
	data, err := s.Page()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestShadowBounds: of a comparison with many changes all that are to be looked at come first, and what is left out is counted.
func TestShadowBounds(t *testing.T) {
	t.Parallel()
	s := aShadow("web", "v1.2.0", "bot")
	for i := range 5000 {
		c := s.Changes[i%2]
		c.Manifest = fmt.Sprintf("m%d", i)
		s.Changes = append(s.Changes, c)
	}
	text := string(shadowPage(t, s))
	open, agreed := strings.Index(text, "Look at these"), strings.Index(text, "Show what was agreed")
	if open < 0 || agreed < open || strings.Count(text, ">differs<") != 1998 || strings.Count(text, ">agreed<") != 500 || !strings.Contains(text, "503 more changes") || strings.Count(text, "more changes not shown") != 2 {
		t.Errorf("open at %d, agreed at %d; %d differ, %d agreed", open, agreed, strings.Count(text, ">differs<"), strings.Count(text, ">agreed<"))
	}
	if len(text) > 2<<20 {
		t.Errorf("%d bytes", len(text))
	}
}
