package policy

import "strings"

// SplitDigest cuts the digest off a value like 1.4.0@sha256:1d27fc59… and returns both sides of the @: what names the
// version, and the digest, which is empty when the value has none. The digest is not checked beyond its form (an
// algorithm, a colon and hexadecimal digits), so that a shortened one is still seen.
func SplitDigest(value string) (text, digest string) {
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return value, ""
	}
	algorithm, hex, ok := strings.Cut(value[at+1:], ":")
	if !ok || !strings.HasPrefix(algorithm, "sha") || hex == "" || strings.Trim(hex, "0123456789abcdefABCDEF") != "" {
		return value, ""
	}
	return value[:at], value[at+1:]
}
