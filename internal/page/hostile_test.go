package page_test

import (
	"encoding/json"
	"fmt"
	"html"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/run"
)

// attack tries to get out of text, attributes, comments and the style sheet, and to reorder what is read.
const attack = `"><script>console.error("hostile")</script><img src=https://evil.example/x onerror=alert(1)>'--></style>{{.}}` + "\u202e`javascript:alert(2)\x00\n&lt;"

// hostile is a report of which every text is the attack.
func hostile(t testing.TB) run.Report {
	t.Helper()
	return filled(t, attack)
}

// filled is a report of which every text is the given one.
func filled(t testing.TB, text string) run.Report {
	t.Helper()
	var r run.Report
	fill(reflect.ValueOf(&r).Elem(), text)
	r.Events = nil
	told := map[any]int{}
	for _, raw := range events(t) {
		var e map[string]any
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		context := e["context"].(map[string]any)
		id, at, kind := context["id"], context["timestamp"], context["type"]
		if told[kind]++; told[kind] > 4 {
			continue // a few of each kind do
		}
		spoil(e, text)
		context["timestamp"] = at // else the event would not be read at all
		if len(r.Events)%2 == 0 {
			context["id"], context["type"] = id, kind
		}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		r.Events = append(r.Events, data)
	}
	return r
}

// events are those of the profile's run.
func events(t testing.TB) []json.RawMessage {
	once.Do(func() { all = profile(t).Events })
	return all
}

var (
	once sync.Once
	all  []json.RawMessage
)

// fill sets every text below a value, and everything else to something that is there.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(12.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text)
		fill(value, text)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	}
}

// spoil sets every text of a JSON value.
func spoil(v any, text string) {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if _, ok := v[k].(string); ok {
				v[k] = text
			}
			spoil(v[k], text)
		}
	case []any:
		for _, one := range v {
			spoil(one, text)
		}
	}
}

// What a page may consist of.
var (
	tag       = regexp.MustCompile(`^<(/?)([a-z0-9]+)((?: [a-zA-Z-]+(?:="[^"<>]*")?)*)/?>$`)
	attribute = regexp.MustCompile(` ([a-zA-Z-]+)(?:="([^"<>]*)")?`)
	elements  = strings.Fields(`html head meta title style body a header p svg path circle rect span time div nav ul li main section
		h1 h2 h3 h4 text strong b dl dt dd details summary pre table caption thead tbody tr th td ol code br wbr del ins footer fieldset legend label input`)
	attributes = strings.Fields(`lang charset http-equiv content name href class id aria-label aria-labelledby aria-hidden role rel
		tabindex scope colspan preserveAspectRatio datetime data-label type id checked viewBox focusable d cx cy r x y width height rx`)
	address = regexp.MustCompile(`^(#[a-z0-9-]+|https?://[^/@ "]+(/[^ "]*)?)$`)
)

// strict says what of a page is none of these: a tag, an attribute or a link that no template writes.
func strict(page []byte) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	text := string(page)
	open, style, found := strings.Cut(text, "<style>")
	style, rest, closed := strings.Cut(style, "</style>")
	if !found || !closed || strings.ContainsAny(style, "<") || !strings.HasPrefix(open, "<!doctype html>\n") {
		fault("there is no style sheet where it belongs")
	}
	text = strings.TrimPrefix(open, "<!doctype html>\n") + rest
	for text != "" {
		begin := strings.IndexAny(text, "<>")
		if begin < 0 {
			break
		}
		end := strings.IndexByte(text[begin:], '>')
		if text[begin] == '>' || end < 0 {
			fault("a bracket that is none of a tag: %.60q", text[begin:])
			break
		}
		one := text[begin : begin+end+1]
		text = text[begin+end+1:]
		m := tag.FindStringSubmatch(one)
		if m == nil || !slices.Contains(elements, m[2]) {
			fault("no tag of ours: %.80q", one)
			continue
		}
		for _, a := range attribute.FindAllStringSubmatch(m[3], -1) {
			if !slices.Contains(attributes, a[1]) {
				fault("no attribute of ours: %.80q", one)
			}
			if a[1] == "href" && (!address.MatchString(html.UnescapeString(a[2])) || !strings.HasPrefix(a[2], "#") && !strings.Contains(one, `rel="noreferrer noopener"`)) {
				fault("no link of ours: %.120q", one)
			}
		}
	}
	return faults
}

