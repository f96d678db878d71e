package edit

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestTextFind finds the value in texts of all kinds, as matchpattern alone and with what Updatecli replaces a match by.
func TestTextFind(t *testing.T) {
	t.Parallel()
	const none = "none"
	for name, c := range map[string]struct{ text, expression, before, after, want, place string }{
		"one group":              {"FROM a:1\r\nRUN x\r\nFROM org/web:1.2.3-alpine\r\n", `FROM org/web:([\w.-]+)`, none, "", "1.2.3-alpine", "3:14"},
		"env file":               {"A=1\nWEB_VERSION=\"1.2.3\"\n", `(?m)^WEB_VERSION="?([^"\s]+)`, none, "", "1.2.3", "2:14"},
		"no last newline":        {"version = 1.2.3", `version = (\S+)$`, none, "", "1.2.3", "1:11"},
		"byte order mark":        {"\ufeffv: 1.2.3\n", `v: (\S+)`, none, "", "1.2.3", "1:5"},
		"behind other letters":   {"größe: 1.2.3\n", `größe: (\S+)`, none, "", "1.2.3", "1:8"},
		"nothing there yet":      {"TAG=\n", `TAG=(\S*)`, none, "", "", "1:5"},
		"text before":            {"    image: host/a-b:v1\n", "image: host/a-b:.*", "image: host/a-b:", "", "v1", "1:21"},
		"text around":            {"x: \"v1\"\n", `x: ".*"`, `x: "`, `"`, "v1", "1:5"},
		"group before":           {"FROM node:18.1\n", `(FROM node:).*`, "${1}", "", "18.1", "1:11"},
		"groups around":          {"a=1.2 # x\n", `(a=)(\S+)( # x)`, "$1", "${3}", "1.2", "1:3"},
		"two matches":            {"v1\nv2\n", `v(\d)`, none, "", "error: 2:1", ""},
		"no match":               {"v1\n", `w(\d)`, none, "", "error: 1:1", ""},
		"a sentence":             {"# version one two\n", `version (.*)`, none, "", "error: 1:11", ""},
		"another text before":    {"image: hostXa:v1\n", "image: host.a:.*", "image: host.a:", "", "error: 1:1", ""},
		"group not at the start": {"ab1\n", `a(b)1`, "$1", "", "error: 1:1", ""},
		"overlapping texts":      {"aa\n", `aa`, "aa", "a", "error: 1:1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := ParseText("f", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var p Pattern
			if c.before == none {
				p, err = ParsePattern(c.expression)
			} else {
				p, err = ParseReplacement(c.expression, c.before, c.after)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := text.Find(p)
			if place, failed := strings.CutPrefix(c.want, "error: "); failed {
				if err == nil || !strings.HasPrefix(err.Error(), "f:"+place+": ") {
					t.Errorf("%+v, %v", s, err)
				}
				return
			}
			if err != nil || s.Value != c.want || c.place != "" && c.place != fmt.Sprintf("%d:%d", s.Line, s.Column) {
				t.Fatalf("%q at %d:%d, %v", s.Value, s.Line, s.Column, err)
			}
			after, err := text.Apply([]Edit{{s, "9.8.7"}})
			if err != nil || string(after) != c.text[:s.from]+"9.8.7"+c.text[s.to:] {
				t.Errorf("%q, %v", after, err)
			}
		})
	}
}

// TestTextApply makes several edits at once, and none that leaves its place.
func TestTextApply(t *testing.T) {
	t.Parallel()
	text, _ := ParseText("f", []byte("a=1 b=2\n"))
	find := func(expression string) Scalar {
		p, err := ParsePattern(expression)
		if err != nil {
			t.Fatal(err)
		}
		s, err := text.Find(p)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b, both := find(`a=(\d+)`), find(`b=(\d+)`), find(`a=1 b=(\d+)`)
	for name, c := range map[string]struct {
		edits []Edit
		want  string
	}{
		"two":                         {[]Edit{{b, "22"}, {a, "11"}}, "a=11 b=22\n"},
		"one twice":                   {[]Edit{{a, "11"}, {a, "11"}}, "a=11 b=2\n"},
		"none":                        {nil, "a=1 b=2\n"},
		"one place, two texts":        {[]Edit{{b, "3"}, {both, "4"}}, ""},
		"a line break":                {[]Edit{{a, "1\n"}}, ""},
		"a space":                     {[]Edit{{a, "1 2"}}, ""},
		"a quote":                     {[]Edit{{a, `1"`}}, ""},
		"nothing":                     {[]Edit{{a, ""}}, ""},
		"not found again":             {[]Edit{{a, "x"}}, ""},
		"the other pattern loses its": {[]Edit{{a, "7"}, {both, "8"}}, ""},
		"of another file":             {[]Edit{{Scalar{}, "1"}}, ""},
	} {
		got, err := text.Apply(c.edits)
		if string(got) != c.want && c.want != "" || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{"(", "a", "(a)(b)", "(a*)", strings.Repeat("a", 2000)} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%.20q is accepted", bad)
		}
	}
	for _, bad := range [][2]string{{"$2", ""}, {"a$1", ""}, {"$0", ""}} {
		if _, err := ParseReplacement("(a)b", bad[0], bad[1]); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestTextSealed leaves what SOPS guards alone, in files that are no YAML.
func TestTextSealed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"TAG=1.0\nsops_mac=ENC[AES256_GCM,data:x]\nsops_version=3\n":                       true,
		"TAG=1.0\nsops_mac=ENC[AES256_GCM,data:x]\nsops_mac_only_encrypted=true\n":         false,
		"{\"tag\": \"1.0\",\n \"sops\": {\n  \"mac\": \"ENC[AES256_GCM,data:x]\"\n }\n}\n": true,
		"[image]\ntag = 1.0\n[sops]\nmac                = ENC[AES256_GCM,data:x]\n":        true,
		"TAG=1.0\n# sops is not used here\n":                                               false,
	} {
		f, err := ParseText("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, sealed := f.Sealed(); sealed != want {
			t.Errorf("%q: %v", text, sealed)
		}
	}
}

// FuzzText edits the one match of an expression in any text: all other bytes stay, or nothing is written.
func FuzzText(f *testing.F) {
	for _, seed := range [][3]string{{"FROM a:1.2\n", `a:(\S+)`, "1.3"}, {"\ufeffx=1\r\n", `(?m)x=(\d*)$`, "22"}, {"ä\u2028a1", `a(.)`, "b"}, {"aaa", "a(a)?", "x"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, data, expression, value string) {
		p, err := ParsePattern(expression)
		if err != nil {
			return
		}
		text, err := ParseText("f", []byte(data))
		if err != nil {
			return
		}
		s, err := text.Find(p)
		if err != nil {
			return
		}
		after, err := text.Apply([]Edit{{s, value}})
		if err != nil {
			return
		}
		if !bytes.Equal(after, []byte(data[:s.from]+value+data[s.to:])) || !regexp.MustCompile(`^[\w.+@:/-]+$`).MatchString(value) {
			t.Fatalf("%q became %q", data, after)
		}
	})
}
