package scaffold

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first used: most commands never do.
type pattern struct {
	compiled func() *regexp.Regexp
}

func mustPattern(text string) pattern {
	return pattern{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })}
}

// MatchString and the others are those of the regular expression.
func (p pattern) MatchString(s string) bool            { return p.compiled().MatchString(s) }
func (p pattern) FindString(s string) string           { return p.compiled().FindString(s) }
func (p pattern) FindStringSubmatch(s string) []string { return p.compiled().FindStringSubmatch(s) }
func (p pattern) FindAllString(s string, n int) []string {
	return p.compiled().FindAllString(s, n)
}
func (p pattern) FindAllStringSubmatch(s string, n int) [][]string {
	return p.compiled().FindAllStringSubmatch(s, n)
}
func (p pattern) ReplaceAllString(s, with string) string {
	return p.compiled().ReplaceAllString(s, with)
}
