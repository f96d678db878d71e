package registry

import (
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// challengeOf returns the first challenge of an answer that can be met, Basic or Bearer; nil when there is none.
func challengeOf(header http.Header) *transport.Challenge {
	for _, text := range header.Values("WWW-Authenticate") {
		all := challenges(text)
		i := slices.IndexFunc(all, func(c *transport.Challenge) bool { return c.Scheme == "basic" || c.Scheme == "bearer" })
		if i >= 0 {
			return all[i]
		}
	}
	return nil
}

// challenges reads one WWW-Authenticate header (RFC 9110, 11.6.1): schemes, each with parameters, and commas between
// both. A word that no equals sign follows is a scheme. Names are in lower case.
func challenges(text string) []*transport.Challenge {
	var all []*transport.Challenge
	for {
		text = strings.TrimLeft(text, " \t,")
		if text == "" {
			return all
		}
		end := strings.IndexAny(text, " \t,=")
		if end < 0 {
			end = len(text)
		}
		word := strings.ToLower(text[:end])
		text = strings.TrimLeft(text[end:], " \t")
		if !strings.HasPrefix(text, "=") {
			all = append(all, &transport.Challenge{Scheme: word, Parameters: map[string]string{}})
			continue
		}
		var value string
		value, text = parameterValue(strings.TrimLeft(text[1:], " \t"))
		if len(all) > 0 && word != "" {
			all[len(all)-1].Parameters[word] = value
		}
	}
}

// parameterValue cuts a word or a text in quotes, with what follows it.
func parameterValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t,")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}
