package recorded_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/fake/recorded"
)

// answered is a fake's answer.
type answered struct {
	status int
	header http.Header
	body   []byte
}

// difference is where a fake's answer is not like the recorded one.
type difference struct {
	n    int
	text string
}

func (d difference) String() string { return fmt.Sprintf("%d: %s", d.n, d.text) }

// comparison collects the differences of one exchange.
type compared struct {
	recorded.Exchange
	found []difference
}

func (c *compared) say(format string, args ...any) {
	c.found = append(c.found, difference{c.N, fmt.Sprintf(format, args...)})
}

// compare holds a fake's answer against the recorded one: the status, the names of headers and the form of Link, every
// field and its type, null or not, the fields of errors exactly, and what is said.
func compare(e recorded.Exchange, got answered) []difference {
	c := &compared{Exchange: e}
	if got.status != e.Status {
		c.say("status %d, recorded %d", got.status, e.Status)
	}
	c.headers(got.header)
	if e.N == 75 { // the list is another one, its pages are the same
		return c.found
	}
	var want, have any
	text := e.Text()
	if text == "" || json.Unmarshal([]byte(text), &want) != nil {
		if len(got.body) > 0 && text == "" {
			c.say("a body where none is recorded: %.80s", got.body)
		}
		return c.found
	}
	if err := json.Unmarshal(got.body, &have); err != nil {
		c.say("no JSON: %.80s", got.body)
		return c.found
	}
	if body, ok := want.(map[string]any); ok && c.invented() && c.Status >= 400 {
		delete(body, "status") // the report does not give them
		delete(body, "documentation_url")
	}
	c.values("", want, have)
	c.messages("", have)
	if h, ok := have.(map[string]any); ok && strings.Contains(c.Path, "/compare/") {
		_, recorded := want.(map[string]any)["files"]
		if _, there := h["files"]; there != recorded {
			c.say("files: %t, recorded %t", there, recorded)
		}
	}
	if e.Status >= 400 || strings.HasSuffix(e.Path, "/graphql") {
		c.refusals(want, have)
	}
	return c.found
}

// passing are headers that say nothing about the fake.
var passing = []string{"Date", "Deprecation", "Sunset"}

func (c *compared) headers(have http.Header) {
	for name := range c.Headers {
		name = http.CanonicalHeaderKey(name)
		if _, there := have[name]; !there && !slices.Contains(passing, name) && (name != "Etag" || c.Status < 400 && c.N != 75) {
			c.say("header %s is missing", name)
		}
	}
	for _, name := range []string{"Content-Type", "X-Ratelimit-Resource"} {
		if c.invented() && name == "Content-Type" {
			continue
		}
		if name == "X-Ratelimit-Resource" && c.Headers["x-ratelimit-limit"] == "5000" && (c.N == 36 || c.N == 37) {
			continue // these exchanges of GraphQL were given the headers of REST
		}
		if want := c.Header().Get(name); want != "" && have.Get(name) != want {
			c.say("header %s: %q, recorded %q", name, have.Get(name), want)
		}
	}
	if strings.HasPrefix(c.Host, "api.github") {
		if want, got := links(c.Headers["link"]), links(have.Get("Link")); want != got {
			c.say("Link: %s, recorded %s", got, want)
		}
	}
}

var (
	linked = regexp.MustCompile(`<([^>]*)>; rel="([a-z]+)"`)
)

// links is the form of a Link: which rels in which order, and how their addresses are made.
func links(text string) string {
	var all []string
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		u, err := url.Parse(m[1])
		if err != nil {
			return text
		}
		form := "/repos/NAME"
		if strings.Contains(u.Path, "/repositories/") {
			form = "/repositories/ID"
		}
		all = append(all, m[2]+" "+form+"?"+strings.Join(slices.Sorted(maps.Keys(u.Query())), "&"))
	}
	return strings.Join(all, ", ")
}

// free are fields whose being null depends on the story, not on the fake.
var free = regexp.MustCompile(`/(license|assignee|milestone|mergeable|rebaseable|merged_by|text|title|summary|description|avatar_url|signature|payload|app_id|closed_at|merged_at|name|completed_at|conclusion|external_id|user|repo|auto_merge|verified_at|head|base|protection|parameters|number|pull_requests|gravatar_id|actor|author|committer)$`)

