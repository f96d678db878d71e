package httpx

import (
	"net/http"
	"strings"
)

// Link is one entry of a Link header (RFC 8288).
type Link struct {
	// Target is the reference as written, which may be relative.
	Target string
	// Rel are the relations in lower case, nil where the parameter is absent.
	Rel []string
}

// Is reports whether the link has one of the relations.
func (l Link) Is(relations ...string) bool {
	for _, have := range l.Rel {
		for _, want := range relations {
			if have == want {
				return true
			}
		}
	}
	return false
}

// Links reads the Link headers of an answer, leaving out what is none.
func Links(header http.Header) []Link {
	var all []Link
	for _, text := range header.Values("Link") {
		for {
			_, rest, ok := strings.Cut(text, "<")
			if !ok {
				break
			}
			target, after, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			own, after := parameters(after)
			if target != "" {
				all = append(all, Link{Target: target, Rel: relations(own)})
			}
			text = after
		}
	}
	return all
}

// parameters cuts what belongs to one link from what follows it: at the first comma that is not inside quotes.
func parameters(text string) (own, rest string) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// relations reads the parameter rel, which may hold several words.
func relations(own string) []string {
	for _, p := range strings.Split(own, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), "rel") {
			return strings.Fields(strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`)))
		}
	}
	return nil
}
