package redact

import (
	"bytes"
	"io"
	"sync"
)

const (
	// maxHeld is how much of an unfinished line is kept back at most, tail what is kept back of a longer one, in bytes.
	maxHeld, tail = 1 << 20, 64 << 10
)

// Writer removes secrets from what is written through it, line by line: the end of a line that is not there yet is kept
// back, so that no secret is split. Flush it at the end. It is safe for concurrent use.
type Writer struct {
	redactor *Redactor
	to       io.Writer

	mu   sync.Mutex
	held []byte
}

// Writer returns a Writer to another one.
func (r *Redactor) Writer(to io.Writer) *Writer { return &Writer{redactor: r, to: to} }

// Write takes the bytes and passes on the lines that are complete.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := bytes.LastIndexByte(p, '\n') + 1 // what is held has none
	if end > 0 {
		end += len(w.held)
	}
	w.held = append(w.held, p...)
	if end == 0 && len(w.held) > maxHeld {
		end = w.redactor.between(string(w.held), len(w.held)-tail)
	}
	if err := w.pass(end); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush passes on what is left.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(len(w.held))
}

func (w *Writer) pass(end int) error {
	if end == 0 {
		return nil
	}
	text := w.redactor.Text(string(w.held[:end]))
	w.held = append(w.held[:0], w.held[end:]...)
	_, err := io.WriteString(w.to, text)
	return err
}

// between is a place at or before another one where no secret is cut.
func (r *Redactor) between(text string, at int) int {
	if r == nil {
		return at
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range r.known.spans(text, true) {
		if s.from < at && at < s.to {
			return s.from
		}
	}
	return at
}
