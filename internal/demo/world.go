package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// world is what every demonstration has: servers on loopback, a folder, and a clock that jumps.
type world struct {
	// Places are the servers, for people.
	Places []Place

	root    *os.Root
	dir     string
	servers []*http.Server
	network *http.Transport

	mu      sync.Mutex
	skipped time.Duration
}

// Place is one server of a demonstration.
type Place struct{ Name, URL, What string }

// begins is how long ago the clock starts, so that it ends in the past.
const begins = 10 * time.Minute

// open takes a folder that is there.
func (w *world) open(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	w.root, w.dir, w.network = root, dir, loopback()
	return nil
}

// Close stops the servers; the folder stays.
func (w *world) Close() error {
	for _, server := range w.servers {
		_ = server.Close() // nobody is being served any more
	}
	w.network.CloseIdleConnections()
	return w.root.Close()
}

// Transport sends requests to this machine, and refuses all others.
func (w *world) Transport() http.RoundTripper { return w.network }

// Now is the clock, and Sleep moves it instead of waiting.
func (w *world) Now() time.Time { return time.Now().Add(w.Skipped() - begins) }

// Sleep returns at once, as if the time had passed.
func (w *world) Sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped += d
	return ctx.Err()
}

// Skipped is how much time passed on this clock alone.
func (w *world) Skipped() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.skipped
}

// Write writes a file of the folder.
func (w *world) Write(name string, data []byte) error {
	if err := w.root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := w.root.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// listen serves a handler, which is told its own address, on a port of loopback that is free.
func (w *world) listen(name, what string, handler func(address string) http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening on this machine: %w", err)
	}
	address := "http://" + listener.Addr().String()
	server := &http.Server{Handler: handler(address), ReadHeaderTimeout: time.Minute}
	w.servers = append(w.servers, server)
	w.Places = append(w.Places, Place{name, address, what})
	go func() { _ = server.Serve(listener) }() // it ends with Close
	return nil
}

// place is the address of a server.
func (w *world) place(name string) string {
	return w.Places[slices.IndexFunc(w.Places, func(p Place) bool { return p.Name == name })].URL
}

// loopback connects to this machine and nowhere else, whatever proxy the environment names.
func loopback() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("the demonstration stays on this machine and does not connect to %s", address)
		}
		return dialer.DialContext(ctx, network, address)
	}}
}
