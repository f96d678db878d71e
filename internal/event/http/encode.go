package http

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pawl-cd/pawl/internal/event"
)

// SignatureHeader holds the signature of a body, as GitHub's webhooks have it: "sha256=" and the hexadecimal HMAC.
const SignatureHeader = "X-Pawl-Signature-256"

// content is a request's body and the headers that belong to it.
type content struct {
	header http.Header
	body   []byte
}

// valid refuses what no receiver could read.
func valid(m event.Message) error {
	if !json.Valid(m.Body) {
		return &event.Rejected{Reason: "the body is no JSON"}
	}
	return nil
}

func encodeBinary(m event.Message) content {
	header := http.Header{"Content-Type": {"application/json"}}
	for _, a := range m.Attributes(m.Chain) {
		header.Set("ce-"+a.Name, percentEncode(a.Value))
	}
	return content{header: header, body: m.Body}
}

func encodeStructured(m event.Message) content {
	header := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	return content{header: header, body: envelope(m)}
}

func encodeBatch(batch []event.Message) content {
	envelopes := make([][]byte, 0, len(batch))
	for _, m := range batch {
		envelopes = append(envelopes, envelope(m))
	}
	body := append([]byte{'['}, bytes.Join(envelopes, []byte{','})...)
	header := http.Header{"Content-Type": {"application/cloudevents-batch+json; charset=utf-8"}}
	return content{header: header, body: append(body, ']')}
}

// envelope is the event in the JSON format, with the CDEvent's own bytes as data
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
func envelope(m event.Message) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, a := range m.Attributes(m.Chain) {
		fmt.Fprintf(&b, "%q:%s,", a.Name, quote(a.Value))
	}
	b.WriteString(`"datacontenttype":"application/json","data":`)
	b.Write(m.Body)
	b.WriteByte('}')
	return b.Bytes()
}

func quote(text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string in memory cannot fail
	return bytes.TrimSpace(b.Bytes())
}

// percentEncode encodes a header's value as section 3.1.3.2 of the HTTP binding says: space, quotation mark, percent
// sign and all that is not printable ASCII.
func percentEncode(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c == '"' || c == '%' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func sign(key string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
