package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/worktree"
)

// place is where a profile lives that is not checked out, as the flags name it.
type remoteProfile struct {
	// repository is OWNER/NAME, or the address of the repository.
	repository string
	// forge is a word of forge.kind, empty for that of the address or of this directory.
	forge string
}

// fromBase ends the help of --repository where the configuration counts.
const fromBase = "; its configuration is read from its base branch"

// flags adds --repository, whose help ends with what is said, and --forge.
func (p *remoteProfile) flags(cmd *cobra.Command, says string) {
	f := cmd.Flags()
	f.StringVar(&p.repository, "repository", "", "the profile as `OWNER/NAME` or as its address, where it is not checked out"+says)
	f.StringVar(&p.forge, "forge", "", "the `kind` of forge that --repository is at: github, gitea or gitlab; without it that of the address or of .pawl.yaml here, else github")
}

// find is where the profile is, as .pawl.yaml would say it. A token goes to that forge: what is not certain is refused.
func (p *remoteProfile) find(s *session) (config.Forge, error) {
	if t := s.g.sys.tenant; t != nil {
		return config.Forge{Kind: t.profile.Kind, URL: t.profile.URL, Repository: t.profile.Repository}, nil
	}
	here, err := p.here(s)
	if err != nil {
		return config.Forge{}, err
	}
	if p.forge != "" && p.forge != "github" && p.forge != "gitea" && p.forge != "gitlab" {
		return config.Forge{}, usage(fmt.Errorf("--forge: want github, gitea or gitlab, have %q", p.forge))
	}
	if strings.Contains(p.repository, "://") {
		return p.addressed(s, here)
	}
	parts := strings.Split(p.repository, "/")
	nested := len(parts) > 2 && cmp.Or(p.forge, here.Kind) != "gitlab" // whose groups may be
	if nested && !slices.Contains(parts, "") {
		return config.Forge{}, &exit{code: Usage, err: fmt.Errorf("--repository: want OWNER/NAME or the address of a repository, have %q", p.repository),
			hint: "groups in groups are GitLab's: add --forge gitlab", topics: []topic{usageTopic}}
	}
	if len(parts) < 2 || slices.Contains(parts, "") {
		return config.Forge{}, usage(fmt.Errorf("--repository: want OWNER/NAME or the address of a repository, have %q", p.repository))
	}
	at := config.Forge{Kind: p.forge, Repository: p.repository}
	switch {
	case p.forge == "github":
	case here.Kind != "" && (p.forge == "" || p.forge == here.Kind):
		at.Kind, at.URL = here.Kind, here.URL
	case p.forge == "" && (s.env("GITEA_ACTIONS") == "true" || s.env("GITLAB_CI") == "true"):
		own := "gitea"
		if s.env("GITLAB_CI") == "true" {
			own = "gitlab"
		}
		return config.Forge{}, &exit{code: Usage, err: fmt.Errorf("--repository: it is not said which forge %s is at", p.repository),
			hint: "add --forge " + own + " for this job's own, or --forge github"}
	}
	if at.Kind == "gitea" && at.URL == "" && s.env("GITEA_ACTIONS") != "true" {
		return config.Forge{}, &exit{code: Usage, err: fmt.Errorf("--repository: it is not said which gitea %s is at", p.repository),
			hint: "give its address: --repository https://HOST/" + p.repository}
	}
	return at, nil
}

