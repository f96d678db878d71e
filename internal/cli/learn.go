package cli

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/redact"
	"github.com/pawl-cd/pawl/internal/wire"
)

var (
	// secretName is how variables are named that hold secrets.
	secretName = regexp.MustCompile(`(?i)(^|_)(TOKEN|PAT|JWT|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|API_?KEY|(PRIVATE|ACCESS|SIGNING)_?KEY)(_V?\d+)?$|^TOKEN_`)
	// proxyName is how variables are named that hold the address of a proxy; it needs no scheme.
	proxyName = regexp.MustCompile(`(?i)_proxy$`)
	// addressName is how variables are named whose addresses may hold a password. Others are not looked at: a commit's title,
	// which strangers write, must not make a version unknown by calling it a password.
	addressName = regexp.MustCompile(`(?i)(^|_)(URL|URI|DSN|PROXY|TOKEN|PASSWORD|SECRET|SERVER|HOST|ENDPOINT)S?$`)
	// variableName is what names a variable.
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// userInfo is what stands before the host of a URL.
	userInfo = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://([^/\s"'<>?#]*)@`)
)

// secretsOf are the secrets of an environment of NAME=value: the values of variables that are named like one, the tokens
// of dispatch targets, whose variables begin with a prefix, the passwords in the addresses of what is named like one, and what
// only the collector of traces may see.
func secretsOf(environ []string, prefix string) []string {
	var all []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if proxyName.MatchString(name) {
			all = append(all, passwordOf(value)...)
		}
		if addressName.MatchString(name) {
			all = append(all, passwordsIn(value)...)
		}
		all = append(all, wire.SecretsOfTracing(name, value)...)
		switch {
		case strings.HasPrefix(name, prefix) && strings.Contains(value, ":"):
			all = append(all, dispatch.Secrets(value)...)
		case secretName.MatchString(name) && !strings.Contains(value, "://") && !strings.HasPrefix(value, "/"):
			all = append(all, value)
		}
	}
	return all
}

// passwordsIn are the passwords in the addresses of a text, as they stand there and as they are meant. A name without
// a password is a token.
func passwordsIn(text string) []string {
	if !strings.Contains(text, "://") {
		return nil
	}
	var all []string
	for _, match := range userInfo.FindAllStringSubmatch(text, -1) {
		all = append(all, passwordOf(match[1]+"@")...)
	}
	return all
}

// passwordOf is the password before the last @ of an address, whatever it holds, with a scheme or without.
func passwordOf(address string) []string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return nil
	}
	name, password, _ := strings.Cut(address[:at], ":")
	if password == "" {
		password = name
	}
	if plain, err := url.PathUnescape(password); err == nil && plain != password {
		return []string{password, plain}
	}
	return []string{password}
}

// learn makes the secrets known that the configuration names; text is the configuration's own.
func (s *session) learn(text string) {
	names := s.secrets()
	for _, c := range s.config.Events.Sinks {
		names = append(names, c.Token, c.HMAC, c.Password)
	}
	for _, p := range s.config.Deploy.Projects {
		names = append(names, p.Secret, p.API)
	}
	if s.config.Deploy.Variable != "" {
		var projects []struct{ URL, Secret, API string }
		_ = json.Unmarshal([]byte(s.env(s.config.Deploy.Variable)), &projects) // whoever uses it says what is wrong
		for _, p := range projects {
			names, text = append(names, p.Secret, p.API), text+"\n"+p.URL
		}
	}
	for _, name := range s.config.Env {
		text += "\n" + s.env(name) // manifests may read it
	}
	for _, name := range names {
		if !variableName.MatchString(name) {
			s.g.door.Add(name) // somebody wrote the token itself
			continue
		}
		s.g.door.Add(s.env(name))
	}
	s.g.door.Add(passwordsIn(text)...)
}

// attentive is a file system of manifests: the passwords in the addresses that they hold are known as soon as a file is read.
type attentive struct {
	fs.FS
	door *redact.Redactor
}

// ReadFile implements fs.ReadFileFS.
func (a attentive) ReadFile(name string) ([]byte, error) {
	data, err := fs.ReadFile(a.FS, name)
	a.door.Add(passwordsIn(string(data))...)
	return data, err
}

// ReadDir implements fs.ReadDirFS.
func (a attentive) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(a.FS, name) }

// Stat implements fs.StatFS.
func (a attentive) Stat(name string) (fs.FileInfo, error) { return fs.Stat(a.FS, name) }
