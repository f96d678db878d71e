package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// credentialsWait is how long a credential helper, a program of somebody else, may take.
const credentialsWait = 30 * time.Second

// patientKeychain is a keychain whose helpers may hang: it is waited for a while, and no longer than the context lasts.
type patientKeychain struct{ keys authn.Keychain }

// Resolve finds credentials.
func (k patientKeychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r)
}

// ResolveContext finds credentials while the context lasts.
func (k patientKeychain) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	found := make(chan answer, 1)
	go func() {
		auth, err := authn.Resolve(ctx, k.keys, r)
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
