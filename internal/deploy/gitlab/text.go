package gitlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	gl "github.com/xanzy/go-gitlab"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// said returns the texts of GitLab's refusal, empty when the answer is none of GitLab's.
func said(err error) string {
	var response *gl.ErrorResponse
	var body any
	if !errors.As(err, &response) || json.Unmarshal(response.Body, &body) != nil {
		return ""
	}
	return strings.Join(httpx.Texts(body), ", ")
}

// reason is the text of a failure below the library, without an address.
func reason(err error) string {
	if err == nil {
		return "the answer cannot be read"
	}
	return httpx.Clean(err).Error()
}

func advice(err error) string {
	var failed *httpx.Error
	if errors.As(err, &failed) {
		return failed.Advice()
	}
	return "run again"
}

// target is where a redirect leads, without a query; empty when it is none.
func target(res *http.Response) string {
	to, err := res.Location()
	if err != nil || res.StatusCode/100 != 3 {
		return ""
	}
	return to.Scheme + "://" + to.Host + to.EscapedPath()
}

// clean makes a text that holds somebody else's words fit to be shown: one line, bounded, without tokens.
func (c *Client) clean(text string) string {
	return c.config.HTTP.Line(text)
}

// page returns a pipeline's page: the one that GitLab names, else the one that it has by GitLab's custom.
func (c *Client) page(p deploy.Project, id int64, named string) string {
	if named = c.config.HTTP.Page(named); named != "" {
		return named
	}
	base, project, err := p.Endpoint()
	if err != nil || !strings.Contains(project, "/") {
		return ""
	}
	return fmt.Sprintf("%s/%s/-/pipelines/%d", base, project, id)
}

var plainWord = regexp.MustCompile(`^[a-z_]{1,40}$`)

// word returns a status as it is when it looks like one.
func word(status string) string {
	if plainWord.MatchString(status) {
		return status
	}
	return ""
}
