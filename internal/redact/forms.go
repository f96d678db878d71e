package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// escapes are the characters that begin one; maxDepth is how many layers of them are resolved.
	escapes  = `%\&`
	maxDepth = 4
	// maxEscape is the longest escape, in bytes.
	maxEscape = 10
)

// forms are the spellings of a secret that are looked for as they stand. What resolves to one of them is found as well,
// so they are here for secrets that hold escapes themselves.
func forms(secret string) []string {
	all := append(written(secret), secret)
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		all = append(all, enc.EncodeToString([]byte(secret)))
		for offset := range 3 {
			all = append(all, core(enc, secret, offset))
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(form string) bool { return len(form) < minSecret })
}

// written are the spellings that differ for a secret which is more than letters, digits and what nobody escapes.
func written(secret string) []string {
	if strings.Trim(secret, unescaped) == "" {
		return nil
	}
	all := []string{
		url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), quoted(secret, true), quoted(secret, false),
		strings.Trim(strconv.Quote(secret), `"`),
	}
	for range maxDepth {
		plain, _, found := unescape(secret, false)
		if !found {
			break
		}
		all, secret = append(all, plain), plain
	}
	return all
}

// unescaped are characters that URLs, JSON and HTML write as they are.
const unescaped = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"

// quoted is a text as JSON writes it, without its quotes.
func quoted(text string, html bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	_ = enc.Encode(text) // a string always can be
	line := strings.TrimSuffix(b.String(), "\n")
	return line[1 : len(line)-1]
}

// core is the part of the encoded secret that does not depend on what stands around it, when it begins at an offset
// (modulo 3) of the encoded text.
func core(enc *base64.Encoding, secret string, offset int) string {
	text := enc.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
	first, last := []int{0, 2, 3}[offset], (offset+len(secret))*8/6
	if first >= last {
		return ""
	}
	return text[first:last]
}

// unescape resolves one layer of what URLs, JSON and HTML escape. Where places are wanted, they say for each byte of the
// result, and for its end, where in the text it comes from. False means that there was none.
func unescape(text string, placed bool) (plain string, places []int, found bool) {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '\\') < 0 && strings.IndexByte(text, '&') < 0 { // faster than all at once
		return text, nil, false
	}
	out, at := make([]byte, 0, len(text)), []int(nil)
	for i := 0; i < len(text); {
		end := strings.IndexAny(text[i:], escapes)
		if end < 0 {
			end = len(text) - i
		}
		out = append(out, text[i:i+end]...)
		for j := 0; placed && j < end; j++ {
			at = append(at, i+j)
		}
		if i += end; i == len(text) {
			break
		}
		char, size := escape(text[i:])
		if size == 0 {
			char, size = text[i:i+1], 1
		} else {
			found = true
		}
		out = append(out, char...)
		for j := 0; placed && j < len(char); j++ {
			at = append(at, i)
		}
		i += size
	}
	return string(out), append(at, len(text)), found
}

// escape reads an escape at the beginning of a text: what it stands for, and its length, 0 when there is none.
func escape(text string) (char string, size int) {
	switch text[0] {
	case '%':
		return hex(text, 1, 2)
	case '\\':
		return backslash(text)
	case '&':
		return entity(text)
	}
	return "", 0
}

// hex reads so many hexadecimal digits after a beginning: one byte when there are two, else a character.
func hex(text string, begin, digits int) (char string, size int) {
	if len(text) < begin+digits {
		return "", 0
	}
	n, err := strconv.ParseUint(text[begin:begin+digits], 16, 32)
	if err != nil {
		return "", 0
	}
	if digits == 2 {
		return string([]byte{byte(n)}), begin + digits
	}
	return string(utf8.AppendRune(nil, rune(n))), begin + digits
}

var controls = map[byte]string{'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f"}

func backslash(text string) (char string, size int) {
	if len(text) < 2 {
		return "", 0
	}
	switch c := text[1]; c {
	case '"', '\'', '\\', '/':
		return text[1:2], 2
	case 'n', 'r', 't', 'b', 'f':
		return controls[c], 2
	case 'x':
		return hex(text, 2, 2)
	case 'u':
		return unit(text)
	}
	return "", 0
}

// unit reads \u0000, and two of them where they are one character.
func unit(text string) (char string, size int) {
	first, size := hex(text, 2, 4)
	if size == 0 || first != "\uFFFD" || len(text) < 12 {
		return first, size
	}
	if r, ok := pair(text[:12]); ok {
		return r, 12
	}
	return first, size
}

func pair(text string) (char string, ok bool) {
	err := json.Unmarshal([]byte(`"`+text+`"`), &char)
	return char, err == nil && utf8.RuneCountInString(char) == 1
}

func entity(text string) (char string, size int) {
	end := strings.IndexByte(text[:min(len(text), maxEscape)], ';')
	if end < 0 {
		return "", 0
	}
	char = html.UnescapeString(text[:end+1])
	if char == text[:end+1] {
		return "", 0
	}
	return char, end + 1
}
