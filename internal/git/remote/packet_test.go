package remote

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// FuzzAnswers reads anything as each kind of answer: it ends, with a value or an error, and never with both a push that
// moved everything and a report that says otherwise.
func FuzzAnswers(f *testing.F) {
	id := strings.Repeat("1", 40)
	for _, seed := range []string{
		"003f" + id + " refs/heads/main\n0000", "0031\x01000eunpack ok\n0017ok refs/heads/main\n00000000",
		"000dpackfile\n0006\x01P0000", "0011shallow-info\n0001000dpackfile\n0005\x010000", "0009ERR x", "0006\x02x0006\x03y0000", "0001", "ffff", "0004",
	} {
		f.Add([]byte(seed))
	}
	updates := []Update{{Ref: "refs/heads/main", New: id}}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = sections(packets{bytes.NewReader(data)})
		_, _ = packets{bytes.NewReader(data)}.lines(func(string) error { return nil })
		if err := report(packets{bytes.NewReader(data)}, updates); err == nil && !bytes.Contains(data, []byte("unpack ok")) {
			t.Errorf("it was moved by %q", data)
		}
	})
}

// TestReport holds reports of a push against what they mean.
func TestReport(t *testing.T) {
	t.Parallel()
	pkt := func(lines ...string) string {
		var out strings.Builder
		for _, l := range lines {
			fmt.Fprintf(&out, "%04x%s\n", len(l)+5, l)
		}
		return out.String() + "0000"
	}
	band := func(report string) string { return fmt.Sprintf("%04x\x01%s0000", len(report)+5, report) }
	updates := []Update{{Ref: "refs/heads/a", New: "1"}, {Ref: "refs/heads/b", New: "1"}}
	for _, c := range []struct{ name, answer, says string }{
		{"both", band(pkt("unpack ok", "ok refs/heads/a", "ok refs/heads/b")), ""},
		{"one", band(pkt("unpack ok", "ok refs/heads/a", "ng refs/heads/b atomic push failure")), "refs/heads/b: atomic push failure"},
		{"one is not named", band(pkt("unpack ok", "ok refs/heads/a")), "malformed"},
		{"it was not unpacked", band(pkt("unpack index-pack abnormal exit", "ok refs/heads/a", "ok refs/heads/b")), "index-pack abnormal exit"},
		{"it was not said to be unpacked", band(pkt("ok refs/heads/a", "ok refs/heads/b")), "malformed"},
		{"another ref is refused", band(pkt("unpack ok", "ok refs/heads/a", "ok refs/heads/b", "ng refs/heads/c no")), ""},
		{"refused and moved", band(pkt("unpack ok", "ng refs/heads/a no", "ok refs/heads/a", "ok refs/heads/b")), "refs/heads/a: no"},
		{"nothing", "0000", "malformed"},
		{"cut", band(pkt("unpack ok", "ok refs/heads/a"))[:20], "malformed"},
		{"an error of the server", "000c\x03no room", "no room"},
	} {
		err := report(packets{strings.NewReader(c.answer)}, updates)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}
