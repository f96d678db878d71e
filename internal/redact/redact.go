// Package redact removes secrets from texts. It promises: a secret that was added is found as it is, in base64 (also
// inside a longer encoded text), as URLs, JSON and HTML write it, and as several of these do one over the other; what is
// left of a JSON text is JSON; a text without secrets comes out as it went in. What is too short or too plain to be told
// from other text (Findable) is not looked for. Which values are secret, and which texts leave the process, is its
// caller's business.
package redact

import (
	"strings"
	"sync"
	"unicode"
)

// Mark stands where a secret was.
const Mark = "***"

const (
	// minSecret is the length in bytes below which a text is too common to be looked for, minPlain the length below
	// which it has to hold more than one kind of character.
	minSecret, minPlain = 8, 16
	// minIssued is the length below which a token that a server made up is not believed to be one.
	minIssued = 32
)

// Redactor knows secrets. It is safe for concurrent use; a nil one knows none.
type Redactor struct {
	mu sync.RWMutex
	// known are the secrets that were added, and loosely those that servers issued.
	known table
}

// New returns a Redactor that knows the secrets.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	r.Add(secrets...)
	return r
}

// Findable reports whether a text can be told from others: it has at least 8 bytes, and, below 16, more than one of
// lower case, upper case, digits and other characters. A shorter or plainer one would be found in ordinary words.
func Findable(secret string) bool {
	secret = strings.TrimSpace(secret)
	return len(secret) >= minPlain || len(secret) >= minSecret && kinds(secret) > 1
}

// kinds counts the kinds of characters of a text.
func kinds(text string) int {
	seen := map[int]bool{}
	for _, r := range text {
		switch {
		case unicode.IsLower(r):
			seen[0] = true
		case unicode.IsUpper(r):
			seen[1] = true
		case unicode.IsDigit(r):
			seen[2] = true
		default:
			seen[3] = true
		}
	}
	return len(seen)
}

// Add makes the secrets known; of one with several lines each line is one.
func (r *Redactor) Add(secrets ...string) {
	if r == nil {
		return
	}
	for _, secret := range secrets {
		for _, one := range parts(secret) {
			r.add(one, false)
		}
	}
}

func (r *Redactor) add(secret string, loose bool) {
	r.mu.RLock()
	old := r.known.has(secret, loose)
	r.mu.RUnlock()
	if old {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known.add(secret, loose)
}

// parts are the texts to look for: the secret without the space around it, and its lines when it has several.
func parts(secret string) []string {
	secret = strings.TrimSpace(secret)
	if !Findable(secret) {
		return nil
	}
	found := []string{secret}
	if strings.ContainsAny(secret, "\r\n") {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); len(line) >= minPlain && !strings.HasPrefix(line, "-----") {
				found = append(found, line)
			}
		}
	}
	return found
}

// Issued makes a token known that a server handed out. It is removed from texts, but Holds and Known do not look for it:
// a server that hands out other people's words must not change what is written. What does not look like a token is not
// looked for at all.
func (r *Redactor) Issued(token string) {
	if r == nil || len(token) < minIssued || kinds(token) < 3 || strings.ContainsAny(token, "/: ") {
		return
	}
	r.add(token, true)
}

// Text returns the text with Mark in the place of each secret.
func (r *Redactor) Text(text string) string {
	if r == nil {
		return text
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.known.replace(text, true)
}

// Known is Text for the secrets that were added alone.
func (r *Redactor) Known(text string) string {
	if r == nil {
		return text
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.known.replace(text, false)
}

// Holds reports whether a text holds a secret that was added.
func (r *Redactor) Holds(text string) bool {
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.known.spans(text, false)) > 0
}
