package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/redact"
)

// hostile are secrets with what is escaped somewhere; a password may hold anything.
var hostile = []string{
	"glptt-0123456789abcdef", `p%40ss"w\ord&<x>'+/`, "pass word with spaces 1", "n0tes\\and\tmore", "schlüssel-ж-🔑-9", `a\u0041b%2541&amp;c1`,
	"ghp_" + strings.Repeat("aB3", 12), "-dash.and~tilde!(1)*", "abc=def==12", `ends with \`,
}

// encoders are the ways in which a text may be written.
var encoders = map[string]func(string) string{
	"plain": func(s string) string { return s },
	"query": url.QueryEscape, "path": url.PathEscape,
	"json": func(s string) string { b, _ := json.Marshal("x " + s); return string(b) },
	"ascii": func(s string) string {
		var b strings.Builder
		for _, r := range s {
			if r > 0xFFFF {
				r -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
				continue
			}
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		return b.String()
	},
	"quoted": func(s string) string { return fmt.Sprintf("%q", s) },
	"html":   html.EscapeString, "template": template.HTMLEscapeString,
	"cell": func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, "&#%d;", r)
		}
		return b.String()
	},
	"percent": func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, "%%%02x", c)
		}
		return b.String()
	},
	"base64":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64url":  func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"basic auth": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s)) },
	"base64 in":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("ab" + s + "tail")) },
}

// left reports how much of a secret a text shows: in plain, or where what is left of its base64 begins or ends.
func left(text, secret string, encode func(string) string) bool {
	whole := encode(secret)
	middle := whole[len(whole)/3 : len(whole)*2/3]
	return strings.Contains(text, secret) || strings.Contains(text, middle)
}

func TestText(t *testing.T) {
	t.Parallel()
	for name, encode := range encoders {
		for _, secret := range hostile {
			r := redact.New("other-secret-1", secret, "another-secret-2")
			in := "before " + encode(secret) + " after " + encode(secret)
			got := r.Text(in)
			if left(got, secret, encode) || !strings.HasPrefix(got, "before ") || !strings.Contains(got, " after ") || !strings.Contains(got, redact.Mark) {
				t.Errorf("%s of %q: %q became %q", name, secret, in, got)
			}
			if !r.Holds(in) || r.Holds(got) {
				t.Errorf("%s of %q: Holds is wrong", name, secret)
			}
		}
	}
}

// TestTwice writes a text in two ways, one over the other.
func TestTwice(t *testing.T) {
	t.Parallel()
	secret := `gl-pass"w&rd+42`
	r := redact.New(secret)
	for a, inner := range encoders {
		for b, outer := range encoders {
			if strings.HasPrefix(b, "base64") || b == "basic auth" {
				continue // encoded again it is another text
			}
			in := "x " + outer(inner(secret)) + " y"
			if got := r.Text(in); !strings.Contains(got, redact.Mark) || len(got) > 110 {
				t.Errorf("%s in %s: %q became %q", a, b, in, got)
			}
		}
	}
}

