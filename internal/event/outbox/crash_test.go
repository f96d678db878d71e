package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
)

var errCrash = errors.New("crashed")

// dying is a disk on which the process dies with its nth change: that one is done half, those after it not at all.
type dying struct {
	osDisk
	mu   sync.Mutex
	left int
}

// dead counts a change and reports whether the process has died, and whether that happens just now.
func (d *dying) dead() (now, already bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left--
	return d.left == 0, d.left < 0
}

func (d *dying) write(dir string, data []byte) (string, error) {
	now, already := d.dead()
	switch {
	case already:
		return "", errCrash
	case now:
		_, _ = d.osDisk.write(dir, data[:len(data)/2])
		return "", errCrash
	}
	return d.osDisk.write(dir, data)
}

func (d *dying) link(from, to string) error {
	if now, already := d.dead(); now || already {
		return errCrash
	}
	return d.osDisk.link(from, to)
}

func (d *dying) remove(name string) error {
	if now, already := d.dead(); now || already {
		return errCrash
	}
	return d.osDisk.remove(name)
}

// receiver is a sink that outlives processes: it remembers what it took and refuses the events that are named.
type receiver struct {
	disk   *dying
	mu     sync.Mutex
	got    []string
	refuse string
}

func (r *receiver) Deliver(_ context.Context, batch []event.Message) []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	errs := make([]error, len(batch))
	for i, m := range batch {
		switch {
		case r.disk != nil && r.dead():
			errs[i] = errCrash // nothing leaves a dead process
		case m.ID == r.refuse:
			errs[i] = &event.Rejected{Reason: "never"}
		case !slices.Contains(r.got, m.ID):
			r.got = append(r.got, m.ID)
		}
	}
	return errs
}

func (r *receiver) dead() bool {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	return r.disk.left <= 0
}

func (r *receiver) Close() error { return nil }

// TestCrash ends the process at every change that it makes to the disk, and holds that the next one finishes the job:
// each event that Add took, and each that is added again, is delivered or set aside, in order, at every sink.
func TestCrash(t *testing.T) {
	t.Parallel()
	const events = 4
	for n := 1; ; n++ {
		finished := false
		t.Run(fmt.Sprint(n), func(t *testing.T) { finished = crashAt(t, n, events) })
		if finished {
			if n < 3*events {
				t.Errorf("the whole job makes only %d changes", n)
			}
			return
		}
	}
}

// crashAt dies at the nth change and reports whether the job was done before.
func crashAt(t *testing.T, n, events int) (finished bool) {
	synctest.Test(t, func(t *testing.T) {
		dir, disk := t.TempDir(), &dying{left: n}
		one, two := &receiver{refuse: "e2", disk: disk}, &receiver{disk: disk}
		config := Config{Dir: dir, Sinks: map[string]Sink{"one": one, "two": two}, Drain: time.Minute}
		o, err := open(config, disk)
		if err != nil {
			t.Fatal(err)
		}
		taken := 0
		for i := range events {
			if o.Add(numbered(i)) != nil {
				break
			}
			taken++
		}
		o.Close(t.Context())
		finished = !one.dead()
		one.disk, two.disk = nil, nil

		// The next process delivers what was taken without being told of it.
		o, err = open(config, osDisk{})
		if err != nil {
			t.Fatal(err)
		}
		o.Flush(t.Context())
		if all, err := List(dir); taken > 2 && (err != nil || len(all) != 1 || all[0].Message.ID != "e2") {
			t.Errorf("the refused event was taken and is lost: %+v, %v", all, err)
		}
		for i := range taken {
			id := numbered(i).ID
			if !slices.Contains(two.got, id) || id != one.refuse && !slices.Contains(one.got, id) {
				t.Errorf("%s was taken and is lost: %v, %v", id, one.got, two.got)
			}
		}
		// It also derives all events again, and then each sink has all of them in order.
		for i := range events {
			if err := o.Add(numbered(i)); err != nil {
				t.Fatal(err)
			}
		}
		if s := o.Close(t.Context()); s[0].Waiting+s[1].Waiting != 0 {
			t.Errorf("summary is %+v", s)
		}
		if !slices.Equal(one.got, []string{"e0", "e1", "e3"}) || !slices.Equal(two.got, []string{"e0", "e1", "e2", "e3"}) {
			t.Errorf("received %v and %v", one.got, two.got)
		}
		all, err := List(dir)
		if err != nil || len(all) != 1 || all[0].Message.ID != "e2" || all[0].Reason != "never" || !all[0].Dead {
			t.Errorf("left are %+v, %v", all, err)
		}
	})
	return finished
}

func numbered(i int) event.Message {
	return event.Message{ID: fmt.Sprintf("e%d", i), Source: "https://pawl.example", Chain: "c", Body: []byte(`{}`)}
}

// full is a disk without space for the calls that it names.
type full struct {
	osDisk
	write_, link_ bool
}

func (d *full) write(dir string, data []byte) (string, error) {
	if d.write_ {
		return "", &fs.PathError{Op: "write", Path: dir, Err: syscall.ENOSPC}
	}
	return d.osDisk.write(dir, data)
}

func (d *full) link(from, to string) error {
	if d.link_ {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.ENOSPC}
	}
	return d.osDisk.link(from, to)
}

// TestFullDisk shows that a full disk is an error of Add with advice, that what was taken before is delivered, and that
// a refused event that cannot be set aside is kept.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk, sink := &full{}, &receiver{refuse: "e1"}
		o, err := open(Config{Dir: t.TempDir(), Sinks: map[string]Sink{"s": sink}}, disk)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if err := o.Add(numbered(i)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			disk.write_, disk.link_ = !disk.write_, disk.write_
			var advice interface{ Advice() string }
			if err := o.Add(numbered(2)); !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &advice) || advice.Advice() == "" {
				t.Errorf("error is %v", err)
			}
		}
		s := o.Close(t.Context())
		if s[0].Delivered != 1 || s[0].Waiting != 1 || s[0].Dead != 0 || !errors.Is(s[0].Err, syscall.ENOSPC) {
			t.Errorf("summary is %+v", s)
		}
		if left, _ := filepath.Glob(filepath.Join(o.config.Dir, "new", "*")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}
