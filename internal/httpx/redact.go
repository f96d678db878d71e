package httpx

import (
	"net/http"
	"strings"
)

// learn makes the credentials of a request known to what removes secrets from texts, so that a host that repeats them is
// not repeated. A bearer token may be one that the host itself handed out.
func (c *Client) learn(req *http.Request) {
	if _, password, ok := req.BasicAuth(); ok {
		c.config.Redactor.Add(password)
		return
	}
	if _, token, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok {
		c.config.Redactor.Issued(token)
	}
	if req.URL.User != nil {
		if password, ok := req.URL.User.Password(); ok {
			c.config.Redactor.Add(password)
		}
	}
}
