// Package page renders pages for people: what one run did (Run), how versions moved over many runs (History, Shadow), and how a
// profile stands (Status). A page is one HTML document that loads nothing, runs no script and says so in its Content-Security-Policy, so that it can be
// opened from a disk, attached to a build or sent to somebody. Everything that a report holds is untrusted: it comes out as
// text, and only an http or https address becomes a link. The same report makes the same bytes; reading reports and
// writing pages is left to the command line.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/run"
)

//go:embed style.css page.tmpl run.tmpl history.tmpl status.tmpl fleet.tmpl shadow.tmpl
var files embed.FS

// style is what every page looks like.
var style = sync.OnceValue(func() string {
	css, err := files.ReadFile("style.css")
	if err != nil {
		return "" // it is embedded
	}
	return string(css)
})

// policyText is the Content-Security-Policy of every page: nothing but its own style sheet.
var policyText = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(style()))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
})

// pages are the templates. Like all that is made here once, they are made when a page is: most commands write none.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"t": visible, "parts": parts, "long": visibleLines, "safe": link, "short": shortSHA, "took": took, "when": when, "stamp": stamp,
		"minute": minute, "n": count, "tone": outcomeTone, "thousands": thousands, "add": func(n int) int { return n + 1 },
	}).ParseFS(files, "*.tmpl"))
})

// Failure is what ended a run early, in words for people; its zero value is a run that came to its end.
type Failure struct{ Message, Hint string }

// Run renders the page of one run or deployment.
func Run(r run.Report, failure Failure) ([]byte, error) {
	v := newRunView(r, failure)
	return page("run", v.Title, v)
}

// Page renders the history.
func (h History) Page() ([]byte, error) {
	v := newHistoryView(h)
	return page("history", v.Title, v)
}

// page renders a template inside the frame that all pages have.
func page(name, title string, view any) ([]byte, error) {
	var body bytes.Buffer
	if err := pages().ExecuteTemplate(&body, name, view); err != nil {
		return nil, fmt.Errorf("rendering the page: %w", err)
	}
	var out bytes.Buffer
	frame := struct {
		Title, Policy string
		Style         template.CSS
		Body          template.HTML
	}{title, policyText(), template.CSS(style()), template.HTML(body.String())} //nolint:gosec // both come from our own templates
	if err := pages().ExecuteTemplate(&out, "page", frame); err != nil {
		return nil, fmt.Errorf("rendering the page: %w", err)
	}
	return tidy(out.Bytes()), nil
}

// tidy removes the lines that templates leave empty. Text that people read has its line breaks as elements of their own, so
// no content is lost.
func tidy(html []byte) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(html)) {
		if strings.TrimSpace(line) != "" {
			out.WriteString(line)
		}
	}
	return out.Bytes()
}
