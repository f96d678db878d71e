package policy

import "strings"

// current is the version that the value in the file stands for.
type current struct {
	// candidate is the listed tag that gives the value, else the value with its prefixes and suffixes undone.
	candidate
	listed bool
	// known means that it can be compared with what is listed; inside that it satisfies the filter.
	known, inside bool
}

// current finds out what the value in the file stands for. Of several tags that give it, one that satisfies the filter
// comes first, then the highest.
func (r *Request) current() current {
	var now current
	for i := range r.Listing {
		tag := r.Listing[i].Tag
		if tag == "" || !r.gives(tag) {
			continue
		}
		c, rule := r.judge(tag, i)
		next := current{candidate: c, listed: true, known: c.isVersion || !r.Filter.ordered(), inside: rule == accepted || rule == missing}
		if !now.listed || r.closer(next, now) {
			now = next
		}
	}
	if now.listed {
		return now
	}
	return r.unlisted()
}

// closer reports whether a says better than b what the value stands for.
func (r *Request) closer(a, b current) bool {
	if a.inside != b.inside {
		return a.inside
	}
	if a.known != b.known {
		return a.known
	}
	return r.better(a.candidate, b.candidate, "")
}

// unlisted reads the value itself. Without an order between versions nothing is known about one that is not listed.
func (r *Request) unlisted() current {
	tag := r.original()
	if tag == "" {
		return current{}
	}
	c, rule := r.judge(tag, -1)
	known := c.isVersion && r.Filter.ordered()
	return current{candidate: c, known: known, inside: known && rule == accepted}
}

// gives reports whether a tag's text for the file is the value.
func (r *Request) gives(tag string) bool {
	if r.Transform.Identity() {
		return r.holds(tag)
	}
	text, err := r.Transform.Apply(tag)
	return err == nil && r.holds(text)
}

// holds reports whether a text is the value in the file, whatever digest that is pinned to.
func (r *Request) holds(text string) bool {
	rest, ok := strings.CutPrefix(r.Current, text)
	return ok && (rest == "" || rest == r.pin())
}

// pin is the value's digest with the @ before it.
func (r *Request) pin() string {
	text, _ := SplitDigest(r.Current)
	return r.Current[len(text):]
}

// original is the first text that the value may come from and that is a version, else the first of all.
func (r *Request) original() string {
	text, _ := SplitDigest(r.Current)
	originals := append(r.Transform.Undo(r.Current), r.Transform.Undo(text)...)
	for _, o := range originals {
		if c, _ := r.read(o, -1); c.isVersion {
			return o
		}
	}
	if len(originals) > 0 {
		return originals[0]
	}
	return ""
}
