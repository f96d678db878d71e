package gitlab

import (
	"regexp"
	"strings"
	"sync"
)

// GitLab carries out what it is told in texts: a line of a description or a comment that begins with a slash is a command,
// in the bot's name; a title or a commit's subject may make a draft; a commit's message may keep pipelines from running.
// What others wrote stands in our texts, so none of them may say such a thing.

var (
	slashes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)(^|\r)([\s>]*)/`) })
	drafts  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^\s*(\[draft\]|\(draft\)|draft\b|\[wip\]|wip\b|fixup!|squash!|amend!)`)
	})
	skips = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)\[(skip)[ -]+ci\]|\[ci[ -]+(skip)\]`) })
)

// safeText is a description or comment in which no line begins with a slash; what it shows stays the same.
func safeText(text string) string { return slashes().ReplaceAllString(text, `${1}${2}\/`) }

// safeTitle is a title that makes no draft.
func safeTitle(title string) string {
	if drafts().MatchString(title) {
		return "Update: " + strings.TrimSpace(title)
	}
	return title
}

// safeMessage is a commit's message that makes no draft and keeps no pipeline from running.
func safeMessage(message string) string {
	return skips().ReplaceAllString(safeTitle(message), "[${1}${2}_ci]")
}
