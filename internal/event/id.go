package event

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
)

// identify returns the id of an event: a version 5 UUID (RFC 9562, section 5.5) in the URL namespace over the source of
// the events, the type without its version, the subject's id, and what tells this event from others of its type and
// subject. Each text is hashed with its length, so that no two lists of texts look alike.
func identify(source, name, subject string, discriminator ...string) string {
	namespace := []byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	h := sha1.New()
	h.Write(namespace)
	for _, text := range append([]string{source, name, subject}, discriminator...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	id := h.Sum(nil)[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// short is the type's last two words, as the files of the schemas are named: change.merged, version.found.
func short(name string) string {
	name = strings.TrimPrefix(name, standardPrefix)
	return strings.TrimPrefix(name, customPrefix)
}
