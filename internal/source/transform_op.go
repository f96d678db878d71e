package source

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Op is one transformer. The zero value changes nothing.
type Op struct {
	kind opKind
	// text is the prefix or suffix.
	text     string
	replacer *strings.Replacer
	pattern  *regexp.Regexp
	group    int
	capture  string
	steps    []string
}

type opKind int

const (
	identity opKind = iota
	trimPrefix
	addPrefix
	trimSuffix
	addSuffix
	replace
	find
	semverInc
)

// Replacement is a text and what stands there instead.
type Replacement struct{ From, To string }

// TrimPrefix removes a prefix from versions that have it.
func TrimPrefix(prefix string) Op { return Op{kind: trimPrefix, text: prefix} }

// AddPrefix adds a prefix.
func AddPrefix(prefix string) Op { return Op{kind: addPrefix, text: prefix} }

// TrimSuffix removes a suffix from versions that have it.
func TrimSuffix(suffix string) Op { return Op{kind: trimSuffix, text: suffix} }

// AddSuffix adds a suffix.
func AddSuffix(suffix string) Op { return Op{kind: addSuffix, text: suffix} }

// Replace replaces every occurrence of several texts in a single pass, so that what was put in is not replaced again;
// it is both `replacer` and `replacers`. A replacement without From is an error.
func Replace(all ...Replacement) (Op, error) {
	if len(all) == 0 {
		return Op{}, errors.New("reading replacers: want at least one pair of from and to")
	}
	pairs := make([]string, 0, 2*len(all))
	for _, r := range all {
		if r.From == "" {
			return Op{}, errors.New("reading replacer: from is empty, want the text to replace")
		}
		pairs = append(pairs, r.From, r.To)
	}
	return Op{kind: replace, replacer: strings.NewReplacer(pairs...)}, nil
}

// Find keeps the first match of a regular expression.
func Find(pattern string) (Op, error) { return findGroup("find", pattern, 0) }

// FindSubmatch keeps one group of the first match of a regular expression; group 0 is the whole match.
func FindSubmatch(pattern string, group int) (Op, error) {
	return findGroup("findsubmatch", pattern, group)
}

// FindCapture keeps a text in which \0 stands for the first match of a regular expression, \1 for its first group and so on. A
// number beyond the groups stays as it is.
func FindCapture(pattern, capture string) (Op, error) {
	op, err := findGroup("findsubmatch", pattern, 0)
	op.capture = capture
	return op, err
}

func findGroup(word, pattern string, group int) (Op, error) {
	if pattern == "" {
		return Op{}, fmt.Errorf("reading %s: the pattern is empty, want a regular expression", word)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return Op{}, fmt.Errorf("reading %s %q: %w", word, pattern, err)
	}
	if group < 0 || group > re.NumSubexp() {
		return Op{}, fmt.Errorf("reading %s %q: captureindex %d: want 0 to %d, the expression's number of groups", word, pattern, group, re.NumSubexp())
	}
	return Op{kind: find, pattern: re, group: group}, nil
}

// SemverInc increments parts of a semantic version in the order written: major, minor, patch, or several with commas.
// The result is written without a leading v.
func SemverInc(parts string) (Op, error) {
	op := Op{kind: semverInc}
	for part := range strings.SplitSeq(parts, ",") {
		part = strings.TrimSpace(part)
		switch part {
		case "major", "minor", "patch":
			op.steps = append(op.steps, part)
		default:
			return Op{}, fmt.Errorf("reading semverinc %q: want major, minor, patch, or several with commas", parts)
		}
	}
	return op, nil
}

func (o Op) apply(text string) (string, error) {
	switch o.kind {
	case trimPrefix:
		return strings.TrimPrefix(text, o.text), nil
	case addPrefix:
		return o.text + text, nil
	case trimSuffix:
		return strings.TrimSuffix(text, o.text), nil
	case addSuffix:
		return text + o.text, nil
	case replace:
		return o.replacer.Replace(text), nil
	case find:
		return o.find(text)
	case semverInc:
		return increment(text, o.steps)
	default:
		return text, nil
	}
}

func (o Op) find(text string) (string, error) {
	m := o.pattern.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("finding %q in %q: no match", o.pattern, text)
	}
	if o.capture == "" {
		return m[o.group], nil
	}
	kept := o.capture
	for i, group := range m { // one after the other, as Updatecli does it
		kept = strings.ReplaceAll(kept, "\\"+strconv.Itoa(i), group)
	}
	return kept, nil
}

// undo returns every text that the transformer turns into this one; nothing when it is not a prefix or suffix one.
func (o Op) undo(text string) []string {
	switch o.kind {
	case identity:
		return []string{text}
	case trimPrefix:
		return untrimmed(text, o.text+text, strings.HasPrefix(text, o.text))
	case trimSuffix:
		return untrimmed(text, text+o.text, strings.HasSuffix(text, o.text))
	case addPrefix:
		return cut(strings.CutPrefix(text, o.text))
	case addSuffix:
		return cut(strings.CutSuffix(text, o.text))
	default:
		return nil
	}
}

// untrimmed returns the text with what was trimmed, and the text itself unless it would have been trimmed too.
func untrimmed(text, whole string, trimmed bool) []string {
	switch {
	case whole == text:
		return []string{text}
	case trimmed:
		return []string{whole}
	default:
		return []string{whole, text}
	}
}

func cut(text string, found bool) []string {
	if !found {
		return nil
	}
	return []string{text}
}
