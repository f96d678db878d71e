package github

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secondaryDocs is how clients tell the secondary rate limit from a refusal.
const secondaryDocs = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"

// shownLimit is what the headers tell while there is no limit.
const shownLimit = 5000

// budget is what one identity has used of one of its limits.
type budget struct {
	calls int
	reset time.Time
	// writes are those since renewed, hourly those since begun.
	writes, hourly int
	renewed, begun time.Time
}

// The counters of an identity; as recorded in 2026, REST counts what reads and what writes apart, under one name.
const (
	coreReads  = "core"
	coreWrites = "core writes"
	graphQL    = "graphql"
)

// counter is the one that a request counts against.
func counter(req *http.Request) string {
	switch {
	case isGraphQL(req):
		return graphQL
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		return coreWrites
	}
	return coreReads
}

func (s *Server) budgetOf(login, counter string) *budget {
	now := s.now()
	key := login + " " + counter
	b := s.budget[key]
	if b == nil {
		b = &budget{}
		s.budget[key] = b
	}
	if !now.Before(b.reset) {
		b.calls, b.reset = 0, now.Add(time.Hour)
	}
	if now.Sub(b.renewed) >= time.Minute {
		b.writes, b.renewed = 0, now
	}
	if now.Sub(b.begun) >= time.Hour {
		b.hourly, b.begun = 0, now
	}
	return b
}

// limit counts the call and refuses it when a rate limit is used up. Reading the limits is free.
func (s *Server) limit(who Identity, call Call, counter string) *reply {
	b := s.budgetOf(who.Login, counter)
	if call.Operation == "GET /rate_limit" {
		return nil
	}
	if s.options.CallsPerHour > 0 && b.calls >= s.options.CallsPerHour {
		refused := fail(http.StatusForbidden, "API rate limit exceeded for user ID "+itoa(who.id)+".")
		if counter == graphQL { // with 200 and without data
			refused = ok(obj{"errors": []obj{{"type": "RATE_LIMIT", "code": "graphql_rate_limit", "message": "API rate limit already exceeded for user ID " + itoa(who.id) + "."}}})
		}
		return &refused
	}
	b.calls++
	b = s.budgetOf(who.Login, coreWrites)
	if !call.Writing {
		return nil
	}
	minute, hour := s.options.WritesPerMin, s.options.WritesPerHour
	if minute > 0 && b.writes >= minute || hour > 0 && b.hourly >= hour {
		wait := time.Minute - s.now().Sub(b.renewed)
		if hour > 0 && b.hourly >= hour {
			wait = time.Hour - s.now().Sub(b.begun)
		}
		refused := fail(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
		refused.body.(obj)["documentation_url"] = secondaryDocs
		refused.header = http.Header{"Retry-After": {strconv.Itoa(int(wait.Seconds()))}}
		return &refused
	}
	b.writes++
	b.hourly++
	return nil
}

func (s *Server) limitOf(login, counter string) (limit, used int, reset time.Time) {
	b := s.budgetOf(login, counter)
	limit = s.options.CallsPerHour
	if limit == 0 {
		limit = shownLimit
	}
	return limit, min(b.calls, limit), b.reset
}

// limitHeaders adds what GitHub tells with every answer.
func (s *Server) limitHeaders(req *http.Request, header http.Header) {
	who, _ := s.authenticate(req.Header)
	limit, used, reset := s.limitOf(who.Login, counter(req))
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	header.Set("X-Ratelimit-Remaining", strconv.Itoa(limit-used))
	header.Set("X-Ratelimit-Used", strconv.Itoa(used))
	header.Set("X-Ratelimit-Reset", itoa(reset.Unix()))
	resource, _, _ := strings.Cut(counter(req), " ")
	header.Set("X-Ratelimit-Resource", resource)
}

func getRateLimit(c *context) reply {
	rate := func(counter string) obj {
		limit, used, reset := c.server.limitOf(c.who.Login, counter)
		return obj{"limit": limit, "used": used, "remaining": limit - used, "reset": reset.Unix()}
	}
	core := rate(coreReads)
	return ok(obj{"rate": core, "resources": obj{"core": core, "search": core, "graphql": rate(graphQL)}})
}
