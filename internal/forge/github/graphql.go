package github

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
)

// query sends a GraphQL operation and decodes its data. GitHub reports failures with HTTP 200
// (https://docs.github.com/graphql/guides/forming-calls-with-graphql): any of them is an error here.
func (c *Client) query(ctx context.Context, text string, variables map[string]any, into any) (http.Header, error) {
	body, err := json.Marshal(map[string]any{"query": text, "variables": variables})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.graphURL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	way := c.graphReads
	if strings.HasPrefix(text, "mutation") {
		c.writes.Add(1)
		way = c.graph
	}
	res, err := way.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // the body is in memory
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return res.Header, decode(res.StatusCode, data, into)
}

// decode reads the envelope of an answer.
func decode(status int, body []byte, into any) error {
	var out struct {
		Data    json.RawMessage
		Message string
		Errors  []struct{ Type, Message string }
	}
	if err := json.Unmarshal(body, &out); err != nil {
		if status < 300 {
			return &odd{"JSON of the kind that GitHub sends"}
		}
		return &answered{Status: status, Message: "the answer is no JSON"}
	}
	if status >= 300 {
		return &answered{Status: status, Message: out.Message}
	}
	if len(out.Errors) > 0 {
		var texts []string
		for _, e := range out.Errors {
			texts = append(texts, e.Message)
		}
		return &answered{Status: statusOf(out.Errors[0].Type), Kind: out.Errors[0].Type, Message: strings.Join(texts, "; ")}
	}
	if len(out.Data) == 0 {
		return &odd{"data"}
	}
	return json.Unmarshal(out.Data, into)
}

// statusOf is what REST would answer instead of a type of error.
func statusOf(kind string) int {
	switch kind {
	case "NOT_FOUND":
		return http.StatusNotFound
	case "FORBIDDEN", "INSUFFICIENT_SCOPES":
		return http.StatusForbidden
	default:
		return http.StatusUnprocessableEntity
	}
}

// actor is a user as GraphQL shows it; a bot's login lacks there the ending that it has in REST.
type actor struct {
	Typename   string `json:"__typename"`
	Login      string
	DatabaseID int64
}

const actorFields = `{__typename login ... on User{databaseId} ... on Bot{databaseId}}`

func (a *actor) identity() change.Identity {
	if a == nil {
		return change.Identity{}
	}
	login := a.Login
	if a.Typename == "Bot" && !strings.HasSuffix(login, "[bot]") {
		login += "[bot]"
	}
	return change.Identity{ID: a.DatabaseID, Login: login}
}
