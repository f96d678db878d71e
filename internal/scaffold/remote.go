package scaffold

import (
	"net/url"
	"strings"
)

var (
	section   = mustPattern(`^\[remote "([^"]+)"\]`)
	remoteURL = mustPattern(`^url\s*=\s*(\S+)`)
	// place is the host, owner and name of a remote, in the forms that git understands; user information is skipped.
	place = mustPattern(`^(?:(?:https?|ssh|git)://)?(?:[^@/]*@)?([\w.-]+)(?::\d+)?[/:]/?([\w.-]+)/([\w.-]+?)(?:\.git)?/?$`)
	// nested is the same at a GitLab, where groups hold groups.
	nested = mustPattern(`^(?:(?:https?|ssh|git)://)?(?:[^@/]*@)?([\w.-]+)(?::\d+)?[/:]/?((?:[\w.-]+/)+[\w.-]+?)(?:\.git)?/?$`)
	branch = mustPattern(`^[A-Za-z0-9_][A-Za-z0-9._/-]*$`)
)

// forge is where git pushes to.
type forge struct {
	// repository is owner/name, empty when it is not known; url the address of a Gitea or a GitLab of one's own, else empty.
	repository, url string
	// dir is where its workflows are.
	dir string
	// lab reports that it is a GitLab.
	lab bool
}

// kind is the forge's word in the configuration, empty for GitHub.
func (f forge) kind() string {
	switch {
	case f.lab:
		return "gitlab"
	case f.gitea():
		return "gitea"
	}
	return ""
}

// gitea reports whether the forge is a Gitea or a Forgejo.
func (f forge) gitea() bool { return f.dir != workflowDir }

// name is what it is called in messages.
func (f forge) name() string {
	switch f.kind() {
	case "gitlab":
		return "the GitLab"
	case "gitea":
		return "the Gitea"
	}
	return "GitHub"
}

// image and push are the files of the two workflows.
func (f forge) image() string { return f.dir + "/docker-image.yaml" }
func (f forge) push() string  { return f.dir + "/gitlab.yaml" }

// workflowsOf is the folder of the forge's workflows: a Gitea or a Forgejo is told by its own.
func (t *tree) workflowsOf() string {
	for _, dir := range []string{".gitea", ".forgejo"} {
		if t.exists(dir) {
			return dir + "/workflows"
		}
	}
	return workflowDir
}

// remote returns the repository that git pushes to, and the branch that its HEAD names; empty when unknown.
func (t *tree) remote() (at forge, base string) {
	at.dir = t.workflowsOf()
	name, urls := "", remotes(t.text(".git/config"))
	if _, ok := urls["origin"]; ok {
		name = "origin"
	} else if len(urls) == 1 {
		for name = range urls {
		}
	}
	if base = head(t.text(".git/refs/remotes/"+name+"/HEAD"), "refs/remotes/"+name+"/"); base == "" {
		if here := head(t.text(".git/HEAD"), "refs/heads/"); here == "main" || here == "master" {
			base = here
		}
	}
	if at.lab, at.url, at.repository = t.gitLab(at, urls[name]); at.lab {
		return at, base
	}
	m := place.FindStringSubmatch(urls[name])
	if m == nil {
		return at, base
	}
	switch gitHub := m[1] == "github.com" || m[1] == "ssh.github.com" || strings.HasPrefix(m[1], "github."); {
	case at.gitea() && !gitHub:
		at.url = address(urls[name], m[1])
	case !gitHub:
		t.note("forge", "the remote %s is at %s; pawl run opens pull requests at GitHub, at a Gitea or Forgejo, which a folder .gitea or .forgejo shows, and at a GitLab, which a .gitlab-ci.yml or `forge: {kind: gitlab}` shows; pawl plan and pawl apply work anywhere", name, m[1])
		return at, base
	}
	at.repository = m[2] + "/" + m[3]
	return at, base
}

// gitLab reads a remote as one at a GitLab, which the name of the host tells, or a .gitlab-ci.yml at a host that is not GitHub.
func (t *tree) gitLab(at forge, remote string) (lab bool, url, repository string) {
	m := nested.FindStringSubmatch(remote)
	if m == nil || at.gitea() {
		return false, "", ""
	}
	host := m[1]
	switch {
	case host == "gitlab.com":
		return true, "", m[2]
	case host == "altssh.gitlab.com": // its ssh at the port of https
		return true, "", m[2]
	case strings.HasPrefix(host, "gitlab."), t.exists(pipelineFile) && host != "github.com" && host != "ssh.github.com" && !strings.HasPrefix(host, "github."):
		return true, address(remote, host), m[2]
	}
	return false, "", ""
}

// address is that of a forge, by the URL of a remote: what git reaches by ssh is asked by https.
func address(remote, host string) string {
	if u, err := url.Parse(remote); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		return u.Scheme + "://" + u.Host
	}
	return "https://" + host
}

// remotes reads the URLs of the remotes from git's configuration
// (https://git-scm.com/docs/git-config#_configuration_file).
func remotes(config string) map[string]string {
	urls, name := map[string]string{}, ""
	for _, line := range strings.Split(config, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			name = ""
		}
		if m := section.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if m := remoteURL.FindStringSubmatch(line); m != nil && name != "" && urls[name] == "" {
			urls[name] = m[1]
		}
	}
	return urls
}

// head returns the branch that a symbolic ref names, empty for what is none.
func head(ref, prefix string) string {
	name, ok := strings.CutPrefix(strings.TrimSpace(ref), "ref: "+prefix)
	if !ok || !branch.MatchString(name) {
		return ""
	}
	return name
}
