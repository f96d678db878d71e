package contract

import (
	"errors"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	// maxProblems bounds how many places are named, maxProblem each of them in bytes: an event may repeat anything.
	maxProblems = 20
	maxProblem  = 300
)

// explain turns what the validator says into one line for each place.
func explain(err error, at string) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	e := &InvalidError{}
	for _, unit := range invalid.BasicOutput().Errors {
		if unit.Error == nil || len(e.Problems) == maxProblems {
			continue
		}
		problem := at + unit.InstanceLocation + ": " + unit.Error.String()
		e.Problems = append(e.Problems, strings.ToValidUTF8(problem[:min(len(problem), maxProblem)], ""))
	}
	if len(e.Problems) == 0 {
		e.Problems = []string{at + ": does not follow its schema"}
	}
	return e
}
