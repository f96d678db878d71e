package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// rest is one exchange of the REST API.
type rest struct {
	route        *route
	request      *http.Request
	parameters   map[string]string
	body, answer []byte
	status       int
	header       http.Header
}

func options() *openapi3filter.Options {
	o := &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true}
	o.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		text := "/" + strings.Join(err.JSONPointer(), "/") + ": " + err.Reason
		var cause *openapi3.SchemaError
		if errors.As(err.Origin, &cause) {
			text += ": " + cause.Error()
		}
		return text
	})
	return o
}

func (r *rest) input() *openapi3filter.RequestValidationInput {
	request := r.request.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(r.body))
	return &openapi3filter.RequestValidationInput{
		Request: request, PathParams: r.parameters, QueryParams: request.URL.Query(), Route: &r.route.found, Options: options(),
	}
}

func (r *rest) checkRequest() []error {
	var problems []error
	if err := openapi3filter.ValidateRequest(r.request.Context(), r.input()); err != nil && !r.emptyPath(err) {
		problems = append(problems, fmt.Errorf("request: %w", err))
	}
	for name := range r.request.URL.Query() {
		if !r.describesQuery(name) {
			problems = append(problems, fmt.Errorf("request: query parameter %q is not described", name))
		}
	}
	return append(problems, r.checkProperties()...)
}

// emptyPath says whether an error is only about the root directory, whose path is empty.
func (r *rest) emptyPath(err error) bool {
	var wrong *openapi3filter.RequestError
	path, given := r.parameters["path"]
	return errors.As(err, &wrong) && wrong.Parameter != nil && wrong.Parameter.Name == "path" && given && path == ""
}

func (r *rest) describesQuery(name string) bool {
	operation := r.route.found.Operation.Parameters
	return operation.GetByInAndName("query", name) != nil || r.route.found.PathItem.Parameters.GetByInAndName("query", name) != nil
}

// checkProperties refuses top-level properties of the body that the description does not know.
func (r *rest) checkProperties() []error {
	var sent map[string]json.RawMessage
	if len(r.body) == 0 || json.Unmarshal(r.body, &sent) != nil {
		return nil
	}
	if r.route.found.Operation.RequestBody == nil {
		return []error{errors.New("request: a body is not described")}
	}
	media := r.route.found.Operation.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil
	}
	known := properties(media.Schema.Value, map[string]bool{})
	var problems []error
	for name := range sent {
		if !known[name] {
			problems = append(problems, fmt.Errorf("request: property %q is not described", name))
		}
	}
	return problems
}

func properties(schema *openapi3.Schema, known map[string]bool) map[string]bool {
	for name := range schema.Properties {
		known[name] = true
	}
	for _, parts := range []openapi3.SchemaRefs{schema.OneOf, schema.AnyOf, schema.AllOf} {
		for _, part := range parts {
			properties(part.Value, known)
		}
	}
	return known
}

func (r *rest) checkAnswer() []error {
	response := r.route.found.Operation.Responses.Status(r.status)
	if response == nil && general(r.status) {
		return r.checkBasicError()
	}
	if response != nil && len(response.Value.Content) == 0 && len(r.answer) > 0 && r.status < 300 {
		return []error{fmt.Errorf("answer: %d has a body, none is described", r.status)}
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: r.input(), Status: r.status, Header: r.header, Body: io.NopCloser(bytes.NewReader(r.answer)), Options: options(),
	}
	if err := openapi3filter.ValidateResponse(r.request.Context(), input); err != nil {
		return []error{fmt.Errorf("answer: %d: %w", r.status, err)}
	}
	return nil
}

// general says whether any operation may answer with that status.
func general(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

func (r *rest) checkBasicError() []error {
	var basic struct {
		Message *string `json:"message"`
	}
	if err := json.Unmarshal(r.answer, &basic); err != nil || basic.Message == nil {
		return []error{fmt.Errorf("answer: %d is no basic error: %.80s", r.status, r.answer)}
	}
	return nil
}