// addressed is where an address leads to.
func (p *remoteProfile) addressed(s *session, here config.Forge) (config.Forge, error) {
	u, err := url.Parse(p.repository)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return config.Forge{}, usage(errors.New("--repository: want an http(s) address without credentials and query, as https://git.example.com/OWNER/NAME"))
	}
	parts := strings.Split(strings.Trim(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), ".git"), "/"), "/")
	if len(parts) < 2 {
		return config.Forge{}, usage(fmt.Errorf("--repository: want the address of a repository, as https://git.example.com/OWNER/NAME, have %q", p.repository))
	}
	host := *u
	host.Path, host.RawPath = "", ""
	if under := strings.TrimRight(here.URL, "/"); p.forge == "gitlab" || p.forge == "" && (here.Kind == "gitlab" && strings.HasPrefix(p.repository, under+"/") || sameAddress(host.String(), "https://gitlab.com")) {
		return p.atGitLab(s, host.String(), strings.Join(parts, "/"), here), nil
	}
	last := len(parts) - 2
	at := config.Forge{Kind: p.forge, Repository: parts[last] + "/" + parts[last+1]}
	u.Path, u.RawPath = strings.Join(parts[:last], "/"), ""
	base := strings.TrimRight(u.String(), "/")
	atHub := sameAddress(base, "https://github.com")
	if server := s.env("GITHUB_SERVER_URL"); server != "" && s.env("GITEA_ACTIONS") != "true" {
		atHub = sameAddress(base, server)
	}
	switch {
	case at.Kind == "github" && !atHub:
		return config.Forge{}, &exit{code: Usage, err: fmt.Errorf("--repository: %s is not the GitHub that is asked", u.Host), hint: "set GITHUB_SERVER_URL and GITHUB_API_URL to those of that GitHub"}
	case at.Kind == "" && atHub:
		at.Kind = "github"
	case at.Kind == "" && here.URL != "" && sameAddress(base, here.URL):
		at.Kind = here.Kind
	case at.Kind == "" && s.env("GITEA_ACTIONS") == "true" && sameAddress(base, s.env("GITHUB_SERVER_URL")):
		at.Kind = "gitea"
	case at.Kind == "":
		return config.Forge{}, &exit{code: Usage, err: fmt.Errorf("--repository: it is not said what %s is", u.Host), hint: "add --forge gitea or --forge gitlab"}
	}
	if at.Kind != "github" {
		at.URL = base
	}
	return at, nil
}

// atGitLab is a project of a GitLab by its path at a host: below the instance that is known there, if one is, else all of the path.
func (p *remoteProfile) atGitLab(s *session, host, path string, here config.Forge) config.Forge {
	for _, known := range []string{here.URL, s.env("CI_SERVER_URL")} {
		known = strings.TrimRight(known, "/")
		if below, ok := strings.CutPrefix(host+"/"+path, known+"/"); known != "" && ok {
			return config.Forge{Kind: "gitlab", URL: known, Repository: below}
		}
	}
	return config.Forge{Kind: "gitlab", URL: host, Repository: path}
}

// sameAddress reports whether two addresses are of one server and path.
func sameAddress(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// here is the forge that the configuration of this directory names; none where there is no configuration, or where the flags
// say all.
func (p *remoteProfile) here(s *session) (config.Forge, error) {
	if p.forge != "" && strings.Contains(p.repository, "://") {
		return config.Forge{}, nil
	}
	looking := &session{g: s.g}
	tree, err := worktree.Open(s.g.root)
	if err != nil && s.g.config == "" {
		return config.Forge{}, nil // there is no such directory
	}
	if err == nil {
		defer tree.Close()
	}
	looking.files = tree
	file, data, err := looking.readConfig()
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err != nil && s.g.config != "" {
		return config.Forge{}, &exit{code: Usage, err: err, topics: []topic{configurationTopic}}
	}
	looking.config, looking.problems = config.Parse(file, data)
	if strictyaml.Failed(looking.problems) && p.forge != "github" {
		looking.warnOfConfig()
		return config.Forge{}, &exit{code: Usage, topics: []topic{configurationTopic},
			err: fmt.Errorf("%s does not say which forge --repository is at", file), hint: "correct it, or give the repository's address and --forge"}
	}
	return looking.config.Forge, nil
}

// moved refuses a profile whose own configuration says that it lives at another forge: what would be written here, nobody reads,
// and a token that is for this forge is not sent to that.
func (p *remoteProfile) moved(found, says config.Forge) error {
	if says.Kind == "" || says.Kind == found.Kind && (says.URL == "" || sameAddress(says.URL, found.URL)) || found.Kind == "" && says.Kind == "github" {
		return nil
	}
	at := says.Kind
	if says.URL != "" {
		at += " at " + says.URL
	}
	return &exit{code: Usage, err: fmt.Errorf("%s says that the profile lives on %s", config.FileName, at),
		hint: "name it there: --forge " + says.Kind + " --repository ADDRESS"}
}
