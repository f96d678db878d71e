package policy

import (
	"cmp"
	"strings"
)

// isNumber reports whether a text is a decimal number, whole or with a fraction.
func isNumber(s string) bool {
	whole, fraction, pointed := strings.Cut(s, ".")
	return decimal(whole) && (!pointed || decimal(fraction))
}

// compareNumbers orders decimal numbers of any length by value.
func compareNumbers(a, b string) int {
	whole, fraction, _ := strings.Cut(a, ".")
	other, otherFraction, _ := strings.Cut(b, ".")
	return cmp.Or(compareDigits(whole, other), strings.Compare(strings.TrimRight(fraction, "0"), strings.TrimRight(otherFraction, "0")))
}

// compare orders two candidates that the filter's order can place.
func (f *Filter) compare(a, b candidate) int {
	switch f.kind {
	case kindLike:
		return f.shape.compare(a.tag, b.tag)
	case kindRegexNumeric:
		return compareNumbers(a.text, b.text)
	case kindRegexAlphabetical:
		return strings.Compare(a.text, b.text)
	}
	return a.version.compare(b.version)
}

// named says in a sentence what satisfies a filter that is no range.
func (f Filter) named() string {
	if f.kind != kindLike || f.shape == nil {
		return f.String()
	}
	if len(f.lead) == 0 {
		return "like " + f.shape.exemplar
	}
	return "like " + f.shape.exemplar + " in " + f.pattern
}
