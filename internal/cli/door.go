package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/redact"
)

// Every text that leaves the process passes one door (package redact), which knows the secrets of the environment from
// the start, those that the configuration names once it is read, and credentials as soon as a request carries them:
// stdout and stderr by their writers, files by save and add, what is sent by whoever puts it together.

// newGlobals puts the door before the outputs.
func newGlobals(sys System) *globals {
	g := &globals{sys: sys, door: redact.New(), screen: sys.Err}
	g.sys.Out, g.sys.Err = g.door.Writer(sys.Out), g.door.Writer(sys.Err)
	if sys.Environ != nil {
		g.door.Add(secretsOf(sys.Environ())...)
	}
	for _, name := range tokenNames {
		value, _ := sys.Env(name)
		g.door.Add(value)
	}
	return g
}

// close passes on what the door keeps back of unfinished lines, and returns the exit code.
func (g *globals) close(code int) int {
	var err error
	for _, w := range []any{g.sys.Out, g.sys.Err} {
		if w, ok := w.(*redact.Writer); ok {
			err = errors.Join(err, w.Flush())
		}
	}
	if err != nil && code == OK {
		g.reporter().say(slog.LevelError, fmt.Sprintf("writing the output: %v", err), "")
		return Failure
	}
	return code
}

// tokenNames are the variables of the forge and of GitHub Actions that hold a token, whoever named them.
var tokenNames = []string{"GITHUB_TOKEN", "MERGE_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}

var (
	// secretName is how variables are named that hold secrets.
	secretName = regexp.MustCompile(`(?i)(^|_)(TOKEN|PASSWORD|PASSWD|SECRET|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY)$|^TOKEN_`)
	// userInfo is what stands before the host of a URL.
	userInfo = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://([^/\s"'<>?#]*)@`)
)

// secretsOf are the secrets of an environment of NAME=value: the values of variables that are named like one, the tokens
// of dispatch targets, and the passwords in addresses.
func secretsOf(environ []string) []string {
	var all []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		all = append(all, passwordsIn(value)...)
		switch _, token, found := strings.Cut(value, ":"); {
		case strings.HasPrefix(name, dispatch.DefaultPrefix) && found:
			all = append(all, token)
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
		name, password, _ := strings.Cut(match[1], ":")
		if password == "" {
			password = name
		}
		all = append(all, password)
		if plain, err := url.PathUnescape(password); err == nil {
			all = append(all, plain)
		}
	}
	return all
}

// learn makes the secrets known that the configuration names; text is the configuration's own.
func (s *session) learn(text string) {
	names := s.secrets()
	for _, c := range s.config.Events.Sinks {
		names = append(names, c.Token, c.HMAC)
	}
	for _, p := range s.config.Deploy.Projects {
		names = append(names, p.Secret, p.API)
	}
	if s.config.Deploy.Variable != "" {
		var projects []struct{ Secret, API string }
		_ = json.Unmarshal([]byte(s.env(s.config.Deploy.Variable)), &projects) // whoever uses it says what is wrong
		for _, p := range projects {
			names = append(names, p.Secret, p.API)
		}
	}
	for _, name := range names {
		if name != "" {
			s.g.door.Add(s.env(name))
		}
	}
	s.g.door.Add(passwordsIn(text)...)
}
