package github

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// page cuts one page out of a list and says in Link where the others are.
func page[T any](c *context, all []T) ([]T, http.Header) {
	size := number(c.query.Get("per_page"), 30, 100)
	current := number(c.query.Get("page"), 1, 1<<20)
	last := max(1, (len(all)+size-1)/size)
	var links []string
	add := func(rel string, n int) {
		links = append(links, fmt.Sprintf(`<%s>; rel=%q`, c.pageURL(n), rel))
	}
	if current > 1 {
		add("prev", min(current-1, last))
	}
	if current < last {
		add("next", current+1)
		add("last", last)
	}
	if current > 1 {
		add("first", 1)
	}
	header := http.Header{}
	if len(links) > 0 {
		header.Set("Link", strings.Join(links, ", "))
	}
	from := min((current-1)*size, len(all))
	return all[from:min(from+size, len(all))], header
}

func number(text string, missing, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return missing
	}
	return min(n, most)
}

// pageURL is the request's own address with another page number.
func (c *context) pageURL(n int) string {
	u := *c.req.URL
	if u.Host == "" {
		u.Scheme, u.Host = "http", c.req.Host
	}
	query := u.Query()
	query.Set("page", strconv.Itoa(n))
	u.RawQuery = query.Encode()
	return u.String()
}

// listed answers with one page of rendered items.
func listed[T any](c *context, all []T, render func(T) obj) reply {
	part, header := page(c, all)
	out := make([]obj, 0, len(part))
	for _, item := range part {
		out = append(out, render(item))
	}
	return reply{status: http.StatusOK, header: header, body: out}
}
