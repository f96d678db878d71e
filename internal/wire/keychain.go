package wire

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pawl-cd/pawl/internal/redact"
)

// credentialsWait is how long a credential helper, a program of somebody else, may take.
const credentialsWait = 30 * time.Second

// keychain is a keychain whose helpers may hang: it is waited for a while, and no longer than the context lasts.
// What it finds is known to the door before anybody uses it.
type keychain struct {
	keys authn.Keychain
	door *redact.Redactor
}

// Resolve finds credentials.
func (k keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r)
}

// ResolveContext finds credentials while the context lasts.
func (k keychain) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	found := make(chan answer, 1)
	go func() {
		auth, err := authn.Resolve(ctx, k.keys, r)
		if err == nil {
			k.learn(ctx, auth)
		}
		found <- answer{auth, err}
	}()
	timer := time.NewTimer(credentialsWait)
	defer timer.Stop()
	select {
	case a := <-found:
		return a.auth, a.err
	case <-timer.C:
		return nil, fmt.Errorf("the docker config's credential helper has not answered within %s", credentialsWait)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// learn makes what was found known to the door. Who uses it meets the same error.
func (k keychain) learn(ctx context.Context, auth authn.Authenticator) {
	c, err := authn.Authorization(ctx, auth)
	if err != nil {
		return
	}
	k.door.Add(c.Password, c.IdentityToken, c.RegistryToken)
	if plain, err := base64.StdEncoding.DecodeString(c.Auth); err == nil {
		_, password, _ := strings.Cut(string(plain), ":")
		k.door.Add(password)
	}
}
