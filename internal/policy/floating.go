package policy

import (
	"regexp"
	"sync"
)

// numbered is a tag that names one version, however it is spelled: it begins with a number, or holds a number with a
// dot or one of five digits, such as release-1.2, 20260101 or main-1699999999.
var numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v?\d|\d[._]\d|\d{5}`) })

// Floating reports whether a tag is there to move, as latest, main or edge-arm64 are, so that a new digest of it is
// expected.
func Floating(tag string) bool { return !numbered().MatchString(tag) }
