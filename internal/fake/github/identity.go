package github

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Identity is who a token stands for.
type Identity struct {
	Login      string
	Name       string    // shown as author, default Login
	Email      string    // default <id>+<login>@users.noreply.github.com
	App        bool      // a GitHub App's installation token: it has no user, and /user is refused
	Actions    bool      // the workflow's own GITHUB_TOKEN: what it pushes or opens starts no check
	Admin      bool      // may read branch protection, and may push past it
	ReadOnly   bool      // every write is refused
	NoActions  bool      // may start no workflow
	Unverified bool      // has no verified e-mail address, which auto-merge wants
	ExpiresAt  time.Time // told in a header, and refused afterwards
	Only       []string  // the repositories in which it has a role, as OWNER/NAME, besides its own; nil = all
	id         int64
}

func (i Identity) kind() string {
	if i.App || i.Actions || strings.HasSuffix(i.Login, "[bot]") {
		return "Bot"
	}
	return "User"
}

// has reports whether somebody has a role in a repository.
func (i Identity) has(r *Repo) bool {
	return i.Login != "" && (i.Only == nil || i.Login == r.owner || slices.Contains(i.Only, r.FullName()))
}

// sees reports whether somebody knows that a repository is there.
func (i Identity) sees(r *Repo) bool { return !r.settings.Private || i.has(r) }

func (i Identity) displayName() string {
	if i.Name != "" {
		return i.Name
	}
	return i.Login
}

func (i Identity) signature(when time.Time) person {
	email := i.Email
	if email == "" {
		email = noreply(i)
	}
	return person{i.displayName(), email, when}
}

func noreply(i Identity) string {
	return itoa(i.id) + "+" + i.Login + "@users.noreply.github.com"
}

// webFlow is the committer of what GitHub commits by itself.
func webFlow(when time.Time) person { return person{"GitHub", "noreply@github.com", when} }

func (s *Server) register(identity Identity) Identity {
	identity.id = s.id()
	s.users[identity.Login] = identity
	return identity
}

// person returns the identity of a login, and makes an ordinary user of an unknown one.
func (s *Server) person(login string) Identity {
	if known, ok := s.users[login]; ok {
		return known
	}
	return s.register(Identity{Login: login})
}

// authenticate finds the identity behind a request; anonymous requests have none.
func (s *Server) authenticate(header http.Header) (Identity, *reply) {
	token := header.Get("Authorization")
	if token == "" {
		return Identity{}, nil
	}
	if secret := password(token); secret != "" {
		token = secret
	}
	for _, scheme := range []string{"Bearer ", "token ", "bearer ", "Token "} {
		token = strings.TrimPrefix(token, scheme)
	}
	identity, known := s.options.Identities[token]
	if !known || !identity.ExpiresAt.IsZero() && !s.options.Now().Before(identity.ExpiresAt) {
		refused := fail(http.StatusUnauthorized, "Bad credentials")
		return Identity{}, &refused
	}
	return s.users[identity.Login], nil
}

// forbidden is GitHub's refusal of what a token may not do.
func forbidden(who Identity) reply {
	switch {
	case who.Login == "":
		return fail(http.StatusUnauthorized, "Requires authentication")
	case who.kind() == "Bot":
		return fail(http.StatusForbidden, "Resource not accessible by integration")
	}
	return fail(http.StatusForbidden, "Resource not accessible by personal access token")
}
