package repository

import (
	"errors"
	"net/http"
	"strings"

	"github.com/pawl-cd/pawl/internal/git/remote"
)

// A Reason is why a repository said no to git, as far as its words tell; the list is closed.
type Reason string

// The reasons. Unclear is every other.
const (
	Unclear     Reason = ""
	BadToken    Reason = "bad-token"
	NotAllowed  Reason = "not-allowed"
	NotFound    Reason = "not-found"
	Renamed     Reason = "renamed"
	Archived    Reason = "archived"
	Protected   Reason = "protected"
	Unsigned    Reason = "unsigned"
	HookRefused Reason = "hook"
	NameTaken   Reason = "name-taken"
	TooLarge    Reason = "too-large"
)

// words tell a reason by what is said about a push, in lower case; the first that is said counts. Forges and hooks
// write them, no list of them exists.
func words() []struct {
	reason Reason
	texts  []string
} {
	return []struct {
		reason Reason
		texts  []string
	}{
		{Archived, []string{"archived", "read-only"}},
		{NotAllowed, []string{"permission denied", "not allowed to push code"}},
		{Unsigned, []string{"verified signature", "gh013", "must be signed", "signed commit"}},
		{Protected, []string{"protected branch", "protected ref", "gh006", "not allowed to push", "hidden ref", "not allowed to force push"}},
		{NameTaken, []string{"exists; cannot create", "directory/file conflict", "there are still refs under", "funny refname", "invalid refname"}},
		{TooLarge, []string{"exceeds maximum", "quota", "too large", "limit exceeded"}},
		{HookRefused, []string{"hook declined"}},
	}
}

// ReasonOf says why a request to git was refused; Unclear for what is no refusal.
func ReasonOf(err error) Reason {
	var no *remote.RefusedError
	if !errors.As(err, &no) {
		return Unclear
	}
	said := strings.ToLower(no.Texts())
	for _, w := range words() {
		for _, text := range w.texts {
			if strings.Contains(said, text) {
				return w.reason
			}
		}
	}
	switch {
	case no.Moved != "":
		return Renamed
	case no.Status == http.StatusUnauthorized:
		return BadToken
	case no.Status == http.StatusForbidden:
		return NotAllowed
	case no.Status == http.StatusNotFound:
		return NotFound
	case no.Status == http.StatusRequestEntityTooLarge:
		return TooLarge
	}
	return Unclear
}

// unknownObject reports that the other side has no such object.
func unknownObject(err error) bool {
	var no *remote.RefusedError
	return errors.As(err, &no) && strings.Contains(no.Texts(), "not our ref")
}

// passing reports whether a push that failed while no ref had moved may succeed when it is sent again: a lost race for a
// lock, an answer that got lost, or a fault of the server.
func passing(err error) bool {
	var no *remote.RefusedError
	if !errors.As(err, &no) {
		return true
	}
	return ReasonOf(err) == Unclear && (no.Status == 0 || no.Status >= http.StatusInternalServerError)
}
