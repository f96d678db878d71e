package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
)

// Key signs what a ledger holds that loosens: with it, first sightings and lifts count only when they were written with the key. The
// zero Key signs nothing and believes everything.
type Key struct {
	Secret []byte
	// Repository is the one whose ledger it is: a seal of another one is worth nothing.
	Repository string
}

// Set reports whether there is a key.
func (k Key) Set() bool { return len(k.Secret) > 0 }

// sealFile holds a copy of what was written with the key, and its signature.
const sealFile = "seal.json"

// seal is what a ledger was sealed with when it was read, and the key that it is sealed with when it is written.
type seal struct {
	key Key
	// counter grows with each seal and never goes back; 0 is a ledger that was never sealed.
	counter int
	body    string
}

// sealed is the file: Body is JSON, as the signature is over bytes.
type sealed struct {
	Schema  string `json:"schema"`
	Counter int    `json:"counter"`
	Body    string `json:"body"`
	MAC     string `json:"mac"`
}

// body is what loosens when it is taken away or added.
type body struct {
	Levers   []json.RawMessage `json:"levers"`
	Seen     []json.RawMessage `json:"seen"`
	Verdicts []json.RawMessage `json:"verdicts"`
}

func (k Key) sign(counter int, body string) string {
	mac := hmac.New(sha256.New, k.Secret)
	fmt.Fprintf(mac, "pawl.seal/1\n%d:%s\n%d\n%s", len(k.Repository), k.Repository, counter, body)
	return hex.EncodeToString(mac.Sum(nil))
}

// open reads a seal; false when the key did not make it.
func (k Key) open(text []byte) (sealed, bool) {
	var file sealed
	if json.Unmarshal(text, &file) != nil || file.Counter < 1 {
		return sealed{}, false
	}
	return file, hmac.Equal([]byte(file.MAC), []byte(k.sign(file.Counter, file.Body)))
}

// Counter is that of the seal under which the ledger was read or written, 0 for none that is right.
func (l Ledger) Counter() int { return l.seal.counter }

// Sealed reports whether the ledger is read and written with a key.
func (l Ledger) Sealed() bool { return l.seal.key.Set() }

// Above has the next seal have a higher counter than the given one.
func (l Ledger) Above(counter int) Ledger {
	l.seal.counter, l.seal.body = max(l.seal.counter, counter), ""
	return l
}

// DecodeSealed is Decode of a ledger that is written with a key. What was written without it only tightens: levers and denials count,
// sightings do not, and what is missing that was sealed is there all the same.
func DecodeSealed(s Snapshot, key Key) (Ledger, error) {
	l, err := Decode(s)
	if err != nil || !key.Set() {
		return l, err
	}
	text := l.rest.files[sealFile]
	delete(l.rest.files, sealFile)
	l.Seen, l.seal = nil, seal{key: key}
	file, right := key.open(text)
	if !right {
		return l, nil
	}
	var b body
	if err := json.Unmarshal([]byte(file.Body), &b); err != nil {
		return Ledger{}, fmt.Errorf("reading %s of the ledger: %w", sealFile, err)
	}
	var levers []Lever
	var denials []Denial
	for _, err := range []error{entries(b.Levers, &levers), entries(b.Seen, &l.Seen), entries(b.Verdicts, &denials)} {
		if err != nil {
			return Ledger{}, fmt.Errorf("reading %s of the ledger: %w", sealFile, err)
		}
	}
	l.Levers = put(l.Levers, levers, compareLevers, func(now, sealed Lever) Lever {
		if now.tightens(sealed) {
			return now
		}
		return sealed
	})
	l.Denials = put(l.Denials, denials, compareDenials, func(_, sealed Denial) Denial { return sealed })
	l.seal.counter, l.seal.body = file.Counter, file.Body
	return l, nil
}

// tightens reports whether a lever holds at least as much as another one of the same subject: it bars as much, for as long, and leads
// nowhere else.
func (l Lever) tightens(than Lever) bool {
	lasts := l.Until.IsZero() || !than.Until.IsZero() && !l.Until.Before(than.Until)
	return lasts && l.Version == than.Version && l.Base == than.Base && (!l.Stay || than.Stay) && l.Urgent == than.Urgent && l.BreakGlass == than.BreakGlass
}

func entries[T any](raw []json.RawMessage, into *[]T) error {
	*into = nil
	for _, text := range raw {
		var one T
		if err := decodeEntry(text, &one); err != nil {
			return err
		}
		*into = append(*into, one)
	}
	return nil
}

// Seal is the ledger as it is once it was written: under the next number, where what is sealed has changed.
func (l Ledger) Seal() (Ledger, error) {
	if !l.Sealed() {
		return l, nil
	}
	var b body
	for _, err := range []error{texts(l.Levers, &b.Levers), texts(l.Seen, &b.Seen), texts(l.Denials, &b.Verdicts)} {
		if err != nil {
			return l, fmt.Errorf("writing %s of the ledger: %w", sealFile, err)
		}
	}
	text, err := marshal(b)
	if err != nil {
		return l, fmt.Errorf("writing %s of the ledger: %w", sealFile, err)
	}
	if empty := len(b.Levers)+len(b.Seen)+len(b.Verdicts) == 0; string(text) != l.seal.body && !(empty && l.seal.counter == 0) {
		l.seal.counter, l.seal.body = l.seal.counter+1, string(text)
	}
	return l, nil
}

// writeSeal writes the seal of what the ledger holds; what was sealed in the same words keeps its number.
func writeSeal(l Ledger, s Snapshot) error {
	l, err := l.Seal()
	if err != nil || l.seal.counter == 0 {
		return err // there is no key, or nothing to seal yet
	}
	out, err := json.MarshalIndent(sealed{BrakeSchema, l.seal.counter, l.seal.body, l.seal.key.sign(l.seal.counter, l.seal.body)}, "", "  ")
	if err != nil {
		return err
	}
	s[sealFile] = append(out, '\n')
	return nil
}

func texts[T any](list []T, into *[]json.RawMessage) error {
	*into = []json.RawMessage{}
	for _, one := range list {
		raw, err := encodeEntry(one)
		if err != nil {
			return err
		}
		*into = append(*into, raw)
	}
	return nil
}

// Resealed are the files of the ledger after somebody cleaned them of secrets: the seal is over what they hold now.
func (l Ledger) Resealed(s Snapshot) (Snapshot, error) {
	if !l.Sealed() {
		return s, nil
	}
	plain := maps.Clone(s)
	delete(plain, sealFile)
	clean, err := Decode(plain)
	if err != nil {
		return nil, err
	}
	clean.seal = l.seal
	return clean.Encode()
}
