package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Checker checks exchanges and counts them. It may be used from several goroutines.
type Checker struct {
	described  *Description
	mu         sync.Mutex
	violations []string
	counts     map[string]int
}

// Checker returns a checker without counts.
func (d *Description) Checker() *Checker {
	return &Checker{described: d, counts: map[string]int{}}
}

// Exchange checks one request and the answer to it. Its type is that of github.Options.Check.
func (c *Checker) Exchange(req *http.Request, body []byte, status int, header http.Header, answer []byte) {
	name, problems := c.described.check(req, body, status, header, answer)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[name]++
	for _, problem := range problems {
		c.violations = append(c.violations, fmt.Sprintf("%s %s: %v", req.Method, req.URL.Path, problem))
	}
}

// Violations lists what was wrong so far, in order.
func (c *Checker) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.violations)
}

// Counts tells how many exchanges of each operation were checked: "GET /user", "mutation createCommitOnBranch".
func (c *Checker) Counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// check returns the operation's name and all that is wrong with the exchange.
func (d *Description) check(req *http.Request, body []byte, status int, header http.Header, answer []byte) (string, []error) {
	path := req.URL.EscapedPath()
	if path == "/graphql" || path == "/api/graphql" {
		return d.checkGraphQL(req, body, status, answer)
	}
	found, parameters := d.find(req.Method, path)
	if found == nil {
		return req.Method + " " + path, []error{fmt.Errorf("no described operation")}
	}
	exchange := &rest{route: found, request: req, parameters: parameters, body: body, status: status, header: header, answer: answer}
	var problems []error
	// What GitHub refuses as malformed may be malformed.
	if status < 400 || status == http.StatusUnauthorized || status >= 500 {
		problems = exchange.checkRequest()
	}
	problems = append(problems, exchange.checkAnswer()...)
	return strings.TrimSpace(found.name), problems
}
