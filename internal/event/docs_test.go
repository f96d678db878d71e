package event_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/event"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// row is what the catalogue says of a type, over all of its lines.
type row struct{ links, fields []string }

// catalogue reads the table of docs/events.md.
func catalogue(t *testing.T) (text string, rows map[string]row, order []string) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string]row{}
	table, _, _ := strings.Cut(string(raw), "A link is left out")
	for line := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.Contains(line, "---") || strings.Contains(line, "told when") {
			continue
		}
		if name := strings.Trim(cells[1], " `"); name != "" {
			order = append(order, name)
		}
		r := rows[order[len(order)-1]]
		for link := range strings.SplitSeq(cells[4], ";") {
			r.links = append(r.links, strings.ReplaceAll(strings.TrimSpace(link), "`", ""))
		}
		for _, field := range quoted.FindAllStringSubmatch(cells[5], -1) {
			r.fields = append(r.fields, field[1])
		}
		rows[order[len(order)-1]] = row{unique(r.links), unique(r.fields)}
	}
	return string(raw), rows, order
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// TestCatalogue holds the documentation against the code: the types and versions, the links that a whole run tells, the
// fields of the schemas.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	text, rows, order := catalogue(t)
	var types []string
	for _, k := range event.Kinds() {
		types = append(types, k.Type())
	}
	if diff := cmp.Diff(unique(types), unique(slices.Clone(order))); diff != "" {
		t.Errorf("types: %s", diff)
	}
	links := told(t)
	for _, s := range event.Schemas() {
		if !strings.Contains(text, "`"+s.Name+"`") {
			t.Errorf("%s is not named", s.Name)
		}
		if s.Type == event.ArtifactQuarantined {
			continue
		}
		name := types[slices.IndexFunc(types, func(name string) bool { return strings.HasPrefix(name, s.Type+".") })]
		if diff := cmp.Diff(links[name], rows[name].links); diff != "" {
			t.Errorf("links of %s: %s", name, diff)
		}
		if diff := cmp.Diff(fields(t, s), rows[name].fields); diff != "" {
			t.Errorf("fields of %s: %s", name, diff)
		}
	}
	for _, name := range []string{event.ArtifactPublished, event.ArtifactDeleted, event.ArtifactQuarantined} {
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("%s is not named", name)
		}
	}
}

// told returns the links of each type as the catalogue writes them.
func told(t *testing.T) map[string][]string {
	t.Helper()
	direct := about()
	direct.Dispatched = false
	messages := []event.Message{teller(t, direct).Started(at(0)),
		teller(t, about()).Finished(event.Finish{Outcome: event.Success, Result: event.Noop})}
	names := map[string]string{incomingID: "the incoming event"}
	for _, s := range story(t, about()) {
		messages = append(messages, s.message)
		words := strings.Split(strings.Replace(s.message.Type, "pawl-", "", 1), ".")
		names[s.message.ID] = words[2] + "." + words[3]
	}
	links := map[string][]string{}
	for _, m := range messages {
		for _, l := range parse(t, m).Context.Links {
			what := strings.TrimSpace(l.LinkType + " " + l.LinkKind)
			links[m.Type] = append(links[m.Type], what+": "+names[l.From.ContextID+l.Target.ContextID])
		}
	}
	for name := range links {
		links[name] = unique(links[name])
	}
	return links
}

// fields returns the fields of a schema, over all of its cases.
func fields(t *testing.T, s event.Schema) []string {
	t.Helper()
	type shape struct {
		Properties map[string]json.RawMessage
		AnyOf      []struct {
			Ref string `json:"$ref"`
		}
	}
	var doc struct {
		shape
		Defs map[string]shape `json:"$defs"`
	}
	if err := json.Unmarshal(s.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	shapes := []shape{doc.shape}
	for _, c := range doc.AnyOf {
		shapes = append(shapes, doc.Defs[strings.TrimPrefix(c.Ref, "#/$defs/")])
	}
	var all []string
	for _, s := range shapes {
		for name := range s.Properties {
			all = append(all, name)
		}
	}
	return unique(all)
}
