package event

import (
	"encoding/binary"
	"strings"

	"github.com/google/uuid"
)

// identify returns the id of an event: a version 5 UUID (RFC 9562, section 5.5) in the URL namespace over the source of
// the events, the type without its version, the subject's id, and what tells this event from others of its type and
// subject. Each text is hashed with its length, so that no two lists of texts look alike.
func identify(source, name, subject string, discriminator ...string) string {
	var all []byte
	for _, text := range append([]string{source, name, subject}, discriminator...) {
		all = binary.BigEndian.AppendUint64(all, uint64(len(text)))
		all = append(all, text...)
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, all).String()
}

// short is the type's last two words, as the files of the schemas are named: change.merged, version.found.
func short(name string) string {
	name = strings.TrimPrefix(name, standardPrefix)
	return strings.TrimPrefix(name, customPrefix)
}
