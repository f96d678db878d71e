package httpx

import (
	"errors"
	"io"
)

// The sizes of the parts that a body is held in: no part is copied when the next one comes, so a large body takes its own
// size of memory, and less and less while it is read.
const (
	firstPart = 16 << 10
	laterPart = 1 << 20
)

// body is an answer in memory, read once.
type body struct {
	parts [][]byte
	size  int64
}

// readBody reads everything; length is what was announced, below zero for unknown.
func readBody(r io.Reader, length int64) (*body, error) {
	b := &body{}
	size := firstPart
	if length >= 0 && length < laterPart {
		size = int(length) + 1 // one more shows the end
	}
	for {
		part := make([]byte, size)
		n, err := fill(r, part)
		if n > 0 {
			b.parts, b.size = append(b.parts, part[:n]), b.size+int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return nil, err
		}
		size = min(max(4*size, firstPart), laterPart)
	}
}

// fill reads until the part is full, or the error that ends the reading.
func fill(r io.Reader, part []byte) (int, error) {
	n := 0
	for n < len(part) {
		more, err := r.Read(part[n:])
		n += more
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// cut drops what is beyond the limit.
func (b *body) cut(limit int64) {
	for b.size > limit {
		last := len(b.parts) - 1
		over := min(b.size-limit, int64(len(b.parts[last])))
		b.parts[last] = b.parts[last][:int64(len(b.parts[last]))-over]
		if len(b.parts[last]) == 0 {
			b.parts = b.parts[:last]
		}
		b.size -= over
	}
}

// Read gives the next bytes and forgets them.
func (b *body) Read(p []byte) (int, error) {
	if len(b.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.parts[0])
	if b.parts[0] = b.parts[0][n:]; len(b.parts[0]) == 0 {
		b.parts[0] = nil
		b.parts = b.parts[1:]
	}
	return n, nil
}

// Close forgets the rest.
func (b *body) Close() error {
	b.parts = nil
	return nil
}
