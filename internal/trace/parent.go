package trace

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// Parent is the span of another process that a trace goes on from; its zero value is none.
type Parent struct {
	Trace   ID
	Span    SpanID
	Sampled bool
	// State is what other tracing systems want to be passed on.
	State string
}

// ReadParent reads TRACEPARENT and TRACESTATE as W3C's Trace Context says: a malformed traceparent counts as none, and then
// the state does too.
func ReadParent(traceparent, tracestate string) (p Parent) {
	parts := strings.Split(strings.TrimSpace(traceparent), "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || parts[0] == "00" && len(parts) != 4 {
		return Parent{}
	}
	var version, flags [1]byte
	if !unhex(version[:], parts[0]) || !unhex(p.Trace[:], parts[1]) || !unhex(p.Span[:], parts[2]) || !unhex(flags[:], parts[3]) ||
		p.Trace == (ID{}) || p.Span == (SpanID{}) {
		return Parent{}
	}
	p.Sampled = flags[0]&1 == 1
	if state := strings.TrimSpace(tracestate); stateful(state) {
		p.State = state
	}
	return p
}

// stateful reports whether a text has the form of a tracestate: at most 32 members, each a key and a value of printable ASCII.
func stateful(text string) bool {
	members := strings.Split(text, ",")
	if len(text) > 4096 || len(members) > 32 {
		return false
	}
	for _, m := range members {
		key, value, ok := strings.Cut(strings.Trim(m, " \t"), "=")
		if !ok || key == "" || value == "" || strings.ContainsFunc(key+value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return false
		}
	}
	return true
}

// unhex fills into from lower-case hexadecimal digits, exactly.
func unhex(into []byte, text string) bool {
	if len(text) != 2*len(into) || strings.ToLower(text) != text {
		return false
	}
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}

// Sampler says by OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG which traces are recorded; ok is false for a name or an
// argument that it does not know, in whose place is the default.
func Sampler(name, arg string) (sampled func(Parent) bool, ok bool) {
	name, follows := strings.CutPrefix(strings.ToLower(strings.TrimSpace(name)), "parentbased_")
	root := func(Parent) bool { return true }
	ok = true
	switch name {
	case "":
		ok = !follows
		follows = true
	case "always_on":
	case "always_off":
		root = func(Parent) bool { return false }
	case "traceidratio":
		ratio := 1.0
		if arg = strings.TrimSpace(arg); arg != "" {
			var err error
			ratio, err = strconv.ParseFloat(arg, 64)
			if ok = err == nil && ratio >= 0 && ratio <= 1; !ok {
				ratio = 1
			}
		}
		root = func(p Parent) bool { return float64(binary.BigEndian.Uint64(p.Trace[8:])>>1) < ratio*(1<<63) }
	default:
		ok, follows = false, true
	}
	return func(p Parent) bool {
		if follows && p.Span != (SpanID{}) {
			return p.Sampled
		}
		return root(p)
	}, ok
}
