package gate

import (
	"context"

	"github.com/pawl-cd/pawl/internal/source"
)

// Recorded answers for gates from a file of verdicts; it starts nothing.
type Recorded struct {
	// Gates are the declared ones by name.
	Gates map[string]Gate
	Verdicts
}

// Judges reports whether the gate is for versions of the kind of source.
func (r Recorded) Judges(name string, kind source.Kind) bool {
	return r.Gates[name].Judges(string(kind))
}

// Judge returns what the file says; without a verdict the gate is broken, and the verdict names the key all the same.
func (r Recorded) Judge(_ context.Context, name string, s Subject) (Verdict, error) {
	none := Verdict{Gate: name, Artifact: s.Artifact, Version: s.Version, Digest: s.Digest, Outcome: Broken}
	arguments, err := r.Gates[name].Arguments(s)
	if err != nil {
		none.Detail = err.Error()
		return none, nil //nolint:nilerr // the verdict says it
	}
	none.Key = r.Gates[name].Key(arguments, s)
	if found, ok := r.Find(name, none.Key); ok {
		found.Artifact, found.Version, found.Digest = s.Artifact, s.Version, s.Digest // the file says what was judged by its key alone
		return found, nil
	}
	none.Detail = "there is no verdict"
	return none, nil
}
