package github

import (
	"encoding/json"
	"net/http"
)

// Fault is a disturbance of certain calls. Without Status the connection breaks.
type Fault struct {
	Write   int             // the writing call with this number (see Server.Writes), 0 = any call
	Match   func(Call) bool // further condition, nil = none
	Times   int             // how often it strikes, 0 = once
	Apply   bool            // the request is applied first, and its own reply is lost
	Status  int             // the reply instead, 0 = none: the connection breaks
	Message string          // of the reply
	Header  http.Header     // of the reply, for example Retry-After
}

// Inject adds a fault. The first one that fits a call strikes.
func (s *Server) Inject(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault.Times = max(fault.Times, 1)
	s.faults = append(s.faults, &fault)
}

// Heal removes the faults that have not struck yet.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) fault(call Call) *Fault {
	for _, f := range s.faults {
		if f.Times > 0 && (f.Write == 0 || f.Write == call.Write) && (f.Match == nil || f.Match(call)) {
			f.Times--
			return f
		}
	}
	return nil
}

// answer is what the client gets; real is the answer that it loses, nil when the request was never applied.
func (f *Fault) answer(real *answer) answer {
	if f.Status == 0 && real != nil {
		lost := *real
		lost.drop = true
		return lost
	}
	if f.Status == 0 {
		return answer{drop: true}
	}
	out := fail(f.Status, f.Message).encode()
	out.invented = f.Status < 300
	if json.Valid([]byte(f.Message)) && len(f.Message) > 0 && f.Message[0] == '{' {
		out.data = []byte(f.Message)
	}
	for name, values := range f.Header {
		out.header[http.CanonicalHeaderKey(name)] = values
	}
	return out
}
