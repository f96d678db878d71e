// Package program starts the gates that are programs. Only `pawl gates` uses it: nothing else in pawl starts a process.
package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/source"
)

// Limits of the gates of one run.
const (
	maxRuns     = 20
	maxTime     = 10 * time.Minute
	maxParallel = 4
	// maxOutput is how much of the end of a program's output is kept until it is cut to what people are shown, in bytes.
	maxOutput = 8 << 10
	// patience is how long a program that was stopped may keep its output open.
	patience = 2 * time.Second
)

// usual are the variables that every program gets.
var usual = []string{"PATH", "HOME", "TMPDIR", "DOCKER_CONFIG"}

// Judge starts programs and keeps what they said.
type Judge struct {
	// Gates are the declared ones by name.
	Gates map[string]gate.Gate
	// Root is the directory that programs run in.
	Root string
	// Env looks up a variable.
	Env func(name string) (string, bool)
	// Hide takes what is secret out of a text.
	Hide func(string) string
	Now  func() time.Time
	// Save gets all verdicts each time that one came.
	Save func(gate.Verdicts) error

	mu    sync.Mutex
	slots chan struct{}
	until time.Time
	runs  int
	said  gate.Verdicts
	fault error
}

// Missing says that a program is not on this machine.
type Missing struct{ Gate, Program string }

// Error names the program.
func (e *Missing) Error() string {
	return fmt.Sprintf("gates.%s: there is no program %s", e.Gate, e.Program)
}

// Advice says what to do.
func (e *Missing) Advice() string {
	return "install it where pawl gates runs, or name it by its path in .pawl.yaml"
}

// Look finds every program that the names need, before the first is started.
func (j *Judge) Look(names []string) error {
	for _, name := range names {
		if _, err := j.find(j.Gates[name]); err != nil {
			return err
		}
	}
	return nil
}

// find is the path of a gate's program: one with a slash is below the root or absolute, others are on PATH.
func (j *Judge) find(g gate.Gate) (string, error) {
	program := g.Run[0]
	if strings.Contains(program, "/") && !strings.HasPrefix(program, "/") {
		program = j.Root + "/" + program
	}
	if found, err := exec.LookPath(program); err == nil {
		return found, nil
	}
	return "", &Missing{g.Name, g.Run[0]}
}

// Judges reports whether the gate is for versions of the kind of source.
func (j *Judge) Judges(name string, kind source.Kind) bool {
	return j.Gates[name].Judges(string(kind))
}

// Judge asks a gate about a version, once for each key.
func (j *Judge) Judge(ctx context.Context, name string, s gate.Subject) (gate.Verdict, error) {
	g := j.Gates[name]
	v := gate.Verdict{Gate: name, Artifact: s.Artifact, Version: s.Version, Digest: s.Digest, Outcome: gate.Broken}
	arguments, err := g.Arguments(s)
	if err != nil {
		v.Detail, v.At = err.Error(), j.now()
		return v, j.keep(v)
	}
	v.Key = g.Key(arguments, s)
	end, refused := j.enter(ctx)
	if refused != "" {
		v.Detail, v.At = refused, j.now()
		return v, j.keep(v)
	}
	defer j.leave()
	v.Outcome, v.Detail = j.start(ctx, g, arguments, end)
	v.At = j.now()
	return v, j.keep(v)
}

func (j *Judge) now() time.Time { return j.Now().UTC().Truncate(time.Second) }

// enter waits for a slot; the text says why there is none.
func (j *Judge) enter(ctx context.Context) (end time.Time, refused string) {
	j.mu.Lock()
	if j.slots == nil {
		j.slots, j.until = make(chan struct{}, maxParallel), time.Now().Add(maxTime)
	}
	j.runs++
	runs, slots, until := j.runs, j.slots, j.until
	j.mu.Unlock()
	if runs > maxRuns {
		return until, fmt.Sprintf("%d judgements were made already, no more in one run", maxRuns)
	}
	select {
	case slots <- struct{}{}:
		return until, ""
	case <-ctx.Done():
		return until, "interrupted"
	}
}

func (j *Judge) leave() { <-j.slots }

// keep notes a verdict and saves all of them.
func (j *Judge) keep(v gate.Verdict) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.said.Verdicts = append(j.said.Verdicts, v)
	if err := j.Save(j.said); err != nil && j.fault == nil {
		j.fault = err
	}
	return j.fault
}

// Said are the verdicts so far, in the order in which they came.
func (j *Judge) Said() gate.Verdicts {
	j.mu.Lock()
	defer j.mu.Unlock()
	return gate.Verdicts{Schema: gate.Schema, Verdicts: slices.Clone(j.said.Verdicts)}
}

// start runs the program to its end.
func (j *Judge) start(ctx context.Context, g gate.Gate, arguments []string, end time.Time) (gate.Outcome, string) {
	path, err := j.find(g)
	if err != nil {
		return gate.Broken, err.Error()
	}
	limit := min(g.Timeout, time.Until(end))
	if limit <= 0 {
		return gate.Broken, fmt.Sprintf("the gates of this run took %s already", maxTime)
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	output := &tail{}
	command := exec.CommandContext(inner, path, arguments[1:]...)
	command.Args[0] = arguments[0]
	command.Dir, command.Env, command.Stdout, command.Stderr, command.WaitDelay = j.Root, j.env(g), output, output, patience
	apart(command)
	err = command.Run()
	sweep(command)
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and left somebody behind who kept its output open
	}
	detail := gate.Clean(j.Hide(output.text()))
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return gate.Broken, "interrupted"
	case inner.Err() != nil:
		return gate.Broken, strings.TrimSpace(fmt.Sprintf("it took more than %s. %s", limit.Round(time.Second), detail))
	case err == nil:
		return gate.Pass, detail
	case errors.As(err, &exit) && slices.Contains(g.Deny, exit.ExitCode()):
		return gate.Deny, detail
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return gate.Broken, strings.TrimSpace(fmt.Sprintf("exit code %d, which is neither 0 nor one that denies. %s", exit.ExitCode(), detail))
	default:
		return gate.Broken, strings.TrimSpace(gate.Clean(j.Hide(err.Error())) + ". " + detail)
	}
}

// env is what a program gets of the environment.
func (j *Judge) env(g gate.Gate) []string {
	all := []string{}
	for _, name := range append(slices.Clone(usual), g.Env...) {
		if value, set := j.Env(name); set {
			all = append(all, name+"="+value)
		}
	}
	if _, set := j.Env("TMPDIR"); !set {
		all = append(all, "TMPDIR="+os.TempDir())
	}
	return all
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.data = append(t.data, p...); len(t.data) > 2*maxOutput {
		t.data = append(t.data[:0], t.data[len(t.data)-maxOutput:]...)
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data[max(len(t.data)-maxOutput, 0):])
}
