package httpx_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/httpx"
)

// slowly is a network that takes a while for each answer, as long as it is waited for.
type slowly struct {
	takes time.Duration
	// answer is what is answered to the request with a number, from 0 on; nil is an empty 200.
	answer func(n int) (status int, header http.Header)

	mu sync.Mutex
	n  int
}

func (s *slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	n := s.n
	s.n++
	s.mu.Unlock()
	if err := httpx.Sleep(r.Context(), s.takes); err != nil {
		return nil, err
	}
	res := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}
	if s.answer != nil {
		res.StatusCode, res.Header = s.answer(n)
	}
	return res, nil
}

func spend(t *testing.T, client *httpx.Client, a *httpx.Allowance) error {
	t.Helper()
	req, err := http.NewRequestWithContext(httpx.WithAllowance(t.Context(), a), http.MethodGet, "https://host.example/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := httpx.NewClient(client.Transport("host.example")).Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	return err
}

// TestAllowance asks a host that takes 300 ms for each answer, for ever: it ends when the allowance does.
func TestAllowance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &slowly{takes: 300 * time.Millisecond}
		client, a, begin := httpx.New(httpx.Config{Transport: network}), httpx.NewAllowance(10*time.Second), time.Now()
		var err error
		for err == nil {
			err = spend(t, client, a)
		}
		if took := time.Since(begin); !errors.Is(err, httpx.ErrSpent) || took != 10*time.Second || !strings.Contains(err.Error(), "not done within 10s in all") {
			t.Errorf("%v after %s", err, took)
		}
		if err = spend(t, client, a); !errors.Is(err, httpx.ErrSpent) {
			t.Errorf("the next request: %v", err)
		}
		if err = spend(t, client, httpx.NewAllowance(time.Second)); err != nil {
			t.Errorf("another purpose: %v", err)
		}
	})
}

// TestAllowanceAndTimeout shows that a stall ends by whichever bound comes first, and says which.
func TestAllowanceAndTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := httpx.New(httpx.Config{Transport: &slowly{takes: time.Hour}, Timeout: 20 * time.Second})
		a := httpx.NewAllowance(30 * time.Second)
		if err := spend(t, client, a); !errors.Is(err, httpx.ErrTimeout) || !strings.Contains(err.Error(), "no answer within 20s") {
			t.Errorf("the first stall: %v", err)
		}
		begin := time.Now()
		if err := spend(t, client, a); !errors.Is(err, httpx.ErrSpent) || time.Since(begin) != 10*time.Second {
			t.Errorf("the second stall: %v after %s", err, time.Since(begin))
		}
	})
}

// TestAllowanceLeavesOutTheQueue asks 40 times at a host that is asked by two at a time: each has its own second.
func TestAllowanceLeavesOutTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := httpx.New(httpx.Config{Transport: &slowly{takes: 900 * time.Millisecond}, Concurrency: func(string) int { return 2 }})
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				if err := spend(t, client, httpx.NewAllowance(time.Second)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// TestAllowanceOfWaits lets a host ask for a minute once, which is waited, and again and again, which is not.
func TestAllowanceOfWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asks := func(n int) (int, http.Header) {
			if n%2 == 0 {
				return 429, http.Header{"Retry-After": {"50"}}
			}
			return 200, http.Header{}
		}
		client, a, begin := httpx.New(httpx.Config{Transport: &slowly{answer: asks}}), httpx.NewAllowance(10*time.Second), time.Now()
		if err := spend(t, client, a); err != nil || time.Since(begin) != 50*time.Second {
			t.Fatalf("%v after %s", err, time.Since(begin))
		}
		var err error
		for err == nil {
			err = spend(t, client, a)
		}
		var failed *httpx.Error
		if took := time.Since(begin); !errors.As(err, &failed) || failed.Wait != 50*time.Second || took > 3*time.Minute {
			t.Errorf("%v after %s", err, took)
		}
	})
}
