package page

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxText bounds one untrusted text on a page, in characters.
const maxText = 2000

// visible shows untrusted text on one line: what is no printable character, marks that reorder text included, as \u0000,
// and what is too long cut.
func visible(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// parts is visible in pieces that end with a slash, after which a line may break.
func parts(text string) []string { return strings.SplitAfter(visible(text), "/") }

// visibleLines is visible for each line of a longer text, which keeps its indentation; empty lines stay.
func visibleLines(text string) []string {
	const most = 500
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if len(lines) == most {
			return append(lines, "…")
		}
		lines = append(lines, visible(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    ")))
	}
	return lines
}

// link returns an address that may become a link: http or https, absolute, without a user. Others return nothing.
func link(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(text) > maxText {
		return ""
	}
	return u.String()
}

func shortSHA(sha string) string { return visible(sha[:min(8, len(sha))]) }

// count puts a number before a thing: "1 update", "3 updates".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "ry") {
		thing = strings.TrimSuffix(thing, "y") + "ie"
	}
	return thousands(n) + " " + thing + "s"
}

// thousands groups the digits of a number.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// took says how long something lasted, in the two largest units.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	part := func(big time.Duration, bigName string, small time.Duration, smallName string) string {
		text := fmt.Sprintf("%d\u00a0%s", d/big, bigName)
		if rest := d % big / small; rest > 0 {
			text += fmt.Sprintf(" %d\u00a0%s", rest, smallName)
		}
		return text
	}
	switch {
	case d <= 0:
		return "0\u00a0s"
	case d < time.Second:
		return fmt.Sprintf("%d\u00a0ms", max(1, d.Milliseconds()))
	case d < 10*time.Second:
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + "\u00a0s"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + "\u00a0s"
	case d < time.Hour:
		return part(time.Minute, "min", time.Second, "s")
	case d < 24*time.Hour:
		return part(time.Hour, "h", time.Minute, "min")
	default:
		return part(24*time.Hour, "d", time.Hour, "h")
	}
}

// when is a time for people, stamp for machines; both are UTC.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 Jan 2006, 15:04:05 UTC")
}

// minute is when without the seconds, where many stand below each other.
func minute(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04\u00a0UTC") }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// percent is a share of the whole as the text that an SVG attribute takes, at least a visible sliver when it is any at all.
func percent(part, whole float64) string {
	if whole <= 0 || part <= 0 {
		return "0%"
	}
	return strconv.FormatFloat(max(0.6, min(100, part/whole*100)), 'f', 2, 64) + "%"
}

// place is percent without a minimum.
func place(part, whole float64) string {
	if whole <= 0 || part <= 0 {
		return "0%"
	}
	return strconv.FormatFloat(min(100, part/whole*100), 'f', 2, 64) + "%"
}

// cut splits two values where they begin to differ, at the border of a word.
func cut(from, to string) (same, fromTail, toTail string) {
	n := 0
	for n < min(len(from), len(to)) && from[n] == to[n] {
		n++
	}
	for n > 0 && wordly(from[n-1]) {
		n--
	}
	return from[:n], from[n:], to[n:]
}

func wordly(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
