package httpx

import (
	"net/http"
	"strings"
)

// learn makes the credentials of a request known to what removes secrets from texts, so that a host that repeats them is
// not repeated. A bearer token may be one that the host itself handed out, and an address, which a redirect or a challenge
// may name, may hold what the host wants to be a password: both are known loosely.
func (c *Client) learn(req *http.Request) {
	named := ""
	if req.URL.User != nil {
		named, _ = req.URL.User.Password()
		c.config.Redactor.Issued(named)
	}
	_, password, basic := req.BasicAuth()
	if _, token, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok && !basic {
		c.config.Redactor.Issued(token)
	}
	if basic && password != named {
		c.config.Redactor.Add(password)
	}
}
