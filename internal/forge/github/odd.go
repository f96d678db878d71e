package github

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/pawl-cd/pawl/internal/httpx"
)

// odd is an answer that says yes and does not hold what it should: `null`, nothing at all, another type. A proxy or a
// failing host sends such; nothing may be concluded from what is missing.
type odd struct{ what string }

const oddHint = "something else than GitHub's API may be answering: check the proxy, and GITHUB_API_URL where it is set, and run again"

// Error says what is missing.
func (o *odd) Error() string { return "the answer holds no " + o.what }

// Unwrap returns the kind of failure.
func (o *odd) Unwrap() error { return httpx.ErrMalformed }

// lacks is an odd answer when something is missing, else nil.
func lacks(missing bool, what string) error {
	if missing {
		return &odd{what}
	}
	return nil
}

// undecodable turns the decoder's words for another type, or for half an answer, into an odd answer.
func undecodable(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	if errors.As(err, &kind) || errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &odd{"JSON of the kind that GitHub sends"}
	}
	return err
}
