package policy

// natural compares two texts run by run: digits by their value, other bytes as they are, a dot before all else. A text
// that the other goes on from is lower. 0 also means that only zeros before a number differ.
func natural(a, b string) int {
	for a != "" && b != "" {
		if digit(a[0]) && digit(b[0]) {
			var x, y string
			x, a = leadingDigits(a)
			y, b = leadingDigits(b)
			if d := compareDigits(x, y); d != 0 {
				return d
			}
			continue
		}
		if a[0] != b[0] {
			return order(b[0] != '.' && (a[0] == '.' || a[0] < b[0]))
		}
		a, b = a[1:], b[1:]
	}
	if a == b {
		return 0
	}
	return order(a == "")
}

// leadingDigits cuts the digits off the start of a text.
func leadingDigits(s string) (run, rest string) {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// relate orders two texts that have no order by themselves: number by number where everything besides the numbers is the
// same, but for numbers that one of them has more at its end. It reports false when the texts say nothing.
func relate(a, b string) (int, bool) {
	result, alike := sideBySide(a, b)
	return result, alike && result != 0
}

// sideBySide compares two texts number by number and reports whether everything besides the numbers is the same.
// Hexadecimal hashes stand for any other; they are no numbers.
func sideBySide(a, b string) (result int, alike bool) {
	a, b = trimV(a), trimV(b)
	for a != "" && b != "" {
		x, y := word(a), word(b)
		a, b = a[len(x):], b[len(y):]
		switch {
		case isHash(x) && isHash(y):
		case isHash(x) || isHash(y) || !sameWord(x, y):
			return 0, false
		case result == 0:
			result = natural(x, y)
		}
	}
	return result, letters(a) == "" && letters(b) == ""
}

// sameWord reports whether two words are the same but for their numbers.
func sameWord(a, b string) bool {
	for a != "" && b != "" {
		if digit(a[0]) && digit(b[0]) {
			_, a = leadingDigits(a)
			_, b = leadingDigits(b)
			continue
		}
		if a[0] != b[0] {
			return false
		}
		a, b = a[1:], b[1:]
	}
	return a == b
}

// trimV cuts a v off that stands before a number.
func trimV(s string) string {
	if len(s) > 1 && (s[0] == 'v' || s[0] == 'V') && digit(s[1]) {
		return s[1:]
	}
	return s
}

// word is what a text starts with: letters and digits, or one other byte.
func word(s string) string {
	i := 0
	for i < len(s) && alphanumeric(s[i]) {
		i++
	}
	return s[:max(i, 1)]
}

// hasHash reports whether any word of a text is a hash.
func hasHash(s string) bool {
	for s != "" {
		w := word(s)
		if isHash(w) {
			return true
		}
		s = s[len(w):]
	}
	return false
}

// sameLetters reports whether two texts are the same but for numbers, hashes and what stands between them.
func sameLetters(a, b string) bool {
	for {
		a, b = letters(a), letters(b)
		if a == "" || b == "" {
			return a == b
		}
		if a[0] != b[0] {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

// letters is the text from its first letter on.
func letters(s string) string {
	for s != "" && !(alphanumeric(s[0]) && !digit(s[0])) {
		s = s[1:]
	}
	return s
}
