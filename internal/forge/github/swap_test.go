package github_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
)

// through changes requests and answers on their way; nil leaves them.
type through struct {
	next    http.RoundTripper
	request func(req *http.Request, body []byte) []byte
	answer  func(req *http.Request, res *http.Response, body []byte) []byte
}

func (t through) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.request != nil && req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = t.request(req, body)
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	res, err := t.next.RoundTrip(req)
	if err != nil || t.answer == nil {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	body = t.answer(req, res, body)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// forcing is a forge that takes what is no fast-forward, whether it is forced or not.
func forcing(next http.RoundTripper) http.RoundTripper {
	return through{next: next, request: func(_ *http.Request, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"force":false`), []byte(`"force":true`))
	}}
}

// TestLedgerNeedsNoFastForward lets twenty writers race for the ledger of a forge that would take what is no fast-forward:
// no write is lost, for each names what it writes over.
func TestLedgerNeedsNoFastForward(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, fake.Settings{}, nil)
	over := forcing(w.fake.RoundTripper())
	_, err := w.over(over, token).UpdateLedger(ctx, ledgerRef, claims("first"))
	w.must(err)
	var racers sync.WaitGroup
	for i := range 20 {
		racers.Go(func() {
			if _, err := w.over(over, token).UpdateLedger(ctx, ledgerRef, claims(fmt.Sprint("c", i))); err != nil {
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	racers.Wait()
	l, _, err := w.connect(token).LoadLedger(ctx, ledgerRef)
	w.must(err)
	if len(l.Claims) != 21 || len(w.repo.Log(ledgerRef)) != 21 {
		t.Errorf("%d claims in %d commits", len(l.Claims), len(w.repo.Log(ledgerRef)))
	}
	for _, c := range w.fake.Calls() {
		if c.Writing && c.Method == http.MethodPatch {
			t.Errorf("a ref is moved without its old value: %s", c.Operation)
		}
	}
}

// staleRef shows a ref where it was, for some reads.
func (w *world) staleRef(ref, was string, reads int) http.RoundTripper {
	var mu sync.Mutex
	return through{next: w.fake.RoundTripper(), answer: func(req *http.Request, _ *http.Response, body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if req.Method != http.MethodGet || !strings.HasSuffix(req.URL.Path, "/git/ref/"+strings.TrimPrefix(ref, "refs/")) || reads == 0 {
			return body
		}
		reads--
		return fmt.Appendf(nil, `{"ref":%q,"object":{"type":"commit","sha":%q}}`, ref, was)
	}}
}

// TestStaleReadOfARef loses a race, or the answer to a move that was carried out, and sees the ref where it was for a
// while: that is no failure.
func TestStaleReadOfARef(t *testing.T) {
	t.Parallel()
	const ref = "refs/heads/side"
	ctx := context.Background()
	for _, stale := range []int{0, 1, 2, 3} {
		for _, applied := range []bool{false, true} {
			w := newWorld(t, fake.Settings{}, nil)
			from := w.push("side", "alice", map[string]string{"a": "1\n"})
			to, err := w.client.MakeCommit(ctx, from, edits(), "m")
			w.must(err)
			client := w.over(w.staleRef(ref, from, stale), token)
			if applied {
				w.fake.Inject(fake.Fault{Status: 200, Apply: true, Match: func(c fake.Call) bool { return c.Operation == "mutation updateRefs" },
					Message: `{"data":{"updateRefs":null},"errors":[{"path":["updateRefs"],"message":"Something went wrong while executing your query. This may be the result of a timeout"}]}`})
			} else {
				w.push("side", "mallory", map[string]string{"a": "2\n"})
			}
			err = client.ReplaceRef(ctx, ref, from, to)
			if applied && (err != nil || w.repo.Head(ref) != to) || !applied && !errors.Is(err, forge.ErrMoved) {
				t.Errorf("%d stale reads, applied %t: %v", stale, applied, err)
			}
			if w.time.slept > 7*time.Second {
				t.Errorf("%d stale reads: slept %s", stale, w.time.slept)
			}
		}
	}
}

// TestRefThatCannotBeUpdated is refused for good: that is said after a few tries, with a hint, and never called a lost race.
func TestRefThatCannotBeUpdated(t *testing.T) {
	t.Parallel()
	const ref = "refs/heads/side"
	ctx := context.Background()
	for _, says := range []string{
		`{"data":{"updateRefs":null},"errors":[{"path":["updateRefs"],"message":"Something went wrong while executing your query."}]}`,
		`{"data":{"updateRefs":null},"errors":[{"type":"UNPROCESSABLE","path":["updateRefs"],"message":"Reference cannot be updated"}]}`,
		`{"data":{"updateRefs":null}}`,
	} {
		w := newWorld(t, fake.Settings{}, nil)
		from := w.push("side", "alice", map[string]string{"a": "1\n"})
		to, err := w.client.MakeCommit(ctx, from, edits(), "m")
		w.must(err)
		w.fake.Inject(fake.Fault{Status: 200, Times: 100, Message: says, Match: func(c fake.Call) bool { return c.Operation == "mutation updateRefs" }})
		before := len(w.fake.Calls())
		err = w.client.ForwardRef(ctx, ref, from, to)
		if err == nil || errors.Is(err, forge.ErrMoved) || !strings.Contains(advice(err), ref) || len(w.fake.Calls())-before > 9 || w.time.slept != 7*time.Second {
			t.Errorf("%s: %v, hint %q, %d calls, slept %s", says, err, advice(err), len(w.fake.Calls())-before, w.time.slept)
		}
	}
}
