package scaffold

import (
	"slices"
	"strconv"
	"strings"
)

var plain = mustPattern(`^[A-Za-z$][A-Za-z0-9_./-]*( [A-Za-z0-9_][A-Za-z0-9_./-]*)*$`)

// words are the texts that YAML 1.1 or 1.2 reads as something else.
var words = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}

// quote writes a text as one YAML scalar, also inside a flow list.
func quote(s string) string {
	if plain.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e }) >= 0 {
		return strconv.QuoteToASCII(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
