package forge

import (
	"slices"
	"strings"
)

// What was sent comes back changed: forges cut the white space at the end of a commit's message, that around titles and
// labels, or add a line end, and store what people save in a browser with CRLF. These comparisons are blind for that.

// SameText compares two texts without regard to line ends and to the white space at their end.
func SameText(a, b string) bool { return plain(a) == plain(b) }

func plain(text string) string {
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), " \t\r\n\v\f")
}

// SameLine compares titles, which also lose the white space before them.
func SameLine(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }

// MissingLabels are the wanted ones that are not there; forges do not tell upper case from lower case in their names.
func MissingLabels(have, wanted []string) []string {
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

// closedByPawl marks the body of a pull request that pawl closed itself, in the same request, so that only what people
// close counts as their no.
const closedByPawl = "\n<!-- pawl:closed -->"

// IsWithdrawn reports whether a body carries the mark of what pawl closed itself.
func IsWithdrawn(body string) bool {
	return strings.HasSuffix(plain(body), plain(strings.TrimSpace(closedByPawl)))
}

// Withdrawn puts the mark at the end of a body, once.
func Withdrawn(body string) string {
	body = plain(body)
	return strings.TrimSuffix(body, closedByPawl) + closedByPawl
}

// landedAs begins the mark of the commit on the base that a pull request was merged as, where the forge does not know it.
const landedAs = "\n<!-- pawl:merged "

// Landed is Withdrawn with the commit that it was merged as.
func Landed(body, sha string) string {
	body = strings.TrimSuffix(plain(body), closedByPawl)
	if LandedAs(body+closedByPawl) == "" {
		body += landedAs + sha + " -->"
	}
	return body + closedByPawl
}

// LandedAs is the commit that the mark of Landed names, empty for none.
func LandedAs(body string) string {
	body, withdrawn := strings.CutSuffix(plain(body), closedByPawl)
	at := strings.LastIndex(body, landedAs)
	if !withdrawn || at < 0 {
		return ""
	}
	sha, whole := strings.CutSuffix(body[at+len(landedAs):], " -->")
	if !whole || strings.Trim(sha, "0123456789abcdef") != "" {
		return ""
	}
	return sha
}

// CommitURL is the page of a commit, next to that of a pull request; empty for a page that is none.
func CommitURL(pull, sha string) string {
	if project, _, found := strings.Cut(pull, "/-/merge_requests/"); found {
		return project + "/-/commit/" + sha
	}
	for _, between := range []string{"/pull/", "/pulls/"} {
		if at := strings.LastIndex(pull, between); at >= 0 {
			return pull[:at] + "/commit/" + sha
		}
	}
	return ""
}
