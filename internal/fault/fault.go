// Package fault is what a person needs besides the text of an error: a hint that can be followed, and the word that was
// probably meant. An error says what was being done, the cause and the place; the hint goes beside it, so that a caller may
// show it on a line of its own. Types that carry more than a text, such as a status, have a method Advice of their own.
package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// hinted is an error with a hint.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error itself.
func (h *hinted) Unwrap() error { return h.error }

// Advice returns the hint.
func (h *hinted) Advice() string { return h.hint }

// New returns an error as fmt.Errorf makes it, with a hint that says what a person can do.
func New(hint, format string, args ...any) error { return With(fmt.Errorf(format, args...), hint) }

// With adds a hint to an error; nil stays nil.
func With(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, hint}
}

// Hint returns the hint of the first error in a chain that can have one, empty when that has none.
func Hint(err error) string {
	if a, ok := errors.AsType[interface {
		error
		Advice() string
	}](err); ok {
		return a.Advice()
	}
	return ""
}

// DidYouMean is the hint that asks for the word that is near what was written, empty when there is none.
func DidYouMean(near string) string {
	if near == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", near)
}

// Nearest returns the word that was probably meant, empty when none is near.
func Nearest(have string, words []string) string {
	have = strings.ToLower(have)
	best, distance := "", len(have)
	for _, w := range words {
		allowed := min(len(have)/3, 3)
		if have[:min(1, len(have))] == w[:min(1, len(w))] {
			allowed++ // people rarely mistype the first letter
		}
		if n := Distance(have, strings.ToLower(w)); n <= allowed && n < distance {
			best, distance = w, n
		}
	}
	return best
}

// Distance counts the letters that have to be changed, added or taken away to make one word of another.
func Distance(a, b string) int { return levenshtein.ComputeDistance(a, b) }

// Guard is deferred around the call of a library that panics on some input: it makes an error of that, in the words of say.
func Guard(err *error, say func(cause any) error) {
	if cause := recover(); cause != nil {
		*err = say(cause)
	}
}
