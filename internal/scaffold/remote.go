package scaffold

import (
	"strings"
)

var (
	section   = mustPattern(`^\[remote "([^"]+)"\]`)
	remoteURL = mustPattern(`^url\s*=\s*(\S+)`)
	// place is the host, owner and name of a remote, in the forms that git understands; user information is skipped.
	place  = mustPattern(`^(?:(?:https?|ssh|git)://)?(?:[^@/]*@)?([\w.-]+)(?::\d+)?[/:]/?([\w.-]+)/([\w.-]+?)(?:\.git)?/?$`)
	branch = mustPattern(`^[A-Za-z0-9_][A-Za-z0-9._/-]*$`)
)

// remote returns the repository at GitHub that git pushes to, and the branch that its HEAD names; empty when unknown.
func (t *tree) remote() (repository, base string) {
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
	m := place.FindStringSubmatch(urls[name])
	if m == nil {
		return "", base
	}
	if m[1] != "github.com" && m[1] != "ssh.github.com" && !strings.HasPrefix(m[1], "github.") {
		t.note("forge", "the remote %s is at %s; pawl run opens pull requests at GitHub only, pawl plan and pawl apply work anywhere", name, m[1])
		return "", base
	}
	return m[2] + "/" + m[3], base
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
