package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/redact"
)

// Every text that leaves the process passes one door (package redact), which knows the secrets of the environment from
// the start, those that the configuration names once it is read, and credentials as soon as a request carries them:
// stdout and stderr by their writers, files by save and add, what is sent by whoever puts it together. What the process
// learns, and when, is in learn.go.

// newGlobals puts the door before the outputs.
func newGlobals(sys System) *globals {
	g := &globals{sys: sys, door: redact.New(), screen: sys.Err}
	g.sys.Out, g.sys.Err = g.door.Writer(sys.Out), g.door.Writer(sys.Err)
	if sys.Environ != nil {
		g.door.Add(secretsOf(sys.Environ(), dispatch.DefaultPrefix)...)
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

// panicked is a panic as the end of a command. What it says may hold anything, so it passes the door like all else.
func panicked(value any) error {
	return fault.New("this is a fault of pawl: please report it, with what -v prints, at https://github.com/pawl-cd/pawl/issues; the next run finishes what this one left",
		"pawl failed in itself: %v", value)
}

// fail says a panic and returns the exit code. Go's own for one is 2, which says something else here.
func (g *globals) fail(value any) int {
	g.tellStack()
	return g.reporter().finish(&exit{code: Failure, err: panicked(value)})
}

// caught makes a panic the error of what is done for one source, so that it does not end the others. It is deferred.
func (g *globals) caught(err *error) {
	if value := recover(); value != nil {
		g.tellStack()
		*err = panicked(value)
	}
}

// tellStack says with -v where a panic was.
func (g *globals) tellStack() {
	if g.verbose {
		_, _ = g.sys.Err.Write(append(debug.Stack(), '\n')) // to stderr as far as it goes
	}
}
