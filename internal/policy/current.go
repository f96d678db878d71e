package policy

import "strings"

// current is the version that the value in the file stands for.
type current struct {
	// candidate is the listed tag that gives the value, else a tag that would give it.
	candidate
	listed bool
	// known means that it can be compared with what is listed; inside that it satisfies the filter.
	known, inside bool
	// read is its version; a tag that is one strictly reads as itself.
	read reading
}

// current finds out what the value in the file stands for. Of several tags that give it, one that satisfies the filter
// comes first, then the highest. A value that no tag gives, or that is no version by the filter's rules, is read
// generously: it never competes, it is only compared with what does.
func (r *Request) current() current {
	r.prepare()
	var now current
	for i := range r.Listing {
		tag := r.Listing[i].Tag
		if tag == "" || !r.gives(tag) {
			continue
		}
		c, rule := r.judge(tag, i)
		next := current{candidate: c, listed: true, known: c.isVersion || !r.Filter.ordered(), inside: rule.satisfied()}
		next.read.version = c.version
		if !now.listed || r.closer(next, now) {
			now = next
		}
	}
	switch {
	case now.known:
		return now
	case now.listed:
		return r.likeliest(now, now.tag)
	}
	now.index = -1
	if r.Transform.Identity() {
		return r.likeliest(now, r.text())
	}
	return r.likeliest(now, r.originals()...)
}

// prepare looks at the value once, before tags are judged.
func (r *Request) prepare() {
	r.underscore = false
	if !strings.Contains(r.Current, "_") {
		return
	}
	for _, o := range r.originals() {
		text, _ := r.Filter.compared(o)
		if v, ok := readValue(text); ok && !v.short && strings.HasPrefix(metadata(text), "_") {
			r.underscore = true
		}
	}
}

// originals are the tags that the value may come from, the best guess first: what the transformers are undone to, what
// they are undone to when they are there in part only, and the value itself.
func (r *Request) originals() []string {
	text := r.text()
	if r.Transform.Identity() {
		return []string{text}
	}
	all := r.Transform.Undo(text)
	if len(all) == 0 {
		all = r.Transform.Undo(r.Current) // a digest that a transformer adds
	}
	return append(append(all, r.Transform.Resemble(text)...), text)
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

// likeliest takes the first of the tags that can be read, or the first of those that satisfies the filter.
func (r *Request) likeliest(now current, tags ...string) current {
	if now.tag == "" {
		now.tag = tags[0]
	}
	for _, tag := range tags {
		whole := canonical(tag)
		for _, as := range [...]string{tag, respelled(tag), whole, respelled(whole)} {
			now = r.likelier(now, tag, as)
			if now.inside {
				return now
			}
		}
	}
	return now
}

// respelled is a tag with a v, or without the one it has; other tags are empty.
func respelled(tag string) string {
	switch bare := trimV(tag); {
	case bare != tag:
		return bare
	case tag != "" && digit(tag[0]):
		return "v" + tag
	}
	return ""
}

// canonical is a tag with three numbers without leading zeros in place of the first two to five that it holds.
func canonical(tag string) string {
	own := numbersOf(tag)
	if v, ok := readValue(own); ok {
		return strings.Replace(tag, own, v.String(), 1)
	}
	return tag
}

// dotted counts the numbers between dots that a text starts with.
func dotted(s string) (n int, rest string) {
	for {
		_, s = leadingDigits(s)
		n++
		if len(s) < 2 || s[0] != '.' || !digit(s[1]) {
			return n, s
		}
		s = s[1:]
	}
}

// likelier is the tag, if it says more about the value than what is known already; the filter looks at it as it is spelled.
func (r *Request) likelier(now current, tag, spelled string) current {
	next, ok := r.guess(now, spelled)
	if !ok || spelled == "" || !next.inside && now.known {
		return now
	}
	if v, ok := readValue(numbersOf(tag)); ok && r.Filter.versions() {
		next.read.short, next.read.further = v.short, v.further
	}
	next.tag = tag
	return next
}

// numbersOf is the first text of two or more numbers in a tag.
func numbersOf(tag string) string {
	for i := 0; i < len(tag); {
		if !digit(tag[i]) {
			i++
			continue
		}
		n, rest := dotted(tag[i:])
		if end := len(tag) - len(rest); n > 1 {
			return tag[i:end]
		}
		i = len(tag) - len(rest)
	}
	return ""
}

// guess reads a text as the tag that the value comes from, and reports whether that says anything.
func (r *Request) guess(now current, tag string) (current, bool) {
	text, ok := r.Filter.compared(tag)
	c, rule := r.judge(tag, now.index)
	v := reading{version: c.version}
	if ok && r.Filter.versions() && !c.isVersion {
		if v, c.isVersion = readValue(text); c.isVersion {
			c.version = r.labelled(v.version)
			rule = r.admit(c, true)
		}
	}
	known := c.isVersion && r.Filter.ordered()
	inside := rule.satisfied() && (known || !r.Filter.ordered())
	v.version = c.version
	return current{candidate: c, listed: now.listed, known: known, inside: inside, read: v}, ok && (known || inside)
}

// text is the value without its digest.
func (r *Request) text() string {
	text, _ := SplitDigest(r.Current)
	return text
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
	return ok && (rest == "" || rest[0] == '@' && text == r.text())
}
