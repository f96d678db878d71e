package page

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/plan"
)

// changed is one version that goes to one or more places.
type changed struct {
	Source change.Source
	// Same is how the old and the new version begin, OldTail and NewTail are the rest.
	Same, OldTail, NewTail  string
	Version, Digest, Reason string
	Why                     string
	// Page is the address of what shows the version, PageWord what it is.
	Page, PageWord string
	Places         []where
	Gates          []judged
}

// where is a value's place, who asks for it, and its line before and after.
type where struct {
	Manifest, File, Key string
	Document            int
	Before, After       string
}

// changes puts the places that get the same version of the same source together, in the order of the plan.
func changes(p plan.Plan) []changed {
	type group struct {
		source           change.Source
		old, new, reason string
	}
	var all []changed
	index, why := map[group]int{}, reasons(p)
	for _, u := range p.Changes {
		g := group{u.Source, u.Old, u.New, u.Reason}
		at, ok := index[g]
		if !ok {
			at = len(all)
			index[g] = at
			all = append(all, newChanged(u, why[[2]string{u.Manifest, u.Target}]))
		}
		all[at].Places = append(all[at].Places, newWhere(u))
		all[at].Gates = judgedOnce(append(all[at].Gates, verdicts(p, u.Manifest, u.Target, u.Version)...))
	}
	return all
}

// reasons are the words of each target's outcome, by manifest and target.
func reasons(p plan.Plan) map[[2]string]string {
	why := map[[2]string]string{}
	for _, o := range p.Outcomes {
		why[[2]string{o.Manifest, o.Target}] = o.Detail
	}
	return why
}

func newChanged(u change.Update, why string) changed {
	c := changed{Source: u.Source, Version: u.Version, Digest: u.Digest, Reason: u.Reason, Why: why}
	from, to := shown(u)
	c.Same, c.OldTail, c.NewTail = cut(from, to)
	c.PageWord, c.Page = u.Page()
	return c
}

func newWhere(u change.Update) where {
	name := leaf(u.Key)
	return where{Manifest: u.Manifest, File: u.File, Key: u.Key, Document: u.Document,
		Before: name + u.Old, After: name + u.New}
}

// Long says that the lines take more room than is good for a list.
func (w where) Long() bool { return len(w.Before)+len(w.After) > 140 }

// lastKey is the last step of a concrete JSONPath.
var lastKey = regexp.MustCompile(`(?:\.([^.\[\]]+)|\['([^']+)'\])$`)

// leaf is how the line of a value begins, by the last step of its key.
func leaf(key string) string {
	m := lastKey.FindStringSubmatch(key)
	if m == nil {
		return "" // an item of a list, or a whole document
	}
	return m[1] + m[2] + ": "
}

// shown are the versions that a value goes from and to, as short as they are told apart: without the image's name where
// both have it, and without digests where the tags differ.
func shown(u change.Update) (from, to string) {
	from, to = u.Old, u.New
	if name, _, ok := strings.Cut(to, u.Version); ok && u.Version != "" && name != "" && strings.HasPrefix(from, name) {
		from, to = from[len(name):], to[len(name):]
	}
	oldTag, oldDigest, _ := strings.Cut(from, "@")
	newTag, newDigest, _ := strings.Cut(to, "@")
	switch {
	case oldDigest == "" && newDigest == "":
		return from, to
	case oldTag != newTag:
		return oldTag, newTag
	}
	return brief(oldTag, oldDigest), brief(newTag, newDigest)
}

// brief is a tag with the beginning of its digest.
func brief(tag, digest string) string {
	const most = len("sha256:") + 12
	if digest == "" {
		return tag
	}
	return strings.TrimPrefix(tag+"@"+digest[:min(most, len(digest))], "@")
}

// Many says that a change goes to more places than are shown at once.
func (c changed) Many() bool { return len(c.Places) > 3 }

// Kind says in a word what a source is.
func (c changed) Kind() string {
	switch c.Source.Kind {
	case "dockerimage":
		return "image"
	case "helmchart":
		return "chart"
	case "githubrelease":
		return "release"
	}
	return c.Source.Kind
}

// Name is what the source is called, without the address of a chart's repository.
func (c changed) Name() string {
	name, _ := sourceName(c.Source)
	return name
}

// Address is where the chart's repository is.
func (c changed) Address() string {
	_, address := sourceName(c.Source)
	return address
}

// sourceName splits the name of a chart from the address of its repository.
func sourceName(s change.Source) (name, address string) {
	if address, name, ok := strings.Cut(s.Name, "#"); ok && name != "" {
		return name, address
	}
	return s.Name, ""
}

// judged is what a gate said of a version.
type judged struct{ Gate, Word, Tone, Version, Detail string }

// verdicts are what gates said of a target's versions; of one version, which need not be repeated, when it is named.
func verdicts(p plan.Plan, manifest, target, version string) []judged {
	var all []judged
	for _, v := range p.Verdicts {
		if v.Manifest != manifest || v.Target != target || version != "" && v.Version != version {
			continue
		}
		one := judged{Gate: v.Gate, Word: "did not judge", Tone: "wait", Version: v.Version, Detail: v.Detail}
		if version != "" {
			one.Version = ""
		}
		switch v.Outcome {
		case gate.Pass:
			one.Word, one.Tone = "passed", "good"
		case gate.Deny:
			one.Word, one.Tone = "denied", "bad"
		}
		all = append(all, one)
	}
	return all
}

// judgedOnce drops what was said before.
func judgedOnce(all []judged) []judged {
	var once []judged
	for _, one := range all {
		if !slices.Contains(once, one) {
			once = append(once, one)
		}
	}
	return once
}
