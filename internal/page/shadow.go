package page

import (
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/past"
)

// maxAgreed is how many agreed changes a page of a comparison shows; of the others it shows as many as of a history.
const maxAgreed = 500

// Shadow is what shadow runs decided beside what was made of the same values.
type Shadow struct {
	past.Comparison
	// Profile names the profile. Sentence is what to decide on, and Why says for a change why pawl decided as it did: in the words that
	// the terminal has too.
	Profile, Sentence string
	Why               func(past.Change) string
}

// shadowView is what the template of a comparison shows.
type shadowView struct {
	Shadow                Shadow
	Title, Headline, Rest string
	Tone                  string
	Stats                 []stat
	// Groups are the changes that were not agreed, and those that were.
	Groups []shadowGroup
	Span   string
}

// shadowGroup is a table of changes; More are those that it leaves out.
type shadowGroup struct {
	ID, Name, Caption string
	Rows              []shadowRow
	More              int
	Folded            bool
}

// shadowRow is one change.
type shadowRow struct {
	past.Change
	Word, Tone, Why string
	// When is when it was made, or decided alone.
	When time.Time
}

// shadowVerdicts are the words of a page, with their tones.
var shadowVerdicts = map[past.Verdict][2]string{
	past.Agreed: {"agreed", "good"}, past.Differed: {"differs", "wait"}, past.Missed: {"not decided on", "wait"}, past.Alone: {"pawl alone", "calm"},
}

// Page renders the comparison.
func (s Shadow) Page() ([]byte, error) {
	v := shadowView{Shadow: s, Span: days(s.From, s.To), Tone: "good"}
	if s.Differed+s.Missed+s.Alone > 0 {
		v.Tone = "wait"
	}
	v.Headline, v.Rest, _ = strings.Cut(strings.TrimSuffix(s.Sentence, "."), "; ") // what follows names changes
	v.Title = titled("Shadow: "+v.Headline, s.Profile)
	v.Stats = []stat{{Name: "Agreed", Value: thousands(s.Agreed), Note: "of " + thousands(s.Made) + " made"}, {Name: "Differ", Value: thousands(s.Differed)},
		{Name: "Not decided on", Value: thousands(s.Missed)}, {Name: "pawl alone", Value: thousands(s.Alone)}, {Name: "Values", Value: thousands(s.Values)}}
	open := shadowGroup{ID: "open", Name: "Look at these", Caption: "What was made, and what pawl has instead"}
	agreed := shadowGroup{ID: "agreed", Name: "Agreed", Caption: "What was made, and pawl would have made as well", Folded: true}
	for _, c := range s.Changes {
		row := shadowRow{Change: c, Word: shadowVerdicts[c.Verdict][0], Tone: shadowVerdicts[c.Verdict][1], When: c.At}
		if row.When.IsZero() {
			row.When = c.Decided
		}
		if s.Why != nil {
			row.Why = s.Why(c)
		}
		if c.Verdict == past.Agreed {
			agreed.add(row, maxAgreed)
		} else {
			open.add(row, maxRows)
		}
	}
	for _, g := range []shadowGroup{open, agreed} {
		if len(g.Rows) > 0 {
			v.Groups = append(v.Groups, g)
		}
	}
	return page("shadow", v.Title, v)
}

// All is how many changes there are.
func (g shadowGroup) All() int { return len(g.Rows) + g.More }

// add takes a change in, up to a number.
func (g *shadowGroup) add(row shadowRow, most int) {
	if len(g.Rows) == most {
		g.More++
		return
	}
	g.Rows = append(g.Rows, row)
}
