// Package remote speaks git's smart HTTP protocol with a repository at another host, as far as pawl needs it: protocol 2 for
// reading (https://git-scm.com/docs/gitprotocol-v2), receive-pack for writing (https://git-scm.com/docs/gitprotocol-pack).
//
// It promises: a push moves every ref from the very value that it names, all refs of one push or none; what is read is
// bounded, and an object is what its name says. It keeps no state but what it learned of the server, repeats reading
// only, and leaves to its caller what a refusal means: a push whose answer got lost may have been applied, so look at
// the refs.
package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/pawl-cd/pawl/internal/git"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// maxPack bounds an answer in bytes.
const maxPack = 128 << 20

// Remote is a repository at another host. It is safe for concurrent use.
type Remote struct {
	address     string
	read, write *http.Client
	agent       string
	unfiltered  atomic.Bool // the server knows no filter
}

// New returns the remote of a URL such as https://host/owner/name.git, without asking anything. Every request goes through
// the transport that wrap makes of httpx's own, which is where a credential is added.
func New(client *httpx.Client, place *url.URL, wrap func(http.RoundTripper) http.RoundTripper) *Remote {
	stay := func(next http.RoundTripper) *http.Client {
		return &http.Client{Transport: wrap(next), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	transport := client.Transport(place.Host).WithMaxBody(maxPack)
	return &Remote{address: strings.TrimSuffix(place.String(), "/"), read: stay(transport.Repeating()), write: stay(transport), agent: "agent=pawl"}
}

// RefusedError is a no of the other side.
type RefusedError struct {
	// Status is that of HTTP, 0 when the refusal came inside the protocol; Moved is where a redirect points to.
	Status int
	Moved  string
	// Message is the reason, Said what the other side told people beside it. Refs are the reasons of refs that a push did
	// not move.
	Message, Said string
	Refs          map[string]string
}

// Error returns what the other side said.
func (e *RefusedError) Error() string {
	switch {
	case e.Moved != "":
		return "the repository is elsewhere now: " + e.Moved
	case e.Status > 0:
		return fmt.Sprintf("git: %s (%d)", http.StatusText(e.Status), e.Status)
	}
	return "git: " + e.Message
}

// Texts is all that was said, for who looks for a reason in it.
func (e *RefusedError) Texts() string {
	texts := []string{e.Message, e.Said}
	for _, reason := range e.Refs {
		texts = append(texts, reason)
	}
	return strings.Join(texts, "\n")
}

// Spoken is what was said to people, each line once, or else to the program.
func (e *RefusedError) Spoken() string {
	var lines []string
	for line := range strings.Lines(e.Said) {
		for strings.HasPrefix(line, "error: ") {
			line = strings.TrimPrefix(line, "error: ")
		}
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return cmp.Or(strings.Join(lines, "; "), e.Message)
}

// Refs are the refs of a repository, by their full names.
type Refs struct {
	// HEAD is among them.
	IDs map[string]string
	// Default is the branch that HEAD names, empty when it is not known.
	Default string
}

// Refs lists the refs whose full names begin with a prefix, and HEAD.
func (r *Remote) Refs(ctx context.Context, prefixes ...string) (Refs, error) {
	request := r.command("ls-refs")
	line(request, "symrefs\n")
	for _, prefix := range append(prefixes, "HEAD") {
		line(request, "ref-prefix %s\n", prefix)
	}
	request.WriteString(flush)
	answer, err := r.post(ctx, r.read, "git-upload-pack", request.Bytes())
	if err != nil {
		return Refs{}, fmt.Errorf("listing refs: %w", err)
	}
	found := Refs{IDs: map[string]string{}}
	_, err = packets{answer}.lines(func(text string) error {
		id, rest, _ := strings.Cut(text, " ")
		name, attributes, _ := strings.Cut(rest, " ")
		if len(id) == 64 {
			return errSHA256
		}
		if !git.IsID(id) || name == "" {
			return git.Malformed("the list of refs")
		}
		if target, ok := strings.CutPrefix(attributes, "symref-target:refs/heads/"); ok && name == "HEAD" {
			found.Default = target
		}
		found.IDs[name] = id
		return nil
	})
	if errors.Is(err, git.ErrMalformed) {
		err = r.explain(ctx, err)
	}
	if err != nil {
		return Refs{}, fmt.Errorf("listing refs: %w", err)
	}
	return found, nil
}

// errSHA256 is for repositories of git's newer kind of names, which this client does not read.
var errSHA256 = errors.New("the repository names its objects by SHA-256, and only SHA-1 is read")

// explain asks what the server can do, after it answered a command with nothing: it dies of what it does not like, and
// tells only its own log why.
func (r *Remote) explain(ctx context.Context, cause error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address+"/info/refs?service=git-upload-pack", http.NoBody)
	if err != nil {
		return cause
	}
	req.Header.Set("Git-Protocol", "version=2")
	res, err := r.read.Do(req)
	if err != nil {
		return cause
	}
	defer func() { _ = res.Body.Close() }() // the body is in memory
	said, err := io.ReadAll(res.Body)
	switch {
	case err != nil || res.StatusCode != http.StatusOK:
		return cause
	case bytes.Contains(said, []byte("object-format=sha256")):
		return errSHA256
	case !bytes.Contains(said, []byte("version 2\n")):
		return errors.New("the server does not speak git's protocol 2")
	}
	return cause
}

// Want says what Fetch brings.
type Want struct {
	// IDs are wanted objects: commits, or blobs by their names.
	IDs []string
	// Depth is how many commits of the history come, 0 for all that Have does not reach.
	Depth int
	// Have are commits whose history is not sent.
	Have []string
	// Filter leaves out objects: blob:none, or tree:0 for commits alone. A server that knows no filter sends them all.
	Filter string
}

// Fetch returns objects. Every wanted one is among them, unless Have reaches it.
func (r *Remote) Fetch(ctx context.Context, want Want) (git.Objects, error) {
	found, err := r.fetch(ctx, want)
	if errors.Is(err, git.ErrMalformed) && want.Filter != "" && !r.unfiltered.Load() { // it died of the filter, perhaps
		if r.unfiltered.Store(true); want.Depth == 0 && len(want.Have) == 0 {
			want.Depth = 1
		}
		found, err = r.fetch(ctx, want)
		r.unfiltered.Store(err == nil)
	}
	if err != nil {
		return nil, fmt.Errorf("fetching objects: %w", err)
	}
	for _, id := range want.IDs {
		if _, ok := found[id]; !ok && len(want.Have) == 0 {
			return nil, fmt.Errorf("fetching objects: %w: %s", git.ErrMissing, id)
		}
	}
	return found, nil
}

func (r *Remote) fetch(ctx context.Context, want Want) (git.Objects, error) {
	request := r.command("fetch")
	line(request, "ofs-delta\n")
	line(request, "no-progress\n")
	for _, id := range want.IDs {
		if !git.IsID(id) {
			return nil, fmt.Errorf("%w: %q is no object's name", git.ErrMissing, id)
		}
		line(request, "want %s\n", id)
	}
	for _, id := range want.Have {
		line(request, "have %s\n", id)
	}
	if want.Depth > 0 {
		line(request, "deepen %d\n", want.Depth)
	}
	if want.Filter != "" && !r.unfiltered.Load() {
		line(request, "filter %s\n", want.Filter)
	}
	line(request, "done\n")
	request.WriteString(flush)
	answer, err := r.post(ctx, r.read, "git-upload-pack", request.Bytes())
	if err != nil {
		return nil, err
	}
	return sections(packets{answer})
}

// sections reads what comes before the pack, which only a history of our own would need, and the pack.
func sections(in packets) (git.Objects, error) {
	for {
		name, err := in.next()
		if err != nil {
			return nil, err
		}
		if name.text() == "packfile" {
			data, _, err := in.demultiplex()
			if err != nil {
				return nil, err
			}
			return git.Unpack(data)
		}
		end, err := in.lines(func(string) error { return nil })
		if err == nil && end != delimiter {
			err = git.Malformed("the answer")
		}
		if err != nil {
			return nil, err
		}
	}
}

// Update moves a ref from Old to New; an empty Old makes it, an empty New deletes it.
type Update struct{ Ref, Old, New string }

// nothing is how the protocol names what does not exist.
var nothing = strings.Repeat("0", 40)

// Push sends objects and moves refs, all of them or none; each has to be at its old value. It is a *RefusedError when the
// server says no; after any other error nobody knows.
func (r *Remote) Push(ctx context.Context, objects git.Objects, updates ...Update) error {
	var request bytes.Buffer
	capabilities := "\x00 report-status atomic side-band-64k object-format=sha1 " + r.agent
	deletes := true
	for _, u := range updates {
		old, now := u.Old, u.New
		if deletes = deletes && now == ""; old == "" {
			old = nothing
		}
		if now == "" {
			now = nothing
		}
		line(&request, "%s %s %s%s\n", old, now, u.Ref, capabilities)
		capabilities = ""
	}
	request.WriteString(flush)
	if !deletes {
		data, err := git.Pack(objects)
		if err != nil {
			return fmt.Errorf("pushing: %w", err)
		}
		request.Write(data)
	}
	answer, err := r.post(ctx, r.write, "git-receive-pack", request.Bytes())
	if err == nil {
		err = report(packets{answer}, updates)
	}
	if err != nil {
		return fmt.Errorf("pushing: %w", err)
	}
	return nil
}

// report reads what became of a push.
func report(in packets, updates []Update) error {
	data, said, err := in.demultiplex()
	if err != nil {
		return err
	}
	refused := &RefusedError{Said: strings.TrimSpace(said), Refs: map[string]string{}}
	moved, unpacked := map[string]bool{}, false
	_, err = packets{bytes.NewReader(data)}.lines(func(text string) error {
		word, rest, _ := strings.Cut(text, " ")
		ref, reason, _ := strings.Cut(rest, " ")
		switch word {
		case "unpack":
			if unpacked = rest == "ok"; !unpacked {
				refused.Message = rest
			}
		case "ok":
			moved[ref] = true
		case "ng":
			refused.Refs[ref] = reason
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range updates {
		if reason, no := refused.Refs[u.Ref]; no && refused.Message == "" {
			refused.Message = u.Ref + ": " + reason
		}
	}
	if refused.Message != "" {
		return refused
	}
	for _, u := range updates {
		if !moved[u.Ref] || !unpacked {
			return git.Malformed("the report of the push")
		}
	}
	return nil
}

// command begins a request of protocol 2.
func (r *Remote) command(name string) *bytes.Buffer {
	var out bytes.Buffer
	line(&out, "command=%s\n", name)
	line(&out, "%s\n", r.agent)
	line(&out, "object-format=sha1\n")
	out.WriteString(delimiter)
	return &out
}

// post sends a request to a service and returns its answer.
func (r *Remote) post(ctx context.Context, by *http.Client, service string, body []byte) (io.Reader, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.address+"/"+service, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-"+service+"-request")
	req.Header.Set("Accept", "application/x-"+service+"-result")
	if service == "git-upload-pack" {
		req.Header.Set("Git-Protocol", "version=2")
	}
	res, err := by.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, refusal(res)
	}
	if kind := res.Header.Get("Content-Type"); kind != "application/x-"+service+"-result" {
		return nil, git.Malformed("the answer, which is of the type " + kind + ",")
	}
	return res.Body, nil
}

// refusal reads an answer that is no success.
func refusal(res *http.Response) error {
	defer func() { _ = res.Body.Close() }() // the body is in memory
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	refused := &RefusedError{Status: res.StatusCode, Message: http.StatusText(res.StatusCode), Said: strings.TrimSpace(string(text))}
	if at, err := res.Location(); err == nil {
		refused.Moved = at.Redacted()
	}
	return refused
}
