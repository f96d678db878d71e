package deploy_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/deploy"
)

const (
	address = "https://gitlab.example/api/v4/projects/19/trigger/pipeline"
	canary  = "glptt-canary0+/=secret"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := deploy.Parse([]byte(` [{"name":"dev","secret":"TOKEN_DEV","url":"` + address + `"},
		{"name":"prod","secret":"TOKEN_PROD","api":"READ_PROD","url":"https://gitlab.example/sub/api/v4/projects/a%2Fb/trigger/pipeline",
		 "paths":["values.yaml","charts/"]}, {"name":"x","secret":"X","api":null,"paths":null,"url":"http://127.0.0.1:8080/api/v4/projects/1/trigger/pipeline"} ]` + "\n"))
	want := []deploy.Project{
		{Name: "dev", Secret: "TOKEN_DEV", URL: address},
		{Name: "prod", Secret: "TOKEN_PROD", API: "READ_PROD", URL: "https://gitlab.example/sub/api/v4/projects/a%2Fb/trigger/pipeline", Paths: []string{"values.yaml", "charts/"}},
		{Name: "x", Secret: "X", URL: "http://127.0.0.1:8080/api/v4/projects/1/trigger/pipeline"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if none, err := deploy.Parse([]byte("[]")); err != nil || len(none) != 0 {
		t.Errorf("no project: %v, %v", none, err)
	}
}

func TestParseProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, data string
		want       []string
	}{
		{"empty", "", []string{"projects: the list is empty text"}},
		{"blank", " \n", []string{"projects: the list is empty text"}},
		{"null", "null", []string{"projects: want a list"}},
		{"object", `{"name":"dev"}`, []string{"projects: want a list"}},
		{"text", `"dev"`, []string{"projects: want a list"}},
		{"cut", `[{"name":`, []string{"projects: no JSON: unexpected end of JSON input, at byte 9"}},
		{"more", `[] x`, []string{"projects: no JSON: invalid character 'x' after top-level value, at byte 4"}},
		{"elements", `[1, null, {}]`, []string{"project #1: want an object", "project #2: want an object", "project #3: name: it is missing",
			"project #3: url: it is missing", "project #3: secret is missing"}},
		{"types", `[{"name":"dev","url":1,"secret":{},"api":[],"paths":"x"}]`, []string{`project "dev": url: want a text`,
			`project "dev": secret: want a text`, `project "dev": api: want a text`, `project "dev": paths: want a list of texts`}},
		{"unknown fields", `[{"name":"dev","URL":"` + address + `","` + canary + `":1,"secret":"S"}]`, []string{`project "dev": a field is not known`,
			`project "dev": a field is not known`, `project "dev": url: it is missing`}},
		{"misspelt field", `[{"name":"dev","url":"` + address + `","secrets":"S"}]`, []string{`project "dev": the field "secrets" is not known`, `project "dev": secret is missing`}},
		{"secrets in the wrong place", `[{"name":"dev","url":"https://somebody:` + url.QueryEscape(canary) + `@h.example/api/v4/projects/1/trigger/pipeline","secret":"` + canary + `","api":"` + canary + `"}]`,
			[]string{`project "dev": url: it holds a user name or password`, `project "dev": secret: want the name of an environment variable`,
				`project "dev": api: want the name of an environment variable`}},
		{"same twice", `[{"name":"dev","url":"` + address + `","secret":"S"},{"name":"dev","url":"https://GitLab.example/api/v4/projects/19/trigger/pipeline/","secret":"S"},1]`,
			[]string{"project #3: want an object", `project "dev": the name is also that of project #1`, `project "dev": the url is also that of project #1`}},
		{"names", `[{"name":" a","url":"` + address + `","secret":"S"},{"name":"a\nb","url":"x","secret":"S"},{"name":"` + strings.Repeat("n", 101) + `","url":"y","secret":"S"}]`,
			[]string{"project #1: name: it begins or ends with a space", "project #2: name: it holds characters that cannot be printed",
				"project #2: url: want an absolute http or https URL", "project #3: name: it is longer than 100 bytes", "project #3: url: want an absolute http or https URL"}},
		{"paths", `[{"name":"dev","url":"` + address + `","secret":"S","paths":["ok/*.yaml","../x","/etc/x","a\\b","","a/../../b","[","a/../b"]}]`,
			[]string{`project "dev": paths: "../x" leaves the root`, `project "dev": paths: "/etc/x" leaves the root`, `project "dev": paths: "a\\b" holds a backslash`,
				`project "dev": paths: "" is empty`, `project "dev": paths: "a/../../b" leaves the root`, `project "dev": paths: "[" is no valid pattern`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := deploy.Parse([]byte(tt.data))
			if diff := cmp.Diff(tt.want, texts(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSameProjectTwice refuses one GitLab project that is named twice, in whatever way its address is written.
func TestSameProjectTwice(t *testing.T) {
	t.Parallel()
	const end = "/api/v4/projects/group%2Fname/trigger/pipeline"
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://gitlab.example" + end, "https://gitlab.example:443" + end, true},
		{"https://gitlab.example" + end, "https://gitlab.example." + end, true},
		{"https://gitlab.example" + end, "https://GitLab.Example.:443" + end + "/", true},
		{"https://gitlab.example" + end, "http://gitlab.example" + end, true},
		{"https://gitlab.example" + end, "https://gitlab.example" + strings.Replace(end, "group", "Gr%6Fup", 1), true},
		{"https://gitlab.example/sub" + end, "https://gitlab.example/Sub" + end, true},
		{"http://localhost:8080" + end, "http://127.0.0.1:8080" + end, true},
		{"http://localhost:8080" + end, "http://[::1]:8080" + end, true},
		{"http://localhost:8080" + end, "http://[::ffff:127.0.0.1]:8080" + end, true},
		{"http://localhost:8080" + end, "http://LOCALHOST.:8080" + end, true},
		{"http://127.0.0.1" + end, "http://localhost:80" + end, true},
		{"http://[fd00::1]" + end, "http://[FD00:0::1]:80" + end, true},
		{"https://gitlab.example" + end, "https://gitlab.example:8443" + end, false},
		{"https://gitlab.example" + end, "https://gitlab.example/sub" + end, false},
		{"https://gitlab.example" + end, "https://git.lab.example" + end, false},
		{"https://gitlab.example" + end, "https://gitlab.example" + strings.Replace(end, "name", "names", 1), false},
		{"http://10.0.0.1" + end, "http://10.0.0.2" + end, false},
	} {
		data, _ := json.Marshal([]map[string]string{{"name": "a", "url": c.a, "secret": "S"}, {"name": "b", "url": c.b, "secret": "S"}})
		_, err := deploy.Parse(data)
		if same := err != nil && strings.Contains(err.Error(), `project "b": the url is also that of project #1`); same != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, err)
		}
	}
}

// texts are the problems of an error that holds no secret and advises something for each.
func texts(t *testing.T, err error) []string {
	t.Helper()
	var all deploy.Problems
	if !errors.As(err, &all) {
		t.Fatalf("no problems: %v", err)
	}
	var out []string
	for _, p := range all {
		out = append(out, p.Error())
		if p.Hint == "" {
			t.Errorf("no hint for %s", p)
		}
	}
	whole := err.Error() + all.Advice()
	for _, form := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary), base64.StdEncoding.EncodeToString([]byte(canary))} {
		if strings.Contains(whole, form) {
			t.Errorf("the secret is in %s", whole)
		}
	}
	if strings.Contains(whole, "somebody") {
		t.Errorf("user information is in %s", whole)
	}
	return out
}

func TestCheck(t *testing.T) {
	t.Parallel()
	environment := map[string]string{"TOKEN_DEV": canary, "EMPTY": "", "BLANK": " \n", "NEWLINE": canary + "\n", "SPLIT": "glptt a", "glptt_canary": " "}
	lookup := func(name string) (string, bool) { value, set := environment[name]; return value, set }
	project := func(name, secret, api string) deploy.Project {
		return deploy.Project{Name: name, URL: strings.Replace(address, "19", "group%2F"+name, 1), Secret: secret, API: api}
	}
	fine := []deploy.Project{project("dev", "TOKEN_DEV", ""), project("stage", "TOKEN_DEV", "NEWLINE")}
	if err := deploy.Check(fine, lookup); err != nil {
		t.Errorf("fine: %v", err)
	}
	if err := deploy.Check(nil, lookup); err != nil {
		t.Errorf("no project: %v", err)
	}
	bad := []deploy.Project{
		project("a", "UNSET", "API_UNSET"), project("b", "EMPTY", "BLANK"), project("c", "SPLIT", ""), project("d", "glptt_canary", "not_shown"),
		project("e", "", ""), {}, project("a", "TOKEN_DEV", "$TOKEN"),
	}
	bad[6].Paths = []string{"../x"}
	want := []string{
		`project "e": secret is missing`,
		"project #6: name: it is missing", "project #6: url: it is missing", "project #6: secret is missing",
		`project "a": api: want the name of an environment variable`, `project "a": paths: "../x" leaves the root`,
		`project "a": the name is also that of project #1`, `project "a": the url is also that of project #1`,
		`project "a": secret: the environment variable UNSET is not set`, `project "a": api: the environment variable API_UNSET is not set`,
		`project "b": secret: the environment variable EMPTY is empty`, `project "b": api: the environment variable BLANK is empty`,
		`project "c": secret: the environment variable SPLIT holds characters that no token has`,
		`project "d": secret: the environment variable it names is empty`, `project "d": api: the environment variable it names is not set`,
	}
	if diff := cmp.Diff(want, texts(t, deploy.Check(bad, lookup))); diff != "" {
		t.Error(diff)
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	const end = "/trigger/pipeline"
	tests := []struct{ url, base, project string }{
		{address, "https://gitlab.example", "19"},
		{"https://gitlab.example/sub/api/v4/projects/19" + end, "https://gitlab.example/sub", "19"},
		{"http://127.0.0.1:8080/a/b/api/v4/projects/group%2Fsub%2fname.x" + end + "/", "http://127.0.0.1:8080/a/b", "group/sub/name.x"},
		{"https://h.example/api/v4/projects/group%2Fname%2Ewith-dot_" + end, "https://h.example", "group/name.with-dot_"},
		{"https://h.example/api/v4/api/v4/projects/1" + end, "https://h.example/api/v4", "1"},
		{url: ""}, {url: "gitlab.example/api/v4/projects/1" + end}, {url: "ftp://h.example/api/v4/projects/1" + end},
		{url: "https:///api/v4/projects/1" + end}, {url: "https://me@h.example/api/v4/projects/1" + end},
		{url: address + "?token=x"}, {url: address + "?"}, {url: address + "#x"}, {url: address + "#"}, {url: "https://h.example/api/v3/projects/1" + end},
		{url: "https://h.example/api/v4/projects/group/name" + end}, {url: "https://h.example/api/v4/projects/1/pipeline"},
		{url: "https://h.example/api/v4/projects/1/ref/main" + end}, {url: "https://h.example/api/v4/projects/name" + end},
		{url: "https://h.example/api/v4/projects/0" + end}, {url: "https://h.example/api/v4/projects/1234567890123456789" + end},
		{url: "https://h.example/api/v4/projects/..%2Fname" + end}, {url: "https://h.example/api/v4/projects/a%2F%2Fb" + end},
		{url: "https://h.example/api/v4/projects/a%252Fb" + end}, {url: "https://h.example/api/v4/projects/a%2F..%2Fb%2Fc" + end},
		{url: "https://h.example/x/../y/api/v4/projects/1" + end}, {url: "https://h.example//api/v4/projects/1" + end},
		{url: "https://h.example/s%20b/api/v4/projects/1" + end}, {url: "https://h.example/api/v4/projects/${ID}" + end}, {url: "%zz"},
	}
	for _, tt := range tests {
		base, project, err := deploy.Project{URL: tt.url}.Endpoint()
		if base != tt.base || project != tt.project || (err != nil) != (tt.base == "") {
			t.Errorf("%s: %q, %q, %v", tt.url, base, project, err)
		}
		if err != nil && (strings.Contains(err.Error(), "example") || strings.Contains(err.Error(), "token=")) {
			t.Errorf("%s is repeated in %v", tt.url, err)
		}
	}
}

func TestConsumes(t *testing.T) {
	t.Parallel()
	targets, extra := []string{"values.yaml", "odd[.yaml"}, []string{"cluster.yaml", "shared/"}
	tests := []struct {
		paths   []string
		changed string
		want    bool
	}{
		{nil, "values.yaml", true}, {nil, "./values.yaml", true}, {nil, "odd[.yaml", true}, {nil, "cluster.yaml", true}, {nil, "shared/a/b", true},
		{nil, "sharedx", false}, {nil, "README.md", false}, {nil, "a/values.yaml", false}, {nil, "values.yaml.bak", false},
		{[]string{"x.yaml"}, "values.yaml", false}, {[]string{"x.yaml"}, "x.yaml", true}, {[]string{"./x.yaml"}, "x.yaml", true},
		{[]string{"dir"}, "dir/a/b", true}, {[]string{"dir/"}, "dir/a", true}, {[]string{"dir/"}, "dirs/a", false}, {[]string{"."}, "any/file", true},
		{[]string{"*.yaml"}, "x.yaml", true}, {[]string{"*.yaml"}, "a/x.yaml", false}, {[]string{"**/*.yaml"}, "x.yaml", true},
		{[]string{"**/*.yaml"}, "a/b/x.yaml", true}, {[]string{"a/**/x.yaml"}, "a/x.yaml", true}, {[]string{"a/**/x.yaml"}, "a/b/c/x.yaml", true},
		{[]string{"a/**/x.yaml"}, "b/x.yaml", false}, {[]string{"a/**"}, "a/b/c", true}, {[]string{"a/*/"}, "a/b/c/d", true}, {[]string{"a/*/"}, "b/c", false},
		{[]string{"a/?.yaml", "q"}, "q", true}, {[]string{"["}, "x", false}, {[]string{""}, "x", false}, {[]string{"{{x}}/[ab].yaml"}, "{{x}}/b.yaml", true},
		{[]string{strings.Repeat("**/", 200) + "x"}, strings.Repeat("a/", 200) + "y", false},
	}
	for _, tt := range tests {
		p := deploy.Project{Paths: tt.paths}
		if got := p.Consumes([]string{"unrelated/file.md", tt.changed}, targets, extra); got != tt.want {
			t.Errorf("%v consumes %s: %t", tt.paths, tt.changed, got)
		}
	}
	if (deploy.Project{}).Consumes(nil, targets, extra) {
		t.Error("nothing changed, and something is consumed")
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	got := deploy.Request{Ref: "main", Message: "Bump [skip ci]\n\nbody", CommitURL: "https://github.com/o/r/commit/1"}.Variables()
	want := map[string]string{"CD_UPDATE_PROFILE": "true", "CD_MESSAGE": "Bump (skip ci)", "CD_COMMIT_URL": "https://github.com/o/r/commit/1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "[]", "null", `[{"name":"dev","secret":"S","url":"` + address + `"}]`, `[{"paths":["a/**/[b]","../x"],"name":"\u0000"}]`, `[[],{},1]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		projects, err := deploy.Parse(data)
		if err != nil {
			texts(t, err)
			return
		}
		set := func(string) (string, bool) { return "token", true }
		if err := deploy.Check(projects, set); err != nil {
			t.Errorf("parsed, but %v", err)
		}
		for _, p := range projects {
			if base, id, err := p.Endpoint(); err != nil || base == "" || id == "" {
				t.Errorf("no endpoint: %v", err)
			}
			p.Consumes([]string{"a/b.yaml"}, nil, nil)
		}
	})
}
