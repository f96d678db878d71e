package cli

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// The exit codes.
const (
	OK          = 0
	Failure     = 1
	Changes     = 2
	Partial     = 3
	Usage       = 4
	Interrupted = 130
)

var errInterrupted = errors.New("interrupted")

// exit is an end with a code of its own; err may be nil when everything is said already.
type exit struct {
	code int
	err  error
	hint string
	// topics are the entries of the manual that say more; when there are none, the error tells.
	topics []topic
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// Advice returns the hint, the cause's own when there is none.
func (e *exit) Advice() string {
	if e.hint == "" {
		return fault.Hint(e.err)
	}
	return e.hint
}

func usage(err error) error {
	return &exit{code: Usage, err: err, hint: cmp.Or(fault.Hint(err), "run pawl --help")}
}

func (g *globals) check() error {
	if g.log != "text" && g.log != "json" {
		return usage(fmt.Errorf("--log: want text or json, have %q", g.log))
	}
	if slices.Contains(g.manifests, "") {
		return usage(errors.New("--manifests: want a directory, have nothing"))
	}
	if g.timeout <= 0 {
		return usage(fmt.Errorf("--timeout: want a time above zero, have %s", g.timeout))
	}
	return nil
}

// reporter writes errors, hints and warnings to stderr, as text or as JSON lines.
type reporter struct {
	sys  System
	json *slog.Logger
}

func (g *globals) reporter() reporter {
	r := reporter{sys: g.sys}
	if g.log == "json" {
		r.json = slog.New(slog.NewJSONHandler(disarmed{g.sys.Err}, nil))
	}
	return r
}

// finish says how the command ended and returns its exit code.
func (r reporter) finish(err error) int {
	if err == nil {
		return OK
	}
	e, ok := errors.AsType[*exit](err)
	if !ok {
		e = &exit{code: Usage, err: err, hint: "run pawl --help"} // cobra's own: unknown command, wrong arguments
	}
	if e.err != nil {
		r.say(slog.LevelError, e.err.Error(), e.Advice())
	}
	r.help(topicsOfExit(e))
	return e.code
}

// problem says one fault of a file.
func (r reporter) problem(p strictyaml.Problem) {
	level := slog.LevelError
	if p.Warning {
		level = slog.LevelWarn
	}
	r.say(level, p.Error(), p.Hint)
}

// next says to a person what to do with what was printed; a log has no use for it.
func (r reporter) next(hint string) {
	if r.json == nil {
		fmt.Fprintf(r.sys.Err, "pawl: next: %s\n", hint)
	}
}

func (r reporter) say(level slog.Level, message, hint string) {
	if r.json != nil {
		attrs := []any{}
		if hint != "" {
			attrs = append(attrs, "hint", hint)
		}
		r.json.Log(nil, level, message, attrs...) //nolint:staticcheck // no context reaches this far
		return
	}
	word := map[slog.Level]string{slog.LevelError: "error", slog.LevelWarn: "warning", slog.LevelInfo: "info"}[level]
	fmt.Fprintf(r.sys.Err, "pawl: %s: %s\n", word, printable(message))
	if hint != "" {
		fmt.Fprintf(r.sys.Err, "pawl: hint: %s\n", printable(hint))
	}
}
