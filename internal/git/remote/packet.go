package remote

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/git"
)

// Lengths of packets that are none (https://git-scm.com/docs/gitprotocol-common#_pkt_line_format).
const (
	flush     = "0000"
	delimiter = "0001"
	// maxPacket is the longest packet that exists.
	maxPacket = 65520
)

// packet is one packet; an end is a flush or a delimiter.
type packet struct {
	data []byte
	end  string
}

func (p packet) text() string { return strings.TrimSuffix(string(p.data), "\n") }

// packets reads packets one after the other.
type packets struct{ r io.Reader }

func (p packets) next() (packet, error) {
	var head [4]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return packet{}, git.Malformed("the end of the answer")
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	switch {
	case err != nil || n == 3 || n > maxPacket:
		return packet{}, git.Malformed("a packet of the answer")
	case n < 3:
		return packet{end: string(head[:])}, nil
	}
	data := make([]byte, n-4)
	if _, err := io.ReadFull(p.r, data); err != nil {
		return packet{}, git.Malformed("the end of the answer")
	}
	if said, refused := bytes.CutPrefix(data, []byte("ERR ")); refused {
		return packet{}, &RefusedError{Message: strings.TrimSpace(string(said))}
	}
	return packet{data: data}, nil
}

// lines reads texts up to the next flush or delimiter, which it returns.
func (p packets) lines(each func(line string) error) (end string, err error) {
	for {
		one, err := p.next()
		if err != nil || one.end != "" {
			return one.end, err
		}
		if err := each(one.text()); err != nil {
			return "", err
		}
	}
}

// demultiplex reads the bands of an answer up to its flush: the data, and what the other side says to people.
func (p packets) demultiplex() (data []byte, said string, err error) {
	var out, remarks bytes.Buffer
	for {
		one, err := p.next()
		switch {
		case err != nil:
			return nil, remarks.String(), err
		case one.end == flush:
			return out.Bytes(), remarks.String(), nil
		case one.end != "" || len(one.data) == 0:
			return nil, remarks.String(), git.Malformed("a packet of the answer")
		}
		switch one.data[0] {
		case 1:
			out.Write(one.data[1:])
		case 2:
			remarks.Write(one.data[1:])
		case 3:
			return nil, remarks.String(), &RefusedError{Message: strings.TrimSpace(string(one.data[1:])), Said: remarks.String()}
		default:
			return nil, remarks.String(), git.Malformed("a packet of the answer")
		}
	}
}

// line appends a packet to a request.
func line(to *bytes.Buffer, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(to, "%04x%s", len(text)+4, text)
}