// TestHostile: whatever the texts of a report are, the page consists of what the templates write, and shows them.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, page := range pages(t) {
		for _, f := range strict(page) {
			t.Errorf("%s: %s", name, f)
		}
		if strings.Contains(name, "hostile") || name == "bad-history" {
			shown := strings.Count(html.UnescapeString(string(page)), `"><script>console.error("hostile")</script>`)
			if shown < 10 {
				t.Errorf("%s shows the texts %d times", name, shown)
			}
			if strings.ContainsAny(string(page), "\u202e\x00") {
				t.Errorf("%s holds characters that nobody sees", name)
			}
		}
	}
}

// TestStrict shows that the check can fail.
func TestStrict(t *testing.T) {
	t.Parallel()
	page := string(pageOf(t, profile(t), page.Failure{}))
	for _, bad := range []string{
		"<script>alert(1)</script>", `<p onclick="x">`, `<img src="x">`, `<a href="javascript:alert(1)" rel="noreferrer noopener">x</a>`,
		`<a href="https://ok.example/">x</a>`, `<a href="//ok.example/" rel="noreferrer noopener">x</a>`, `<p class="a"b">`, "<!-- x -->", "a > b", "<p", "<P>",
	} {
		if len(strict([]byte(strings.Replace(page, "<h1", bad+"<h1", 1)))) == 0 {
			t.Errorf("%s is not seen", bad)
		}
	}
}

// TestLinks: only absolute http and https addresses without a user become links.
func TestLinks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://forge.example/pull/1": "https://forge.example/pull/1", "http://forge.example/1?a=b&c=d": "http://forge.example/1?a=b&amp;c=d",
		"javascript:alert(1)": "", "JAVASCRIPT://forge.example/%0aalert(1)": "", "data:text/html,x": "", "//forge.example/1": "", "/pull/1": "", "": "",
		"https://user:secret@forge.example/1": "", "https://user@forge.example/1": "", "file:///etc/passwd": "", "https:forge.example": "", "http://": "",
	} {
		r := run.Report{Plan: plan.Plan{Schema: plan.PlanSchema}, Pull: &forge.Pull{Number: 1, URL: address}}
		page := string(pageOf(t, r, page.Failure{}))
		if got := strings.Count(page, `href="http`); want == "" && got != 0 || want != "" && strings.Count(page, `<a href="`+want+`" rel="noreferrer noopener">#1</a>`) != 2 {
			t.Errorf("%q: %d links", address, got)
		}
	}
}

// FuzzRun holds the pages of a report against the same rules, whatever its texts are.
func FuzzRun(f *testing.F) {
	for _, seed := range []string{attack, "", "https://forge.example/\"><b>", "https://a/<script>", "\xff\xfe", "v1.2.3", "{{template \"page\"}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := filled(t, text)
		commits := []page.Commit{commit(text, r.Started, r.Plan.Changes), {SHA: text, At: r.Started, Message: text}}
		for name, page := range map[string][]byte{"run": pageOf(t, r, page.Failure{Message: text, Hint: text}), "history": history(t, page.NewHistory([]run.Report{r}, commits, nil)), "values": history(t, page.NewHistory(nil, nil, hostileValues(text))), "status": statusPage(t, hostileStatus(text)), "fleet": fleetPage(t, hostileFleet(text))} {
			for _, fault := range strict(page) {
				t.Errorf("%s: %s", name, fault)
			}
		}
	})
}