// TestJSON shows that a text in JSON stays JSON.
func TestJSON(t *testing.T) {
	t.Parallel()
	for _, secret := range append(hostile, "nabcdef12345678", "u0026and-more-1") {
		r := redact.New(secret)
		for _, value := range []string{secret, "a" + secret, secret + "b", "\n" + secret[1:], `\` + secret, "\n" + secret, `"` + secret + `"`, secret + secret} {
			for _, escapeHTML := range []bool{true, false} {
				var b strings.Builder
				enc := json.NewEncoder(&b)
				enc.SetEscapeHTML(escapeHTML)
				_ = enc.Encode(map[string]string{"key": value, "other": "stays"})
				got := r.Text(b.String())
				var back map[string]string
				if err := json.Unmarshal([]byte(got), &back); err != nil || back["other"] != "stays" || strings.Contains(back["key"], secret) {
					t.Errorf("%q with %q became %s: %v", b.String(), secret, got, err)
				}
			}
		}
	}
}

// TestFindable holds the rule: what is short or plain is no secret that could be told from other text.
func TestFindable(t *testing.T) {
	t.Parallel()
	for _, plain := range []string{"", "a", "true", "main", "1234", "v1.2.3", "manifest", "password", "12345678", "MANIFESTS", "tokens\n", "outcomes"} {
		r := redact.New(plain)
		if text := `{"outcomes": [{"manifest": "password", "main": true, "n": 123456789, "v": "v1.2.3"}]}`; r.Text(text) != text || redact.Findable(plain) {
			t.Errorf("%q destroys the output: %s", plain, r.Text(text))
		}
	}
	for _, secret := range []string{"s3cret-1", "Password", "pass word", "correcthorsebatterystaple", "1234567890123456"} {
		if !redact.Findable(secret) || redact.New(secret).Text("is "+secret) != "is ***" {
			t.Errorf("%q is not removed", secret)
		}
	}
}

// TestLines finds each line of a secret of several, and one that has a line break at its end.
func TestLines(t *testing.T) {
	t.Parallel()
	r := redact.New("token-with-newline-1\n", "-----BEGIN KEY-----\nMIIEabcdefghijkl0123\nMIIEabcdefghijkl4567\n-----END KEY-----\n")
	for in, want := range map[string]string{
		"a token-with-newline-1 b": "a *** b", "x MIIEabcdefghijkl4567 y": "x *** y", "-----BEGIN KEY-----": "-----BEGIN KEY-----",
		"a\\nMIIEabcdefghijkl0123\\nb": `a\n***\nb`,
	} {
		if got := r.Text(in); got != want {
			t.Errorf("%q: want %q, have %q", in, want, got)
		}
	}
}

// TestIssued shows what a server can make unknown by handing it out as a token.
func TestIssued(t *testing.T) {
	t.Parallel()
	r := redact.New()
	token := "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl-1_2"
	for _, text := range []string{token, "short-Token-1", "ghcr.io/mojaloop/central-ledger:v1.2.3-Snapshot", strings.Repeat("ab12", 16), "mojaloop-payment-manager-frontend"} {
		r.Issued(text)
	}
	if got := r.Text("is " + token); got != "is ***" || r.Holds(token) || r.Known(token) != token {
		t.Errorf("have %q", got)
	}
	for _, text := range []string{"short-Token-1", "ghcr.io/mojaloop/central-ledger:v1.2.3-Snapshot", strings.Repeat("ab12", 16), "mojaloop-payment-manager-frontend"} {
		if r.Text(text) != text {
			t.Errorf("%q is gone", text)
		}
	}
}

// TestWriter writes a secret in pieces, at every place.
func TestWriter(t *testing.T) {
	t.Parallel()
	secret := `tok"en-0123456789`
	for name, encode := range encoders {
		text := "one\ntwo " + encode(secret) + " three\nfour"
		want := redact.New(secret).Text(text)
		for at := range len(text) + 1 {
			var b strings.Builder
			w := redact.New(secret).Writer(&b)
			for _, piece := range []string{text[:at], text[at:]} {
				if n, err := w.Write([]byte(piece)); err != nil || n != len(piece) {
					t.Fatal(n, err)
				}
			}
			if err := w.Flush(); err != nil || b.String() != want {
				t.Fatalf("%s at %d: want %q, have %q", name, at, want, b.String())
			}
		}
	}
}

// TestWriterOfALongLine does not keep back a line without end, and splits no secret where it lets go.
func TestWriterOfALongLine(t *testing.T) {
	t.Parallel()
	const secret = "tok-0123456789"
	var b strings.Builder
	w := redact.New(secret).Writer(&b)
	for i := range 1 << 12 {
		fmt.Fprintf(w, "%s%s", strings.Repeat("x", 977+i%7), secret)
	}
	if b.Len() == 0 {
		t.Error("nothing was passed on")
	}
	_ = w.Flush()
	if strings.Contains(b.String(), "tok-") || strings.Count(b.String(), redact.Mark) != 1<<12 {
		t.Errorf("%d marks", strings.Count(b.String(), redact.Mark))
	}
}

func TestNil(t *testing.T) {
	t.Parallel()
	var r *redact.Redactor
	r.Add("abc-12345678")
	r.Issued("abc-12345678")
	if r.Text("abc-12345678") != "abc-12345678" || r.Known("x") != "x" || r.Holds("abc-12345678") {
		t.Error("a nil Redactor knows something")
	}
}

func FuzzText(f *testing.F) {
	f.Add("a %41 \\u0041 &amp; tok-0123456789", "tok-0123456789")
	f.Fuzz(func(t *testing.T, text, secret string) {
		r := redact.New(secret, "fixed-secret-42")
		got := r.Text(text)
		if redact.Findable(secret) && strings.Contains(got, strings.TrimSpace(secret)) && !strings.Contains(strings.TrimSpace(secret), redact.Mark) {
			// what stands around a mark may make the secret anew only when it holds a mark itself
			t.Errorf("%q with %q became %q", text, secret, got)
		}
		if strings.Contains(got, "fixed-secret-42") || utf8.ValidString(text) && utf8.ValidString(secret) && !utf8.ValidString(got) {
			t.Errorf("%q with %q became %q", text, secret, got)
		}
	})
}

// BenchmarkText cleans what a large run prints, with as many secrets as a large profile has.
func BenchmarkText(b *testing.B) {
	r := redact.New()
	for i := range 60 {
		r.Add(fmt.Sprintf("glptt-%032x", i*7919))
		r.Issued(fmt.Sprintf("eyJhbGciOiJSUzI1NiJ9.%X.sig%x", strings.Repeat("x", 200), i))
	}
	line := `  {"manifest": "central-ledger", "target": "image", "file": "values.yaml", "detail": "docker.io/mojaloop/central-ledger: \"v1.2.3\" & more"},` + "\n"
	for name, text := range map[string]string{"json": strings.Repeat(line, 7000), "plain": strings.Repeat(strings.ReplaceAll(strings.ReplaceAll(line, `\`, ""), "&", "+"), 7000)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_ = r.Text(text)
			}
		})
	}
}

// BenchmarkAdd makes the secrets of a large profile known, as every run does at its start.
func BenchmarkAdd(b *testing.B) {
	for b.Loop() {
		r := redact.New()
		for i := range 60 {
			r.Add(fmt.Sprintf("glptt-%032x", i*7919))
		}
	}
}
