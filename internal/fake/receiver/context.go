package receiver

import (
	"context"
	"net/http"
)

type eventsKey struct{}

// withEvents hands the events of a request, whose body is read only once, to the handler behind a fault.
func withEvents(req *http.Request, events []Event) *http.Request {
	return req.WithContext(context.WithValue(req.Context(), eventsKey{}, events))
}

func eventsOf(req *http.Request) []Event {
	events, _ := req.Context().Value(eventsKey{}).([]Event)
	return events
}
