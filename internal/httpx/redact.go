package httpx

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// minSecret is the length below which a text is too common to be looked for.
const minSecret = 4

// Redact returns the text with each secret replaced by three asterisks: as it is, URL-encoded, and in base64, where it
// is also found inside a longer encoded text.
func Redact(text string, secrets ...string) string {
	var forms []string
	for _, s := range secrets {
		if len(s) >= minSecret {
			forms = append(forms, spellings(s)...)
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, "***")
	}
	return text
}

func spellings(secret string) []string {
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, enc.EncodeToString([]byte(secret)))
		for offset := range 3 {
			forms = append(forms, core(enc, secret, offset))
		}
	}
	return slices.DeleteFunc(forms, func(f string) bool { return len(f) < minSecret })
}

// core is the part of the encoded secret that does not depend on what stands around it, when it begins at an offset
// (modulo 3) of the encoded text.
func core(enc *base64.Encoding, secret string, offset int) string {
	text := enc.WithPadding(base64.NoPadding).EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
	first := []int{0, 2, 3}[offset]
	last := (offset + len(secret)) * 8 / 6
	if first >= last {
		return ""
	}
	return text[first:last]
}
