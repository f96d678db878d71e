package httpx

import "sync"

// Once asks for each key one time and remembers the answer, failures included: a host that does not answer is not
// asked again by every query. The zero value is ready; it is safe for concurrent use.
type Once[K comparable, V any] struct {
	mu      sync.Mutex
	answers map[K]*onceAnswer[V]
}

type onceAnswer[V any] struct {
	once  sync.Once
	value V
	err   error
}

// Do returns the answer for the key. The first caller's ask gives it; others wait for that.
func (o *Once[K, V]) Do(key K, ask func() (V, error)) (V, error) {
	a := o.answer(key)
	a.once.Do(func() { a.value, a.err = ask() })
	return a.value, a.err
}

// Forget makes the next Do ask again.
func (o *Once[K, V]) Forget(key K) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.answers, key)
}

func (o *Once[K, V]) answer(key K) *onceAnswer[V] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answers == nil {
		o.answers = map[K]*onceAnswer[V]{}
	}
	a, ok := o.answers[key]
	if !ok {
		a = &onceAnswer[V]{}
		o.answers[key] = a
	}
	return a
}
