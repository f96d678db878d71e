package config

import (
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

func (c *checker) forge(f *forgeBlock) Forge {
	if f == nil {
		f = &forgeBlock{}
	}
	parts := strings.Split(f.Repository.Value, "/")
	nested := len(parts) > 2 && f.Kind.Value != "gitlab" // whose groups may be
	if f.Repository.Set() && (len(parts) < 2 || slices.Contains(parts, "") || nested) {
		c.errorf(f.Repository, "write owner/repository", "want a repository, have %s", strictyaml.Quote(f.Repository.Value))
	}
	address, err := url.Parse(f.URL.Value)
	if f.URL.Set() && (err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" || address.User != nil || address.RawQuery != "") {
		c.errorf(f.URL, "write e.g. url: https://git.example.com", "want the address of a forge, an http(s) URL without credentials")
	}
	if f.Kind.Value == "github" && f.URL.Set() {
		c.errorf(f.URL, "leave it out: GITHUB_API_URL names another GitHub", "forge.url is not used for github")
	}
	return Forge{Kind: f.Kind.Value, URL: strings.TrimRight(f.URL.Value, "/"), Repository: f.Repository.Value, Base: f.Base.Value,
		Branch: orElse(f.Branch, DefaultBranch), Labels: texts(f.Labels)}
}

// person is a login at GitHub, or ORG/TEAM.
var person = regexp.MustCompile(`^[A-Za-z0-9][\w.\[\]-]*(/[A-Za-z0-9][\w.-]*)?$`)

func (c *checker) change(f *changeBlock) Change {
	if f == nil {
		return Change{}
	}
	words := func(text strictyaml.Text, name string, lines bool) change.Template {
		if !text.Set() {
			return change.Template{}
		}
		t, err := change.ParseTemplate(text.Value, lines)
		if err != nil {
			c.errorf(text, "write e.g. "+name+": 'chore(deps): {summary}'; {{ and }} stand for a brace", "change.%s: %v", name, err)
		}
		return t
	}
	for _, p := range append(f.Reviewers, f.Assignees...) {
		if !person.MatchString(p.Value) {
			c.errorf(p, "write the name without @, as in `reviewers: [alice, org/team]`", "want the name of a person or a team, have %s", strictyaml.Quote(p.Value))
		}
	}
	for _, p := range f.Assignees {
		if strings.Contains(p.Value, "/") {
			c.errorf(p, "name persons", "a team cannot be assigned: %s", strictyaml.Quote(p.Value))
		}
	}
	return Change{Words: change.Words{Title: words(f.Title, "title", false), Commit: words(f.Commit, "commit", true)},
		Labels: texts(f.Labels), Reviewers: texts(f.Reviewers), Assignees: texts(f.Assignees), Unsigned: f.Sign.Set() && !f.Sign.Value}
}

func (c *checker) merge(m *mergeBlock) Merge {
	if m == nil {
		m = &mergeBlock{}
	}
	merge := Merge{Off: m.off, Method: orElse(m.block.Method, "squash"), Wait: c.duration(m.block.Wait, 10*time.Minute),
		NoArm: m.block.Arm.Set() && !m.block.Arm.Value}
	if r := m.block.Require; r != nil {
		merge.None, merge.Require = r.none, texts(r.names)
	}
	if n := m.block.Max; n.Set() {
		if merge.Max = n.Value; n.Value < 1 {
			c.errorf(strictyaml.Text{Line: n.Line, Column: n.Column}, "leave merge.max out for any number, or write merge: off", "want a number above zero, have %d", n.Value)
		}
	}
	merge.Calendar = c.calendar(m.block)
	return merge
}

// calendar reads when merges are possible.
func (c *checker) calendar(m mergeMap) change.Calendar {
	var all change.Calendar
	for _, w := range m.Windows {
		days, err := change.ParseDays(w.Days.Value)
		if err != nil {
			c.errorf(w.Days, "", "%v", err)
		}
		window := change.Window{Days: days, From: c.minutes(w.From), To: c.minutes(w.To), Zone: c.zone(w.Zone)}
		if w.From.Set() && w.From.Value == w.To.Value {
			c.errorf(w.To, "for the whole day write from: 00:00 and to: 24:00", "a window that ends when it begins")
		}
		all.Windows = append(all.Windows, window)
	}
	for _, f := range m.Freeze {
		zone := c.zone(f.Zone)
		freeze := change.Freeze{From: c.day(f.From, zone), To: c.day(f.To, zone), Reason: f.Reason.Value}
		if freeze.To.Before(freeze.From) {
			c.errorf(f.To, "exchange from and to", "a freeze that ends before it begins")
		}
		all.Freezes = append(all.Freezes, freeze)
	}
	return all
}

func (c *checker) minutes(t strictyaml.Text) int {
	n, err := change.ParseMinutes(t.Value)
	if err != nil && t.Set() {
		c.errorf(t, "", "%v, have %s", err, strictyaml.Quote(t.Value))
	}
	return n
}

func (c *checker) day(t strictyaml.Text, zone *time.Location) time.Time {
	at, err := time.ParseInLocation(time.DateOnly, t.Value, zone)
	if err != nil && t.Set() {
		c.errorf(t, "", "want a day as 2026-12-31, have %s", strictyaml.Quote(t.Value))
	}
	return at
}

func (c *checker) zone(t strictyaml.Text) *time.Location {
	zone, err := time.LoadLocation(t.Value) // the empty name is UTC
	if err != nil || t.Value == "Local" {
		c.errorf(t, "write a name as Europe/Berlin, or leave it out for UTC", "there is no time zone %s", strictyaml.Quote(t.Value))
		return time.UTC
	}
	return zone
}

var variableReference = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

func (c *checker) deploy(f *deployBlock) Deploy {
	if f == nil {
		return Deploy{By: "run", Ref: "main"}
	}
	d := Deploy{By: orElse(f.By, "run"), Ref: orElse(f.Ref, "main"), Wait: c.duration(f.Wait, 0), Hold: f.OnFailure.Value == "hold"}
	for _, t := range f.ExtraPaths {
		d.ExtraPaths = append(d.ExtraPaths, c.below(t))
	}
	if d.Hold && d.Wait == 0 {
		c.errorf(f.OnFailure, "add wait, as in wait: 30m, and the api of projects", "onFailure: hold follows no pipeline")
	}
	if f.Projects == nil {
		return d
	}
	if v := f.Projects.variable; v.Set() {
		m := variableReference.FindStringSubmatch(v.Value)
		if m == nil {
			c.errorf(v, "write projects: ${PROJECTS}", "projects: want ${NAME} or a list")
			return d
		}
		d.Variable = m[1]
	}
	for _, p := range f.Projects.list {
		one := Project{Name: p.Name.Value, URL: c.absolute(p.URL), Secret: c.variable(p.Secret), API: c.variable(p.API)}
		one.Place = strictyaml.Problem{File: c.file, Line: p.URL.Line, Column: p.URL.Column}
		c.use(p.Secret, p.URL.Value, "secret of the project "+p.Name.Value)
		c.use(p.API, p.URL.Value, "api of the project "+p.Name.Value)
		for _, t := range p.Paths {
			one.Paths = append(one.Paths, c.below(t))
		}
		d.Projects = append(d.Projects, one)
	}
	return d
}

func (c *checker) events(f *eventsBlock) Events {
	if f == nil {
		return Events{}
	}
	e := Events{Source: c.absolute(f.Source), Required: f.Required.Value, Outbox: f.Outbox.Value, Key: c.variable(f.Key)}
	if f.Outbox.Set() {
		c.warnf(f.Outbox, "remove it: what a receiver has not taken is kept in the ledger", "events.outbox is not used any more")
	}
	for _, t := range f.Accept {
		e.Accept = append(e.Accept, c.absolute(t))
	}
	for _, s := range f.Sinks {
		e.Sinks = append(e.Sinks, c.sink(s))
	}
	return e
}

func (c *checker) sink(s sinkBlock) Sink {
	need := map[string][]strictyaml.Text{"file": {s.Path}, "http": {s.URL}, "kafka": append([]strictyaml.Text{s.Topic}, s.Brokers...)}
	for _, t := range need[s.Type.Value] {
		if t.Value == "" {
			c.errorf(s.Type, map[string]string{"file": "add path", "http": "add url", "kafka": "add brokers and topic"}[s.Type.Value],
				"the %s sink does not say where events go", s.Type.Value)
		}
	}
	if s.Type.Value == "kafka" && len(s.Brokers) == 0 {
		c.errorf(s.Type, "add brokers: [host:port]", "the kafka sink has no brokers")
	}
	c.use(s.Token, s.URL.Value, "token of a sink")
	c.use(s.HMAC, s.URL.Value, "hmac of a sink")
	c.login(s)
	return Sink{Type: s.Type.Value, Path: s.Path.Value, URL: c.absolute(s.URL), Mode: orElse(s.Mode, "binary"),
		Token: c.variable(s.Token), HMAC: c.variable(s.HMAC), Topic: s.Topic.Value, Partition: orElse(s.Partition, "chain"), Brokers: texts(s.Brokers),
		TLS: s.TLS.Value || s.CA.Value != "", CA: s.CA.Value, SASL: s.SASL.Value, User: c.variable(s.User), Password: c.variable(s.Password)}
}

// login checks how a sink logs in at its brokers: whole, and with a password in the clear only on this machine.
func (c *checker) login(s sinkBlock) {
	for _, t := range []strictyaml.Text{s.User, s.Password} {
		if t.Set() && !s.SASL.Set() {
			c.errorf(t, "add sasl: plain, scram-sha-256 or scram-sha-512", "the sink does not say how to log in")
		}
	}
	if !s.SASL.Set() {
		return
	}
	if s.User.Value == "" || s.Password.Value == "" {
		c.errorf(s.SASL, "add user and password, the names of two variables", "the sink does not say who logs in")
	}
	far := slices.ContainsFunc(s.Brokers, func(b strictyaml.Text) bool { return !loopback(b.Value) })
	if s.SASL.Value == "plain" && !s.TLS.Value && s.CA.Value == "" && far {
		c.errorf(s.SASL, "add tls: true, or use scram-sha-256", "sasl: plain would send the password in the clear")
	}
	for _, b := range s.Brokers[:min(len(s.Brokers), 1)] { // the others are of the same cluster
		c.use(s.Password, b.Value, "password of a sink")
	}
}

// loopback reports whether a broker is on this machine.
func loopback(broker string) bool {
	u, err := url.Parse("//" + broker)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// absolute checks a URL; its user information would be a secret in a file.
func (c *checker) absolute(t strictyaml.Text) string {
	if !t.Set() {
		return ""
	}
	u, err := url.Parse(t.Value)
	switch {
	case err != nil || !u.IsAbs() || u.Host == "" && u.Opaque == "":
		c.errorf(t, "write e.g. https://host/path", "want an absolute URL")
	case u.User != nil:
		c.errorf(t, "name the variable that holds the token instead", "the URL holds a user name or password")
	}
	return t.Value
}

// below checks a path below the root.
func (c *checker) below(t strictyaml.Text) string {
	p := path.Clean(t.Value)
	if t.Value == "" || path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") || strings.Contains(p, "\\") {
		c.errorf(t, "write a path below the root, with forward slashes", "the path %s leaves the root", strictyaml.Quote(t.Value))
	}
	return p
}
