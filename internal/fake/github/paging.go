package github

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// order is that of the rels in a Link; GitHub has several.
type order []string

var (
	usual     = order{"prev", "next", "last", "first"}
	comparing = order{"last", "next", "first", "prev"}
)

// page cuts one page out of a list and says in Link where the others are.
func page[T any](c *context, all []T) ([]T, http.Header) { return paged(c, all, usual, 30) }

func paged[T any](c *context, all []T, rels order, usually int) ([]T, http.Header) {
	size := number(c.query.Get("per_page"), usually, max(usually, 100))
	current := number(c.query.Get("page"), 1, 1<<20)
	last := max(1, (len(all)+size-1)/size)
	target := map[string]int{}
	if current > 1 {
		target["prev"], target["first"] = min(current-1, last), 1
	}
	if current < last {
		target["next"], target["last"] = current+1, last
	}
	if usually > 30 && (last > 1 || c.query.Get("page") != "") { // a comparison names its first page, and its last one when there are several
		target["first"] = 1
		if last > 1 {
			target["last"] = last
		}
	}
	var links []string
	for _, rel := range rels {
		if n := target[rel]; n > 0 {
			links = append(links, fmt.Sprintf(`<%s>; rel=%q`, c.pageURL(n), rel))
		}
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

// pageURL is the request's own address with another page number. GitHub names the repository by its number there.
func (c *context) pageURL(n int) string {
	u := *c.req.URL
	if c.repo != nil {
		prefix, rest, _ := strings.Cut(u.EscapedPath(), "/repos/")
		if parts := strings.SplitN(rest, "/", 3); len(parts) == 3 {
			u.RawPath = prefix + "/repositories/" + itoa(c.repo.id) + "/" + parts[2]
			u.Path, _ = url.PathUnescape(u.RawPath)
		}
	}
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
