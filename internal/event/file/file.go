// Package file is the sink that appends events to a file as JSON Lines (https://jsonlines.org), one CDEvent a line. It
// promises: the file is private to its owner, a line is whole or is not acknowledged, what was acknowledged is on the
// medium after Close, and a line that a crash cut is taken away before the next one is written. It writes to regular
// files only: through a symbolic link an event would end where nobody looks for it. When to write is the sender's
// business.
package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fault"
)

// maxTail bounds how far back the beginning of a cut line is looked for, in bytes.
const maxTail = 2 << 20

// Sink appends to one file, which is opened with the first event. It is not safe for concurrent use.
type Sink struct {
	path string
	file *os.File
}

// New returns the sink for a path; nothing is opened yet.
func New(path string) *Sink { return &Sink{path: path} }

// Deliver appends the bodies as one write and acknowledges all of them or none. A body that is no JSON is refused.
func (s *Sink) Deliver(_ context.Context, batch []event.Message) []error {
	results := make([]error, len(batch))
	var lines bytes.Buffer
	for i, m := range batch {
		results[i] = appendLine(&lines, m.Body)
	}
	if err := s.append(lines.Bytes()); err != nil {
		for i := range results {
			if results[i] == nil {
				results[i] = err
			}
		}
	}
	return results
}

// appendLine adds the body without line breaks; a failed one adds nothing.
func appendLine(lines *bytes.Buffer, body []byte) error {
	before := lines.Len()
	if err := json.Compact(lines, body); err != nil {
		lines.Truncate(before)
		return &event.Rejected{Reason: "the body is no JSON"}
	}
	return lines.WriteByte('\n')
}

// append writes the lines; after a failure the file is opened, and so repaired, again.
func (s *Sink) append(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if s.file == nil {
		f, err := open(s.path)
		if err != nil {
			return failure(s.path, err)
		}
		s.file = f
	}
	if _, err := s.file.Write(lines); err != nil {
		err = errors.Join(err, s.file.Close())
		s.file = nil
		return failure(s.path, err)
	}
	return nil
}

// Close puts the file on the medium.
func (s *Sink) Close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Sync(), s.file.Close())
	s.file = nil
	return failure(s.path, err)
}

// open opens the file for appending, makes it when it is missing, and repairs its end.
func open(path string) (*os.File, error) {
	before, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	case err != nil:
		return nil, err
	case !before.Mode().IsRegular():
		return nil, errNotRegular
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	if err := check(f, before); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// check makes sure that the open file is the one that was looked at, and repairs it.
func check(f *os.File, before fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, before) {
		return errors.New("it was exchanged while it was opened")
	}
	return repair(f, info.Size())
}

// repair makes the file end with a whole line: a last line that is JSON gets its line break, another is cut off. It was
// never acknowledged.
func repair(f *os.File, size int64) error {
	tail := make([]byte, min(size, maxTail))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	last := tail[bytes.LastIndexByte(tail, '\n')+1:]
	switch {
	case len(last) == 0:
		return nil
	case json.Valid(last) || len(last) == maxTail:
		_, err := f.Write([]byte{'\n'})
		return err
	default:
		return f.Truncate(size - int64(len(last)))
	}
}

var errNotRegular = errors.New("it is no regular file")

// failure is the error of a file that cannot be written.
func failure(path string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	hint := "set path of the file sink to a file that can be written"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotRegular):
		hint = "set path of the file sink to the file itself, not to a link, directory or device"
	}
	return fault.New(hint, "writing events to %s: %w", path, err)
}
