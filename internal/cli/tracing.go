package cli

import (
	"crypto/rand"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/trace"
	"github.com/pawl-cd/pawl/internal/wire"
)

// tracedCommands are those that make a trace where the environment asks for one.
var tracedCommands = []string{"run", "plan", "apply", "explain", "gates", "deploy", "dispatch"}

// traced is the trace of a command, and its first span.
type traced struct {
	tracing *wire.Tracing
	root    *trace.Span
}

// startTrace begins the trace of a command.
func (g *globals) startTrace(cmd *cobra.Command) {
	if g.sys.Env == nil || cmd.Parent() != cmd.Root() || !slices.Contains(tracedCommands, cmd.Name()) {
		return
	}
	w := wire.Wire{Env: g.sys.Env, UserAgent: "pawl/" + buildVersion(), Redactor: g.door, Log: g.logger(), Transport: g.sys.Transport,
		Now: g.sys.Now, Sleep: g.sys.Sleep, Say: g.reporter().say}
	tracing := w.Tracing(buildVersion(), func(into []byte) { _, _ = rand.Read(into) }) // it never fails
	if tracing == nil {
		return
	}
	ctx, root := tracing.Root(cmd.Context(), "pawl "+cmd.Name())
	cmd.SetContext(ctx)
	g.trace = &traced{tracing, root}
}

// endTrace ends the trace of a command with its exit code, which it returns, and sends it.
func (g *globals) endTrace(code int) int {
	t := g.trace
	if g.trace = nil; t == nil {
		return code
	}
	t.root.Set("process.exit.code", code)
	if code != OK && code != Changes {
		t.root.Fail("")
	}
	t.root.End()
	t.tracing.Send()
	return code
}