func (c *compared) values(path string, want, have any) {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			if have != nil || !free.MatchString(path) {
				c.say("%s is %T, recorded an object", path, have)
			}
			return
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			value, there := h[name]
			if !there {
				c.absent(path + "/" + name)
				continue
			}
			c.values(path+"/"+name, w[name], value)
		}
	case []any:
		h, ok := have.([]any)
		if !ok {
			c.say("%s is %T, recorded a list", path, have)
			return
		}
		if len(w) > 0 && len(h) == 0 && !free.MatchString(path) {
			c.say("%s is empty", path)
		}
		for i := range min(len(w), len(h)) {
			c.values(path, w[i], h[i])
		}
	case nil:
		if have != nil && !free.MatchString(path) {
			c.say("%s is %v, recorded null", path, have)
		}
	default:
		if have == nil && !free.MatchString(path) {
			c.say("%s is null, recorded %.60q", path, fmt.Sprint(want))
		} else if have != nil && fmt.Sprintf("%T", want) != fmt.Sprintf("%T", have) {
			c.say("%s is %T, recorded %T", path, have, want)
		}
	}
}

// optional are fields of parts that the fakes do not tell.
var optional = regexp.MustCompile(`/(actor/(avatarUrl|resourcePath)|app/(external_url|events|permissions)|parameters|files|full_name|output/.*|pull_requests/.*|stats)$`)

func (c *compared) absent(path string) {
	if !optional.MatchString(path) {
		c.say("%s is missing", path)
	}
}

// messages looks for commit messages that end in white space: no answer of REST has one.
func (c *compared) messages(path string, have any) {
	switch h := have.(type) {
	case map[string]any:
		if text, ok := h["message"].(string); ok && h["tree"] != nil && strings.TrimRight(text, " \t\r\n") != text {
			c.say("%s/message ends in white space", path)
		}
		for name, value := range h {
			c.messages(path+"/"+name, value)
		}
	case []any:
		for _, value := range h {
			c.messages(path, value)
		}
	}
}

var (
	quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`|[\\w-]+:[\\w/-]+|[0-9a-f]{40}|\\d+")
	named  = regexp.MustCompile(`between \S+ and \S+|^\S+ does not have a verified email|SHA: \S+`)
)

// plain is a text without the names and numbers in it.
func plain(text string) string {
	return strings.TrimRight(quoted.ReplaceAllString(named.ReplaceAllString(text, "~"), "~"), ".")
}

// invented tells that a report gives the message and the status only.
func (c *compared) invented() bool { return c.Origin == "report" }

// refusals holds the texts and the very fields of errors.
func (c *compared) refusals(want, have any) {
	w, _ := want.(map[string]any)
	h, _ := have.(map[string]any)
	if text, ok := w["message"].(string); ok && plain(text) != plain(fmt.Sprint(h["message"])) {
		c.say("it says %q, recorded %q", h["message"], text)
	}
	fields := func(m map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }
	if !c.invented() || strings.HasSuffix(c.Path, "/graphql") {
		if fields(w) != fields(h) {
			c.say("fields %s, recorded %s", fields(h), fields(w))
		}
	}
	ws, _ := w["errors"].([]any)
	hs, _ := h["errors"].([]any)
	for i := range min(len(ws), len(hs)) {
		one, isObject := ws[i].(map[string]any)
		other, _ := hs[i].(map[string]any)
		if !isObject {
			continue
		}
		if fields(one) != fields(other) {
			c.say("an error has %s, recorded %s", fields(other), fields(one))
		}
		if one["type"] != other["type"] {
			c.say("an error has the type %v, recorded %v", other["type"], one["type"])
		}
		if text, ok := one["message"].(string); ok {
			first, _, _ := strings.Cut(text, "This may be")
			said, _, _ := strings.Cut(fmt.Sprint(other["message"]), "This may be")
			if plain(first) != plain(said) {
				c.say("an error says %q, recorded %q", other["message"], text)
			}
		}
	}
}
