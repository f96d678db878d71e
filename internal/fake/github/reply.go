package github

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// obj is a JSON object.
type obj = map[string]any

// reply is an answer before it is written.
type reply struct {
	status int
	header http.Header
	body   any    // nil: no body
	raw    []byte // instead of a body: what is no JSON
}

// answer is a reply as bytes.
type answer struct {
	status int
	header http.Header
	data   []byte
	drop   bool
	// invented is a success that a Fault made up.
	invented bool
}

func ok(body any) reply      { return reply{status: http.StatusOK, body: body} }
func created(body any) reply { return reply{status: http.StatusCreated, body: body} }
func noContent() reply       { return reply{status: http.StatusNoContent} }

func fail(status int, message string) reply {
	return reply{status: status, body: obj{
		"message": message, "documentation_url": docs, "status": strconv.Itoa(status),
	}}
}

func notFound() reply                    { return fail(http.StatusNotFound, "Not Found") }
func unprocessable(message string) reply { return fail(http.StatusUnprocessableEntity, message) }
func broken(err error) reply             { return fail(http.StatusInternalServerError, err.Error()) }
func custom(text string) obj {
	return obj{"resource": "PullRequest", "code": "custom", "message": text}
}
func field(resource, name, code string) obj {
	return obj{"resource": resource, "field": name, "code": code}
}

// invalid is GitHub's "Validation Failed" with its list of errors.
func invalid(errors ...obj) reply {
	out := unprocessable("Validation Failed")
	out.body.(obj)["errors"] = errors
	return out
}

func (r reply) encode() answer {
	out := answer{status: r.status, header: http.Header{}}
	for name, values := range r.header {
		out.header[name] = values
	}
	if r.body == nil {
		out.data = r.raw
		return out
	}
	data, err := json.Marshal(r.body)
	if err != nil {
		return broken(err).encode()
	}
	out.data = data
	out.header.Set("Content-Type", "application/json; charset=utf-8")
	return out
}

func zone(hours int) *time.Location { return time.FixedZone("", hours*3600) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stampOrNil is null for a time that has not come.
func stampOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// textOrNil is null for no text.
func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
