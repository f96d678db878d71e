package helm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// lines reads a text line by line.
type lines struct {
	in *bufio.Reader
	// line is the current line with its end, and indent how many spaces it begins with; idle says that it is empty or a
	// comment.
	line   []byte
	indent int
	idle   bool
	// held says that the line is to be given again.
	held bool
	long []byte
}

// back makes the line the next one.
func (l *lines) back() { l.held = true }

// next reads a line; the error is io.EOF at the end and errUnusual for a line that is not for this reader: one beyond all
// measure, one that holds a bare carriage return, a comment that is no text, or one that is indented with a tab.
func (l *lines) next() error {
	if l.held {
		l.held = false
		return nil
	}
	if err := l.read(); err != nil {
		return err
	}
	text := bytes.TrimRight(l.line, "\r\n")
	rest := bytes.TrimLeft(text, " ")
	l.indent = len(text) - len(rest)
	l.idle = len(rest) == 0 || rest[0] == '#'
	ending := len(l.line) - len(text)
	switch {
	case bytes.IndexByte(text, '\r') >= 0, ending > 2, ending == 2 && l.line[len(text)] == '\n', ending == 1 && l.line[len(text)] == '\r':
		return errUnusual
	case len(rest) > 0 && rest[0] == '\t', l.idle && !printable(rest):
		return errUnusual
	}
	return nil
}

// printable reports whether the library would read the text, and read it as one line: a comment ends with each of the
// breaks of YAML 1.1.
func printable(text []byte) bool {
	ascii := true
	for _, c := range text {
		ascii = ascii && (' ' <= c && c <= '~' || c == '\t')
	}
	return ascii || !bytes.ContainsFunc(text, func(c rune) bool {
		return c < ' ' && c != '\t' || '~' < c && c < 0xA0 || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == utf8.RuneError || c > 0xFFFD && c < 0x10000
	})
}

// read gets a line of any length up to the bound.
func (l *lines) read() error {
	line, err := l.in.ReadSlice('\n')
	if err == nil || errors.Is(err, io.EOF) && len(line) > 0 {
		l.line = line
		return nil
	}
	l.long = l.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		if l.long = append(l.long, line...); len(l.long) > maxPart {
			return errUnusual
		}
		line, err = l.in.ReadSlice('\n')
	}
	l.long = append(l.long, line...)
	if l.line = l.long; len(l.line) > 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// text is the line without its indentation and its end.
func (l *lines) text() []byte { return bytes.TrimRight(l.line[l.indent:], "\r\n") }

// item reports whether the line begins an item of a list.
func (l *lines) item() bool {
	text := l.text()
	return len(text) > 0 && text[0] == '-' && (len(text) == 1 || text[1] == ' ')
}
