package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fleet"
)

// overheard is where the command of a profile says what it does: to be read when it has ended, and with --verbose for people too.
func (t *tenants) overheard(p fleet.Profile, kept *strings.Builder) io.Writer {
	log := t.logger()
	if log == nil {
		return kept
	}
	return io.MultiWriter(kept, &retold{log: log.With("profile", p.Name())})
}

// retold says again the lines of a log in JSON.
type retold struct {
	log  *slog.Logger
	held []byte
}

// Write takes the lines that are complete.
func (r *retold) Write(p []byte) (int, error) {
	r.held = append(r.held, p...)
	for {
		line, rest, whole := bytes.Cut(r.held, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		r.say(line)
		r.held = rest
	}
}

func (r *retold) say(line []byte) {
	var said map[string]any
	if err := json.Unmarshal(line, &said); err != nil {
		return // what the command prints beside its log
	}
	var level slog.Level
	word, _ := said[slog.LevelKey].(string)
	if err := level.UnmarshalText([]byte(word)); err != nil {
		return
	}
	text, _ := said[slog.MessageKey].(string)
	record := slog.NewRecord(time.Time{}, level, text, 0)
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if name != slog.LevelKey && name != slog.MessageKey && name != slog.TimeKey {
			record.AddAttrs(slog.Any(name, said[name]))
		}
	}
	_ = r.log.Handler().Handle(context.Background(), record) // where it cannot be said nobody listens
}
