package edit

import "unicode/utf8"

// breaks are the line breaks of YAML 1.1, as yaml.v3 counts them.
const breaks = "\n\r\u0085\u2028\u2029"

// breakSize returns the length in bytes of the line break at the position, 0 when there is none.
func breakSize(data []byte, at int) int {
	switch {
	case at >= len(data):
		return 0
	case data[at] == '\n':
		return 1
	case data[at] == '\r':
		if at+1 < len(data) && data[at+1] == '\n' {
			return 2
		}
		return 1
	case data[at] != 0xC2 && data[at] != 0xE2:
		return 0
	}
	switch r, size := utf8.DecodeRune(data[at:]); r {
	case '\u0085', '\u2028', '\u2029':
		return size
	}
	return 0
}

// lineOffsets returns the offset at which each line starts.
func lineOffsets(data []byte, start int) []int {
	lines := []int{start}
	for at := start; at < len(data); {
		size := breakSize(data, at)
		if size == 0 {
			at++
			continue
		}
		at += size
		lines = append(lines, at)
	}
	return lines
}

// cursor turns ascending positions into offsets without reading a line twice.
type cursor struct {
	file         *File
	line, column int
	offset       int
	odd          []span // the lines with odd breaks
}

// seek returns the offset of a position, counted from 1 in characters.
func (c *cursor) seek(line, column int) (int, bool) {
	if line < 1 || line > len(c.file.lines) || column < 1 {
		return 0, false
	}
	if c.line != line || column < c.column {
		c.line, c.column, c.offset = line, 1, c.file.lines[line-1]
	}
	for ; c.column < column; c.column++ {
		if c.offset >= len(c.file.data) {
			return 0, false
		}
		_, size := utf8.DecodeRune(c.file.data[c.offset:])
		c.offset += size
	}
	return c.offset, true
}
