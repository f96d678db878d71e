package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	gl "github.com/xanzy/go-gitlab"
)

// pipeline is what is read of one, and nothing else: what GitLab adds, renames, translates or writes in another form
// (`coverage` was a number once, and a text before and after) must not make a pipeline that exists an unknown one.
type pipeline struct {
	ID         int64  `json:"id"`
	Status     text   `json:"status"`
	WebURL     text   `json:"web_url"`
	YAMLErrors text   `json:"yaml_errors"`
	CreatedAt  moment `json:"created_at"`
	StartedAt  moment `json:"started_at"`
	FinishedAt moment `json:"finished_at"`
}

// text is a JSON text; anything else is an empty one.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	_ = json.Unmarshal(data, &s) // what is no text says nothing
	*t = text(s)
	return nil
}

// moment is a time in UTC, zero where GitLab leaves it out or writes something else.
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *moment) UnmarshalJSON(data []byte) error {
	var at time.Time
	_ = json.Unmarshal(data, &at) // what is no time says nothing
	if !at.IsZero() {
		m.Time = at.UTC()
	}
	return nil
}

// call asks the API of a project, and reads the answer.
func call(ctx context.Context, api *library, method, project, path string, options, into any) (*gl.Response, error) {
	req, err := api.NewRequest(method, fmt.Sprintf("projects/%s/%s", gl.PathEscape(project), path), options, []gl.RequestOptionFunc{gl.WithContext(ctx)})
	if err != nil {
		return nil, err
	}
	return api.Do(req, into)
}

func get(ctx context.Context, api *library, project, path string, options, into any) (*gl.Response, error) {
	return call(ctx, api, http.MethodGet, project, path, options, into)
}
