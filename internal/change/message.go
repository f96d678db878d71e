package change

import (
	"fmt"
	"strconv"
	"strings"
)

// The trailers of a commit message, readable by `git interpret-trailers --parse`.
const (
	ChainTrailer   = "Pawl-Chain"
	UpdateTrailer  = "Pawl-Update"
	OmittedTrailer = "Pawl-Omitted"
	SealTrailer    = "Pawl-Seal"
)

// maxMessage bounds the lines of a commit message that name updates, in bytes.
const maxMessage = 60_000

// Message is a commit message in the two parts that a forge asks for. The same set always gives the same message, so
// the branch's commit and the squash commit say the same.
type Message struct{ Subject, Body string }

// String joins the parts as git stores them.
func (m Message) String() string { return m.Subject + "\n\n" + m.Body + "\n" }

// CommitMessage returns the message of the set: the pull request's title as subject, or the team's words for it, a line for each update, and
// trailers with the chain id and the updates. Updates beyond 60,000 bytes are counted in a trailer instead of named.
func CommitMessage(s Set) Message {
	var lines, trailers []string
	size, updates := 0, s.sorted()
	for _, u := range updates {
		line := fmt.Sprintf("- %s %s -> %s in %s", word(u.Manifest), word(u.Old), word(u.New), keyWord(u.File))
		trailer := fmt.Sprintf("%s: %s", UpdateTrailer, encodeUpdate(u))
		if size += len(line) + len(trailer); size > maxMessage {
			break
		}
		lines, trailers = append(lines, line), append(trailers, trailer)
	}
	if omitted := len(updates) - len(lines); omitted > 0 {
		lines = append(lines, fmt.Sprintf("- and %s not shown", plural(omitted, "update")))
		trailers = append(trailers, fmt.Sprintf("%s: %d", OmittedTrailer, omitted))
	}
	if s.Seal > 0 {
		trailers = append(trailers, fmt.Sprintf("%s: %d", SealTrailer, s.Seal))
	}
	if s.Chain != "" {
		trailers = append([]string{ChainTrailer + ": " + cut(word(s.Chain), 1000)}, trailers...)
	}
	subject, words := Title(s), ""
	if s.Words.Commit.set() && len(s.Updates) > 0 {
		subject, words, _ = strings.Cut(s.Words.Commit.render(s, MaxTitle), "\n")
		words = strings.Trim(words, "\n") + "\n\n"
	}
	body := words + strings.Join(lines, "\n") + "\n\n" + strings.Join(trailers, "\n")
	return Message{Subject: subject, Body: strings.Trim(body, "\n")}
}

// encodeUpdate writes `file key old -> new`; a document beyond the first is put before the key as `1:`.
func encodeUpdate(u Update) string {
	key := keyWord(u.Key)
	if u.Document > 0 {
		key = fmt.Sprintf("%d:%s", u.Document, key)
	}
	return fmt.Sprintf("%s %s %s -> %s", keyWord(u.File), key, word(u.Old), word(u.New))
}

// Trailers is what a commit message says to machines. It is untrusted: anyone can write a message.
type Trailers struct {
	Chain string
	// Updates hold File, Document, Key, Old and New only.
	Updates []Update
	// Omitted counts the updates that the message does not name.
	Omitted int
	// Seal is the counter of the ledger's seal under which it was made, 0 for none.
	Seal int
}

// Unsealed is a commit's message without the counter of its seal, which every write to the ledger raises: one that was made a
// write ago says the same otherwise.
func Unsealed(message string) string {
	var out strings.Builder
	for line := range strings.Lines(message) {
		if strings.HasPrefix(line, SealTrailer+": ") {
			line = SealTrailer + ":\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// maxSeal bounds a counter: a larger one was not counted.
const maxSeal = 1 << 40

// ParseTrailers reads the last paragraph of a commit message; what it does not understand it leaves out.
func ParseTrailers(message string) Trailers {
	message = strings.TrimRight(strings.ReplaceAll(message, "\r\n", "\n"), "\n")
	last := message[strings.LastIndex(message, "\n\n")+1:]
	var t Trailers
	for line := range strings.SplitSeq(last, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case ChainTrailer:
			t.Chain, _ = unword(value)
		case UpdateTrailer:
			if u, err := decodeUpdate(value); err == nil {
				t.Updates = append(t.Updates, u)
			}
		case OmittedTrailer:
			t.Omitted, _ = strconv.Atoi(value)
		case SealTrailer:
			if n, err := strconv.Atoi(value); err == nil && n > 0 && n < maxSeal {
				t.Seal = n
			}
		}
	}
	return t
}

// OwnMessage reports whether a commit message has trailers of ours. Anyone can write them: it proves nothing, its absence
// does.
func OwnMessage(message string) bool {
	t := ParseTrailers(message)
	return t.Chain != "" || len(t.Updates) > 0 || t.Omitted > 0
}

// ParseMessage is ParseTrailers with the Manifest of each update that the lines above the trailers name without doubt.
func ParseMessage(message string) Trailers {
	t := ParseTrailers(message)
	names := map[[3]string]string{}
	for line := range strings.SplitSeq(message, "\n") {
		// - NAME OLD -> NEW in FILE
		fields := strings.Split(strings.TrimSuffix(line, "\r"), " ")
		if len(fields) != 7 || fields[0] != "-" || fields[3] != "->" || fields[5] != "in" {
			continue
		}
		change := [3]string{fields[6], fields[2], fields[4]}
		if name, ok := names[change]; ok && name != fields[1] {
			fields[1] = "" // two manifests say the same
		}
		names[change] = fields[1]
	}
	for i, u := range t.Updates {
		name := names[[3]string{keyWord(u.File), word(u.Old), word(u.New)}]
		if text, err := unword(name); err == nil {
			t.Updates[i].Manifest = text
		}
	}
	return t
}

func decodeUpdate(text string) (Update, error) {
	fields := strings.Split(text, " ")
	if len(fields) != 5 || fields[3] != "->" {
		return Update{}, fmt.Errorf("reading trailer: want FILE KEY OLD -> NEW")
	}
	var u Update
	if document, key, found := strings.Cut(fields[1], ":"); found {
		if n, err := strconv.Atoi(document); err == nil && n > 0 {
			u.Document, fields[1] = n, key
		}
	}
	for i, field := range map[int]*string{0: &u.File, 1: &u.Key, 2: &u.Old, 4: &u.New} {
		text, err := unword(fields[i])
		if err != nil {
			return Update{}, fmt.Errorf("reading trailer: %w", err)
		}
		*field = text
	}
	return u, nil
}
