package cli

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// A secret goes to one host: the forge's tokens and those of GitHub Actions to GitHub, each other one to the host that
// the configuration names first. A setting that would send it elsewhere is refused, whoever wrote it: the list of
// projects comes from a variable that people may set who must not read the tokens.

// misplaced says which of the uses would send a secret to a host that it does not belong to.
func (s *session) misplaced(uses []config.Use) []strictyaml.Problem {
	var wrong []strictyaml.Problem
	first := map[string]config.Use{}
	for _, use := range uses {
		if use.Variable == "" {
			continue
		}
		p := use.At
		if p.Message, p.Hint = s.elsewhere(use, first); p.Message != "" {
			wrong = append(wrong, p)
			continue
		}
		if _, known := first[use.Variable]; !known {
			first[use.Variable] = use
		}
	}
	return wrong
}

// elsewhere says why a secret must not be used so, empty when it may.
func (s *session) elsewhere(use config.Use, first map[string]config.Use) (message, hint string) {
	const own = "make a token for that host alone, and name its variable"
	host := hostOf(use.To)
	if use.Variable == "MERGE_TOKEN" && s.config.Forge.Kind != "" && s.config.Forge.Kind != "github" {
		if s.wire().Bound(use.Variable, use.To) {
			return "", ""
		}
		return fmt.Sprintf("%s: the token %s is not for %s: it belongs to %s", use.Setting, use.Variable, host, hostOf(s.wire().ForgePage())), own
	}
	if ofGitHub(use.Variable) {
		if s.toGitHub(use.To) {
			return "", ""
		}
		return fmt.Sprintf("%s: the token %s is not for %s: it belongs to GitHub", use.Setting, use.Variable, host), own
	}
	if before, known := first[use.Variable]; known && hostOf(before.To) != host {
		return fmt.Sprintf("%s: the token %s is not for %s: it belongs to %s (%s)", use.Setting, use.Variable, host, hostOf(before.To), before.Setting), own
	}
	return "", ""
}

// ofGitHub reports whether a variable holds a token of the forge, of GitHub Actions, or of a repository that is dispatched.
func ofGitHub(variable string) bool {
	upper := strings.ToUpper(variable) // names are the same in either case on Windows
	return slices.Contains(tokenNames, upper) || strings.HasPrefix(upper, "ACTIONS_") || strings.HasPrefix(upper, dispatch.DefaultPrefix)
}

// toGitHub reports whether a place is the API of GitHub that this process talks to.
func (s *session) toGitHub(to string) bool {
	host := hostOf(to)
	return host == hostOf(source.GitHubAPI) || s.env("GITHUB_API_URL") != "" && host == hostOf(s.env("GITHUB_API_URL"))
}

// hostOf is the host and port of a URL, or of a host alone.
func hostOf(to string) string {
	if !strings.Contains(to, "://") {
		to = "https://" + to
	}
	u, err := url.Parse(strings.ToLower(to))
	if err != nil {
		return ""
	}
	port := map[string]string{"https:": "443", "http:": "80"}[u.Scheme+":"+u.Port()]
	if port == "" {
		port = u.Port()
	}
	name := strings.TrimSuffix(u.Hostname(), ".")
	if port == "443" {
		return name
	}
	return name + ":" + port
}

// usesOf are the uses of a list of projects.
func usesOf(projects []deploy.Project) []config.Use {
	var all []config.Use
	for _, p := range projects {
		all = append(all, config.Use{Variable: p.Secret, To: p.URL, Setting: fmt.Sprintf("secret of the project %q", p.Name)},
			config.Use{Variable: p.API, To: p.URL, Setting: fmt.Sprintf("api of the project %q", p.Name)})
	}
	return all
}
