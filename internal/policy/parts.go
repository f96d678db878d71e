package policy

import (
	"cmp"
	"slices"
	"strings"
)

// part is a piece of a tag: text that stays as it is, a number, or a hash, which differs from build to build and says
// nothing about the order.
type part struct {
	kind partKind
	text string
	// whole means that digits are a word of their own, so that they could be a hash as well.
	whole bool
}

type partKind int

const (
	literal partKind = iota
	digits
	hash
)

// parts cuts a tag into its pieces, one at a time, without allocating: words between separators, and these at their
// numbers.
type parts struct {
	tag string
	// at is where the next piece begins, word where the word ends that is being cut at its numbers.
	at, word int
}

// next returns the next piece, and false at the end.
func (p *parts) next() (part, bool) {
	switch {
	case p.at >= len(p.tag):
		return part{}, false
	case p.at < p.word:
		return p.cut(), true
	case !alphanumeric(p.tag[p.at]):
		return part{text: p.take(func(c byte) bool { return !alphanumeric(c) }, len(p.tag))}, true
	}
	end := p.at
	for end < len(p.tag) && alphanumeric(p.tag[end]) {
		end++
	}
	word := p.tag[p.at:end]
	switch n := hashPrefix(word); {
	case n > 0:
		p.at += n
		return part{text: word[:n]}, true
	case decimal(word):
		p.at = end
		return part{kind: digits, text: word, whole: true}, true
	case isHash(word):
		p.at = end
		return part{kind: hash, text: word, whole: true}, true
	case opaque(word):
		p.at = end
		return part{text: word}, true
	}
	p.word = end
	return p.cut(), true
}

// cut takes the digits, or what is none, from the word that is being cut.
func (p *parts) cut() part {
	numeric := digit(p.tag[p.at])
	text := p.take(func(c byte) bool { return digit(c) == numeric }, p.word)
	if numeric {
		return part{kind: digits, text: text}
	}
	return part{text: text}
}

func (p *parts) take(while func(byte) bool, limit int) string {
	start := p.at
	for p.at < limit && while(p.tag[p.at]) {
		p.at++
	}
	return p.tag[start:p.at]
}

func alphanumeric(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func decimal(s string) bool { return s != "" && strings.TrimLeft(s, "0123456789") == "" }

// The lengths of hashes: abbreviated by git, and whole ones of SHA-256.
const (
	shortestHash = 7
	longestHash  = 64
)

// isHash reports whether a word is a hexadecimal hash, one of a thousand of which has no digit; one of digits alone
// cannot be told by itself, see shape.
func isHash(word string) bool {
	return len(word) >= shortestHash && len(word) <= longestHash && strings.Trim(word, "0123456789abcdef") == "" && !decimal(word)
}

// hashPrefixes are the words that stand right before a hash, as in git's own v1.2.3-45-g0123abc.
var hashPrefixes = [...]string{"g", "git", "sha", "commit", "rev"}

// hashPrefix returns the length of such a word before a hash or digits that are as long as one, 0 for none.
func hashPrefix(word string) int {
	for _, prefix := range hashPrefixes {
		rest, ok := strings.CutPrefix(word, prefix)
		if ok && len(rest) >= shortestHash && (isHash(rest) || decimal(rest)) {
			return len(prefix)
		}
	}
	return 0
}

// architectures are names with numbers that count nothing.
var architectures = []string{
	"386", "aarch64", "aarch64be", "amd64", "arm32", "arm32v5", "arm32v6", "arm32v7", "arm64", "arm64v8", "armv5", "armv6", "armv6l", "armv7",
	"armv7l", "armv8", "i386", "i486", "i586", "i686", "linux32", "linux64", "loong64", "loongarch64", "mips64", "mips64le", "ppc64", "ppc64le",
	"riscv64", "s390", "s390x", "win32", "win64", "x64", "x86", "64bit", "32bit",
}

// maxTurns is how often letters and digits change in a word that is cut at its numbers; k3s1 has three.
const maxTurns = 3

// opaque reports whether a word with letters and digits is a name or an identifier as a whole.
func opaque(word string) bool {
	turns := 0
	for i := 1; i < len(word); i++ {
		if digit(word[i]) != digit(word[i-1]) {
			turns++
		}
	}
	return turns > maxTurns || slices.Contains(architectures, strings.ToLower(word))
}

// compareDigits orders two decimal numbers of any length by value.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
