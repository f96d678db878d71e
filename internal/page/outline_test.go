package page_test

import (
	"html"
	"regexp"
	"strings"
)

var (
	// left out are the style sheet, drawings, numbers that are hidden at first, and the events as JSON, which have golden texts of their own.
	leftOut = regexp.MustCompile(`(?s)<style>.*</style>|<svg.*?</svg>|<span class="time time-(?:month|quarter|year)">[^<]*</span>|<pre[^>]*"The events as they are told".*?</pre>`)
	anyTag  = regexp.MustCompile(`<(/?)([a-z0-9]+)([^>]*)>`)
	target  = regexp.MustCompile(`href="([^"]*)"`)
	label   = regexp.MustCompile(`aria-label="([^"]*)"`)
	spaces  = regexp.MustCompile(`[ \t]+`)
)

// outline is what a page says: one line for each block, after the block's name, with the addresses of links.
func outline(page []byte) string {
	text := leftOut.ReplaceAllString(string(page), " ")
	text = strings.ReplaceAll(text, "\n", " ")
	text = anyTag.ReplaceAllStringFunc(text, func(t string) string {
		m := anyTag.FindStringSubmatch(t)
		switch m[2] {
		case "a":
			if m[1] == "/" {
				return "]"
			}
			return "[" + target.FindStringSubmatch(m[3])[1] + " "
		case "title", "header", "nav", "main", "section", "footer", "h1", "h2", "h3", "h4", "p", "li", "dt", "dd", "caption", "tr", "summary", "pre", "details", "br", "table":
			if m[1] == "/" {
				return "\n"
			}
			said := ""
			if l := label.FindStringSubmatch(m[3]); l != nil {
				said = " (" + l[1] + ")"
			}
			return "\n" + m[2] + said + ": "
		case "th", "td":
			if m[1] == "/" {
				return ""
			}
			return " | "
		}
		return ""
	})
	var out strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(line), " "))
		if line != "" && line != "br:" {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}
