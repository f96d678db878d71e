package outbox

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/pawl-cd/pawl/internal/event"
)

// Entry is one event on disk.
type Entry struct {
	Sink string
	// Dead tells that the event was set aside, Reason why.
	Dead    bool
	Reason  string
	Message event.Message

	order int64
}

// List returns what waits and what was set aside in a directory, by sink, the waiting first, in the order in which it
// was added. It changes nothing and delivers nothing; a directory that does not exist is empty.
func List(dir string) ([]Entry, error) {
	s := &spool{disk: osDisk{}, dir: dir}
	var all []Entry
	for _, kind := range []string{dirWaiting, dirDead} {
		sinks, err := s.disk.list(filepath.Join(dir, kind))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, failure("reading the outbox", err, "")
		}
		for _, sink := range sinks {
			entries, err := s.entries(kind, sink.Name())
			if err != nil {
				return nil, err
			}
			all = append(all, entries...)
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Sink, b.Sink), compareBool(a.Dead, b.Dead), cmp.Compare(a.order, b.order))
	})
	return all, nil
}

func (s *spool) entries(kind, sink string) ([]Entry, error) {
	keys, err := s.keys(kind, sink)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, key := range keys {
		r, _, err := s.read(kind, sink, key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // delivered a moment ago
		case errors.Is(err, errDamaged):
			r.Reason = err.Error()
		case err != nil:
			return nil, failure("reading the outbox", err, "")
		}
		entries = append(entries, Entry{Sink: sink, Dead: kind == dirDead, Reason: r.Reason, Message: r.Message, order: r.Order})
	}
	return entries, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
