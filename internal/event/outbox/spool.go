package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
)

const (
	dirNew     = "new"
	dirWaiting = "waiting"
	dirDead    = "dead"
	suffix     = ".json"

	// staleAfter is the age at which a file under new/ is taken for a crashed process's.
	staleAfter = time.Hour
)

// errDamaged is a file that no Add has written whole, such as one that a power failure cut.
var errDamaged = errors.New("damaged: not a whole event")

// sinkName is what a sink may be called: its name is a directory's.
var sinkName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`) })

// record is what a file holds.
type record struct {
	// Order is the nanosecond of Add since 1970, made unique; Reason is why the event was set aside.
	Order   int64         `json:"order"`
	Reason  string        `json:"reason,omitempty"`
	Message event.Message `json:"message"`
}

// spool is the directory; it knows names and formats, not what is waiting.
type spool struct {
	disk disk
	dir  string
}

// keyOf names an event's file: 128 bits over source and id, which are unique together.
func keyOf(m event.Message) string {
	sum := sha256.Sum256([]byte(m.Source + "\x00" + m.ID))
	return hex.EncodeToString(sum[:16])
}

func (s *spool) file(kind, sink, key string) string {
	return filepath.Join(s.dir, kind, sink, key+suffix)
}

// prepare makes the directories and removes what crashed processes left half done.
func (s *spool) prepare(sinks []string, now time.Time) error {
	dirs := []string{filepath.Join(s.dir, dirNew)}
	for _, sink := range sinks {
		if !sinkName().MatchString(sink) {
			return fmt.Errorf("opening the outbox: %q is no name for a sink", sink)
		}
		dirs = append(dirs, filepath.Join(s.dir, dirWaiting, sink), filepath.Join(s.dir, dirDead, sink))
	}
	for _, dir := range dirs {
		if err := s.disk.mkdir(dir); err != nil {
			return failure("opening the outbox", err, "set events.outbox to a directory that can be written")
		}
	}
	return s.sweep(dirs[0], now)
}

// sweep removes old files of Adds that did not end; younger ones may be another process's at work.
func (s *spool) sweep(dir string, now time.Time) error {
	files, err := s.disk.list(dir)
	if err != nil {
		return failure("opening the outbox", err, "")
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && now.Sub(info.ModTime()) > staleAfter {
			s.discard(filepath.Join(dir, f.Name()))
		}
	}
	return nil
}

// stage writes a record where nobody reads it yet, and returns its name and size.
func (s *spool) stage(r record) (string, int64, error) {
	data, err := json.Marshal(r)
	if err == nil && len(data) > maxRecord {
		err = fmt.Errorf("the event has more than %d bytes", maxRecord)
	}
	if err != nil {
		return "", 0, fmt.Errorf("writing an event to the outbox: %w", err)
	}
	name, err := s.disk.write(filepath.Join(s.dir, dirNew), data)
	if err != nil {
		return "", 0, failure("writing an event to the outbox", err, "free space on the disk, or set events.outbox to another one")
	}
	return name, int64(len(data)), nil
}

// discard removes a staged file; what cannot be removed is swept later.
func (s *spool) discard(name string) { _ = s.disk.remove(name) }

// publish makes a staged record wait for a sink. That it already waits there is fs.ErrExist.
func (s *spool) publish(staged, sink, key string) error {
	err := s.disk.link(staged, s.file(dirWaiting, sink, key))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return failure("writing an event to the outbox", err, "set events.outbox to a file system with hard links and free space")
	}
	return err
}

// read returns a waiting record; one that is gone is fs.ErrNotExist.
func (s *spool) read(kind, sink, key string) (record, int64, error) {
	data, err := s.disk.read(s.file(kind, sink, key))
	if err != nil {
		return record{}, 0, err
	}
	// Whoever writes an event writes it whole, so what is no JSON was cut by the system.
	var r record
	if json.Unmarshal(data, &r) != nil || r.Message.ID == "" {
		return record{}, int64(len(data)), errDamaged
	}
	return r, int64(len(data)), nil
}

// size returns how large a file is, 0 when that is unknown.
func (s *spool) size(kind, sink, key string) int64 {
	data, err := s.disk.read(s.file(kind, sink, key))
	if err != nil {
		return 0
	}
	return int64(len(data))
}

// forget removes an event that its sink has.
func (s *spool) forget(sink, key string) error {
	err := s.disk.remove(s.file(dirWaiting, sink, key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process delivered it as well
	}
	return failure("removing a delivered event from the outbox", err, "check who owns the files of the outbox")
}

// bury sets a waiting event aside with the reason, first written, then removed.
func (s *spool) bury(sink, key string, r record) error {
	staged, _, err := s.stage(r)
	if err != nil {
		return err
	}
	defer s.discard(staged)
	return s.move(staged, sink, key)
}

// buryDamaged sets a file aside as it is.
func (s *spool) buryDamaged(sink, key string) error {
	return s.move(s.file(dirWaiting, sink, key), sink, key)
}

func (s *spool) move(from, sink, key string) error {
	err := s.disk.link(from, s.file(dirDead, sink, key))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return failure("setting an event aside", err, "free space on the disk of the outbox")
	}
	return s.forget(sink, key)
}

// keys returns the events of a sink, in no order that means anything.
func (s *spool) keys(kind, sink string) ([]string, error) {
	files, err := s.disk.list(filepath.Join(s.dir, kind, sink))
	if err != nil {
		return nil, failure("reading the outbox", err, "")
	}
	var keys []string
	for _, f := range files {
		if key, ok := keyName(f.Name()); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func keyName(file string) (string, bool) {
	ext := filepath.Ext(file)
	return file[:len(file)-len(ext)], ext == suffix
}
