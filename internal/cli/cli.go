// Package cli is the command line: it reads flags and the environment, wires the real clients to the pipeline, prints
// what comes out and turns every end into a message, a hint and an exit code. Only this package prints; only main exits.
//
// Each command is an options struct and one run method, in a file of its own name.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/redact"
)

// System is what the process has from outside.
type System struct {
	// In is what is read for a file named -; nil is empty.
	In       io.Reader
	Out, Err io.Writer
	// Env looks up an environment variable.
	Env func(name string) (string, bool)
	// Environ lists all of them as NAME=value.
	Environ func() []string
	// Terminal reports that a person watches Err, Screen that one watches Out.
	Terminal, Screen bool
	// Width is that of the screen in characters, 0 when it is none.
	Width int
	Now   func() time.Time
	// Sleep waits, or returns the context's error earlier.
	Sleep func(ctx context.Context, d time.Duration) error
	// Transport sends every request; nil is the network.
	Transport http.RoundTripper
	// ID returns a text that no other process has; nil is a random one.
	ID func() string
	// tenant is what a profile has that shares the process with others.
	tenant *tenant
}

// OS returns the real process's System.
func OS() System {
	width, _, _ := term.GetSize(int(os.Stdout.Fd()))
	return System{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.LookupEnv, Environ: os.Environ, Terminal: term.IsTerminal(int(os.Stderr.Fd())),
		Screen: term.IsTerminal(int(os.Stdout.Fd())), Width: width, Now: time.Now, Sleep: httpx.Sleep}
}

// Run runs the command line and returns the exit code.
func Run(ctx context.Context, args []string, sys System) (code int) {
	g := newGlobals(sys)
	defer func() {
		if value := recover(); value != nil {
			code = g.close(g.endTrace(g.fail(value)))
		}
	}()
	root := newRoot(g)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		completable(root)
	}
	root.SetArgs(args)
	root.SetOut(g.sys.Out)
	root.SetErr(g.sys.Err)
	err := root.ExecuteContext(ctx)
	if e, _ := errors.AsType[*exit](err); ctx.Err() != nil && (e == nil || e.code != Interrupted) {
		err = &exit{code: Interrupted, err: errInterrupted}
	}
	return g.close(g.endTrace(g.reporter().finish(err)))
}

// Command returns the command line for what describes it: man pages and completions.
func Command() *cobra.Command { return newRoot(&globals{}) }

// globals are the flags that every command has.
type globals struct {
	sys System
	// door is what every text passes that leaves the process; sys.Out and sys.Err lead through it, screen does not.
	door      *redact.Redactor
	screen    io.Writer
	root      string
	manifests []string
	config    string
	log       string
	verbose   bool
	timeout   time.Duration
	// trace is that of the command, nil when nobody asks for one.
	trace *traced
}

func newRoot(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "pawl",
		Short:         "Keep the image versions of a Git profile up to date",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := g.check(); err != nil {
			return err
		}
		g.renamed(cmd)
		g.startTrace(cmd)
		return nil
	}
	f := cmd.PersistentFlags()
	f.StringVar(&g.root, "root", ".", "the profile's `directory`")
	f.StringArrayVar(&g.manifests, "manifests", nil, "a `directory` of manifests below the root; may be repeated (default manifests, else .updatecli, else updatecli.d)")
	f.StringVar(&g.config, "config", "", "the configuration `file` (default .pawl.yaml in the root)")
	f.StringVar(&g.log, "log", "text", "`form` of what goes to stderr: text or json")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "say more: unchanged targets, each request")
	f.DurationVar(&g.timeout, "timeout", 20*time.Second, "give up on one request after this `time`")
	cmd.SetFlagErrorFunc(usageOfFlag)
	cmd.AddCommand(newInit(g), newPlan(g), newApply(g), newExplain(g), newGates(g), newRun(g), newDeploy(g), newDispatch(g), newFleet(g), newHistory(g), newValidate(g), newEvents(g), newQuarantine(g), newUnquarantine(g), newHold(g), newUnhold(g), newRollback(g), newPause(g), newResume(g), newStatus(g), newLedger(g), newDemo(g), newVersion(g))
	tellArguments(cmd)
	cmd.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveDefault)
	return cmd
}

// read returns a file of at most so many bytes, that of - from stdin.
func (g *globals) read(name string, limit int64) ([]byte, error) {
	var in io.Reader = strings.NewReader("")
	if name == "-" && g.sys.In != nil {
		in = g.sys.In
	}
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return data, err
}

// write writes to stdout; a failure is pawl's own.
func (g *globals) write(text string) error {
	if _, err := io.WriteString(g.sys.Out, text); err != nil {
		return &exit{code: Failure, err: fmt.Errorf("writing the output: %w", err)}
	}
	return nil
}

const rootHelp = `pawl reads manifests that say which images, charts and releases to track, asks the
registries which versions exist, and rewrites exactly the changed values in the YAML
files of a Git profile.

Exit codes: 0 done, also when nothing changed; 1 pawl itself failed; 2 changes are
pending (--detailed-exitcode); 3 something failed or is pending, the rest is done; 4 bad flags,
configuration or no manifest, nothing was done; 130 interrupted.`
