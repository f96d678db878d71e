package github

import (
	"slices"
	"strings"
)

// What was sent comes back changed: GitHub cuts the white space at the end of a commit's message in every answer, that
// around titles and labels, and stores what people save in a browser with CRLF. These comparisons are blind for that.

// sameText compares two texts without regard to line ends and to the white space at their end.
func sameText(a, b string) bool { return plainText(a) == plainText(b) }

func plainText(text string) string {
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), " \t\r\n\v\f")
}

// sameLine compares titles, which also lose the white space before them.
func sameLine(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }

// missingLabels are the wanted ones that are not there; GitHub does not tell upper case from lower case in their names.
func missingLabels(have, wanted []string) []string {
	var missing []string
	for _, l := range wanted {
		l = strings.TrimSpace(l)
		is := func(other string) bool { return strings.EqualFold(strings.TrimSpace(other), l) }
		if l != "" && !slices.ContainsFunc(have, is) && !slices.ContainsFunc(missing, is) {
			missing = append(missing, l)
		}
	}
	return missing
}

// isWithdrawn reports whether a body carries the mark of what pawl closed itself.
func isWithdrawn(body string) bool {
	return strings.HasSuffix(plainText(body), plainText(strings.TrimSpace(closedByPawl)))
}

// withdrawn puts the mark at the end of a body, once.
func withdrawn(body string) string {
	body = plainText(body)
	return strings.TrimSuffix(body, closedByPawl) + closedByPawl
}
