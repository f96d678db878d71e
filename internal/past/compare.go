package past

import (
	_ "embed" // the schema is a file, so that editors and other tools can use it as well
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// ComparisonSchema is the version of the JSON form of a Comparison.
const ComparisonSchema = "pawl.shadow/1"

//go:embed schemas/pawl.shadow@1.json
var comparisonSchema string

// ComparisonSchemaJSON returns the JSON Schema (2020-12) of a Comparison, version ComparisonSchema.
func ComparisonSchemaJSON() []byte { return []byte(comparisonSchema) }

// Verdict is how a change that was made, or only decided, stands to the other side.
type Verdict string

// The verdicts. Agreed: both came to the same text. Differed: pawl decided otherwise, for another text or for holding. Missed:
// it was made, and pawl knew of nothing to do or could not know. Alone: pawl decided it, and nobody made it.
const (
	Agreed   Verdict = "agreed"
	Differed Verdict = "differed"
	Missed   Verdict = "missed"
	Alone    Verdict = "alone"
)

// Comparison holds what shadow runs decided against what was made of the same values, by the texts, not by bytes.
type Comparison struct {
	Schema string `json:"schema"`
	// From is the first decision, To the time of the comparison; Values how many values were decided on.
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to"`
	Values int       `json:"values"`
	// Made are the changes that were made since the first decision on their value, and the four verdicts.
	Made     int `json:"made"`
	Agreed   int `json:"agreed"`
	Differed int `json:"differed"`
	Missed   int `json:"missed"`
	Alone    int `json:"alone"`
	// Ahead is the median of how many seconds earlier pawl decided what it agreed on; below zero it was later.
	Ahead   float64  `json:"ahead"`
	Changes []Change `json:"changes"`
}

// Change is one change of a value that was made, or decided alone.
type Change struct {
	Verdict  Verdict `json:"verdict"`
	Manifest string  `json:"manifest"`
	File     string  `json:"file"`
	Document int     `json:"document,omitempty"`
	Key      string  `json:"key"`
	// Commit made the change, by its Author, who is whoever it says, at At; it is absent of what pawl decided alone.
	Commit string    `json:"commit,omitempty"`
	Author string    `json:"author,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Old    string    `json:"old"`
	New    string    `json:"new,omitempty"`
	// Pawl is the text that pawl decided for, at Decided, for a Reason; empty when it decided for none, and then Detail says
	// more. It is absent when there was no decision.
	Pawl    string    `json:"pawl,omitempty"`
	Decided time.Time `json:"decided,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	// Ahead is by how many seconds pawl was earlier, below zero later; of what was agreed only.
	Ahead float64 `json:"ahead,omitempty"`
	// Passed says of what pawl decided alone that it went on to another version since.
	Passed bool `json:"passed,omitempty"`
}

// Compare holds decisions, the oldest first, against the history of the values.
func Compare(series []Series, decisions []ledger.Decision, now time.Time) Comparison {
	c := Comparison{Schema: ComparisonSchema, To: now.UTC(), Changes: []Change{}}
	if len(decisions) > 0 {
		c.From = decisions[0].At
	}
	own := distribute(series, decisions)
	for i, s := range series {
		if len(own[i]) == 0 {
			continue
		}
		c.Values++
		c.Changes = append(c.Changes, judge(s, own[i])...)
	}
	slices.SortStableFunc(c.Changes, func(a, b Change) int { return a.when().Compare(b.when()) })
	var ahead []float64
	for _, one := range c.Changes {
		switch one.Verdict {
		case Agreed:
			c.Agreed++
			ahead = append(ahead, one.Ahead)
		case Differed:
			c.Differed++
		case Missed:
			c.Missed++
		case Alone:
			c.Alone++
		}
	}
	c.Made, c.Ahead = c.Agreed+c.Differed+c.Missed, median(ahead)
	return c
}

// when is the time of a change: when it was made, else when pawl decided it.
func (c Change) when() time.Time {
	if c.Commit == "" {
		return c.Decided
	}
	return c.At
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// distribute gives each series the decisions on its value: those of its place, else those of a manifest that has one value
// only, whatever its file was called and wherever in it the value stood.
func distribute(series []Series, decisions []ledger.Decision) [][]ledger.Decision {
	at, only := map[ledger.Place]map[string]int{}, map[string]int{}
	for i, s := range series {
		place := ledger.Place{File: s.File, Document: s.Document, Key: s.Key}
		if at[place] == nil {
			at[place] = map[string]int{}
		}
		at[place][s.Manifest] = i
		if _, several := only[s.Manifest]; several {
			only[s.Manifest] = -1
		} else {
			only[s.Manifest] = i
		}
	}
	own := make([][]ledger.Decision, len(series))
	for _, d := range decisions {
		i, found := at[d.Place][d.Manifest]
		if !found {
			i, found = only[d.Manifest]
		}
		if found && i >= 0 {
			own[i] = append(own[i], d)
		}
	}
	return own
}

// judged is one value while its changes are held against its decisions.
type judged struct {
	Series
	own []ledger.Decision
	// from is the first decision that a change may still have been made by, spoken those that some change tells of.
	from   int
	spoken []bool
}

// judge are the changes of a value since the first decision on it, and what was decided alone.
func judge(s Series, own []ledger.Decision) []Change {
	j := judged{Series: s, own: own, spoken: make([]bool, len(own))}
	var all []Change
	for i, m := range s.Moves {
		if m.Old != "" && m.New != "" && !m.At.Before(own[0].At) {
			all = append(all, j.change(i))
		}
	}
	for i, d := range own {
		again := i > 0 && own[i-1].Want == d.Want
		if !d.Moves() || j.spoken[i] || again {
			continue
		}
		c := j.about(Alone, d)
		c.Old = d.Now
		c.Passed = slices.ContainsFunc(own[i+1:], func(later ledger.Decision) bool { return later.Want != "" && later.Want != d.Want })
		all = append(all, c)
	}
	return all
}

// about begins a change of the value, with what a decision says.
func (j *judged) about(v Verdict, d ledger.Decision) Change {
	return Change{Verdict: v, Manifest: j.Manifest, File: j.File, Document: j.Document, Key: j.Key,
		Pawl: d.Want, Decided: d.At, Reason: d.Reason, Detail: d.Detail}
}

// change judges one move.
func (j *judged) change(i int) Change {
	m := j.Moves[i]
	force, end := 0, len(j.own) // the decision in force, and the first one that knows of the next move
	for k, d := range j.own {
		if !d.At.After(m.At) {
			force = k
		}
		if i+1 < len(j.Moves) && end == len(j.own) && !d.At.Before(j.Moves[i+1].At) {
			end = k
		}
	}
	verdict, at := j.verdict(m, force, max(end, force+1))
	c := j.about(verdict, j.own[at])
	c.Commit, c.Author, c.At, c.Old, c.New = m.SHA, m.Author, m.At, m.Old, m.New
	if verdict == Agreed {
		c.Decided = j.began(i, at)
		c.Ahead = m.At.Sub(c.Decided).Seconds()
	}
	return c
}

// verdict says how a move stands to the decisions, and to which one. Those before end may have been made for it.
func (j *judged) verdict(m Move, force, end int) (Verdict, int) {
	met := -1
	if d := j.own[force]; d.Held != m.New { // else it was seen and held back
		for k := force; k >= j.from && met < 0; k-- {
			fresh := j.own[k].Moves() && !j.spoken[k] // else it was made, and pawl went on
			if j.own[k].Want == m.New && (k == force || fresh) {
				met = k
			}
		}
		for k := force + 1; k < end && met < 0; k++ {
			if j.own[k].Want == m.New {
				met = k
			}
		}
	}
	if met >= 0 {
		j.speaks(met)
		j.from = met
		return Agreed, met
	}
	defer func() { j.from = max(j.from, force) }()
	for k := force + 1; k < end; k++ { // what was decided once it stood there
		if d := j.own[k]; d.Now == m.New && (d.Want != "" || d.Outcome == "held") {
			j.speaks(k)
			if j.own[force].Held == m.New {
				return Differed, force
			}
			return Differed, k
		}
	}
	d := j.own[force]
	if d.Outcome == "held" || d.Want != "" && (d.Want != m.Old || d.Now == m.New) { // or it was to replace just that
		j.speaks(force)
		return Differed, force
	}
	return Missed, force
}

// speaks notes that a change tells of a decision, and of those for the same text that it goes on from.
func (j *judged) speaks(of int) {
	for k := min(j.from, of); k <= of; k++ {
		j.spoken[k] = j.spoken[k] || j.own[k].Want == j.own[of].Want
	}
}

// began is since when the decision was the same that a move agrees with: through failures, and not before the value left that
// text the last time.
func (j *judged) began(i, at int) time.Time {
	want, since := j.own[at].Want, j.own[at].At
	for k := at - 1; k >= 0 && (j.own[k].Want == want || j.own[k].Outcome == "failed"); k-- {
		if j.own[k].Want == want {
			since = j.own[k].At
		}
	}
	for _, m := range j.Moves[:i] {
		if m.Old == want && m.At.After(since) && !m.At.After(j.Moves[i].At) {
			since = m.At
		}
	}
	return since
}
