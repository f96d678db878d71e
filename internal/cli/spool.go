package cli

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/pawl-cd/pawl/internal/wire"
)

// maxSpooled bounds how many files of an earlier version are counted.
const maxSpooled = 100_000

// warnOfSpool says that an earlier version left events on this disk: it kept them in a directory, which this one neither reads
// nor writes. What a profile of a fleet names is no directory of this machine.
func (s *session) warnOfSpool() {
	dir := s.spoolDir()
	if dir == "" || s.g.sys.tenant != nil {
		return
	}
	left := 0
	for _, sink := range entries(filepath.Join(dir, "waiting")) {
		if left >= maxSpooled {
			break
		}
		left += len(entries(filepath.Join(dir, "waiting", sink)))
	}
	if left > 0 {
		s.g.reporter().say(slog.LevelWarn, fmt.Sprintf("%s of an earlier version of pawl waiting in %s", count(left, "event"), dir),
			"deliver them with pawl events flush of that version, or remove the directory; this version keeps events in the ledger")
	}
}

// entries are the names in a directory, none when it cannot be read.
func entries(dir string) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxSpooled)
	return names
}

// spoolDir is where earlier versions kept events: events.outbox, else a directory of this profile in the user's state
// directory (https://specifications.freedesktop.org/basedir-spec/latest/); empty when there is none.
func (s *session) spoolDir() string {
	if dir := s.config.Events.Outbox; dir != "" {
		return s.wire().FromRoot(dir)
	}
	source, base := s.wire().EventSource(), s.env("XDG_STATE_HOME")
	if !filepath.IsAbs(base) { // as the specification has it
		base = filepath.Join(s.env("HOME"), ".local", "state")
	}
	if source == "" || !filepath.IsAbs(base) {
		return ""
	}
	_, place, _ := strings.Cut(source, "://")
	return filepath.Join(base, "pawl", wire.NameOf(cmp.Or(place, source), source))
}
