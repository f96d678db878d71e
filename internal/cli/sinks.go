package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/file"
	eventhttp "github.com/pawl-cd/pawl/internal/event/http"
	"github.com/pawl-cd/pawl/internal/event/kafka"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/run"
)

// sender begins to send to the configured sinks; nil when there is none. settled, which may be nil, is told of each event
// that a sink is done with.
func (s *session) sender(settled func(sink string, m event.Message)) (*send.Sender, error) {
	if len(s.config.Events.Sinks) == 0 {
		return nil, nil
	}
	sinks, err := s.sinks()
	if err == nil {
		return send.New(send.Config{Sinks: sinks, Settled: settled}), nil
	}
	for _, sink := range sinks {
		err = errors.Join(err, sink.Close())
	}
	return nil, err
}

// eventSource names this profile in events: events.source, else the page of its repository, empty when neither is known.
func (s *session) eventSource() string {
	repository := s.repository()
	if s.config.Events.Source != "" || repository == "" {
		return s.config.Events.Source
	}
	return cmp.Or(s.env("GITHUB_SERVER_URL"), "https://github.com") + "/" + repository
}

// repository is the profile's at the forge, as OWNER/NAME.
func (s *session) repository() string {
	return cmp.Or(s.config.Forge.Repository, s.env("GITHUB_REPOSITORY"))
}

// fromRoot is a path of the configuration: a relative one begins at the root.
func (s *session) fromRoot(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.g.root, filepath.FromSlash(name))
}

// sinks are the configured receivers by their names. With an error it returns those that are to be closed.
func (s *session) sinks() (map[string]send.Sink, error) {
	client := httpx.New(httpx.Config{
		Timeout: s.g.timeout, Concurrency: s.concurrency, UserAgent: "pawl/" + buildVersion(), Redactor: s.g.door, Log: s.g.logger(), Transport: s.g.sys.Transport,
		Sleep: s.g.sys.Sleep, Now: s.g.sys.Now,
		Budget: time.Nanosecond, // when to try again is the sender's business
	})
	sinks := map[string]send.Sink{}
	for _, c := range s.config.Events.Sinks {
		name := sinkName(c)
		if sinks[name] != nil {
			return sinks, &exit{code: Usage, topics: []topic{sinksTopic}, err: fmt.Errorf("events.sinks: two sinks of type %s have the same target", c.Type), hint: "remove one of them from .pawl.yaml"}
		}
		sink, err := s.sink(c, client)
		if err != nil {
			return sinks, err
		}
		sinks[name] = sink
	}
	return sinks, nil
}

func (s *session) sink(c config.Sink, client *httpx.Client) (sink send.Sink, err error) {
	switch c.Type {
	case "http":
		sink, err = s.httpSink(c, client)
	case "kafka":
		sink, err = s.kafkaSink(c)
	default:
		sink, err = s.fileSink(c)
	}
	if err != nil {
		return nil, &exit{code: Usage, topics: []topic{sinksTopic}, err: fmt.Errorf("events.sinks: %w", err), hint: cmp.Or(fault.Hint(err), "see events.sinks in .pawl.yaml")}
	}
	return sink, nil
}

func (s *session) httpSink(c config.Sink, client *httpx.Client) (send.Sink, error) {
	token, err := s.sinkSecret("token", c.Token)
	if err != nil {
		return nil, err
	}
	key, err := s.sinkSecret("hmac", c.HMAC)
	if err != nil {
		return nil, err
	}
	// A token that belongs elsewhere stays there, whoever asks for it.
	if _, elsewhere := s.config.Secrets[c.Token]; (elsewhere || c.Token == "GITHUB_TOKEN" || c.Token == "MERGE_TOKEN") && !s.bound(c.Token, c.URL) {
		return nil, &exit{code: Usage, topics: []topic{sinksTopic}, err: fmt.Errorf("the token %s is not for %s", c.Token, placeOf(c.URL)), hint: "give the sink a token of its own"}
	}
	return eventhttp.New(eventhttp.Config{URL: c.URL, Mode: eventhttp.Mode(c.Mode), Token: token, Key: key, Client: client, Now: s.g.sys.Now})
}

// kafkaSink produces to a topic, over TLS and after a login where the configuration says so.
func (s *session) kafkaSink(c config.Sink) (send.Sink, error) {
	k := kafka.Config{Brokers: c.Brokers, Topic: c.Topic, Partition: kafka.Partition(c.Partition), TLS: c.TLS, SASL: kafka.Mechanism(c.SASL)}
	var err error
	if c.CA != "" {
		if k.CA, err = s.certificates(c.CA); err != nil {
			return nil, err
		}
	}
	if k.User, err = s.sinkSecret("user", c.User); err != nil {
		return nil, err
	}
	if k.Password, err = s.sinkSecret("password", c.Password); err != nil {
		return nil, err
	}
	return kafka.New(k)
}

// maxCertificates bounds a file of certificates, in bytes.
const maxCertificates = 1 << 20

// certificates reads a file of PEM certificates, below the root when its path is relative.
func (s *session) certificates(path string) ([]byte, error) {
	name := s.fromRoot(path)
	if !filepath.IsAbs(path) && !within(s.g.root, name) {
		return nil, fmt.Errorf("ca: the path %s leaves the root", path)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCertificates))
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	return data, nil
}

// sinkSecret is the value of the variable that a setting names, which has to be there.
func (s *session) sinkSecret(setting, variable string) (string, error) {
	value := s.env(variable)
	switch {
	case variable == "":
		return "", nil
	case value == "":
		return "", &exit{code: Usage, topics: []topic{sinksTopic}, err: fmt.Errorf("the variable %s is not set", variable), hint: fmt.Sprintf("set %s, or remove %s from the sink in .pawl.yaml", variable, setting)}
	case strings.ContainsAny(value, "\r\n"):
		return "", &exit{code: Usage, topics: []topic{sinksTopic}, err: fmt.Errorf("the variable %s holds a line break", variable), hint: "set it without one, also at its end"}
	default:
		return value, nil
	}
}

// fileSink appends to a file, below the root when its path is relative.
func (s *session) fileSink(c config.Sink) (send.Sink, error) {
	name := s.fromRoot(c.Path)
	if !filepath.IsAbs(c.Path) && !within(s.g.root, name) {
		return nil, &exit{code: Usage, topics: []topic{sinksTopic}, err: fmt.Errorf("the path %s leaves the root", c.Path), hint: "write a path below the root, or an absolute one"}
	}
	return file.New(name), nil
}

// sinkName names a sink by what it is and where it leads to, for good: what the ledger keeps for a name is for that receiver.
func sinkName(c config.Sink) string {
	label, target := filepath.Base(c.Path), c.Path
	switch c.Type {
	case "http":
		label, target = "", c.URL
		if u, err := url.Parse(c.URL); err == nil {
			label = u.Host // the path and the query may be secret
		}
	case "kafka":
		label, target = c.Topic, strings.Join(slices.Sorted(slices.Values(c.Brokers)), ",")+"/"+c.Topic
	}
	return c.Type + "-" + nameOf(label, target)
}

// unusual are the characters that a name does not have.
var unusual = regexp.MustCompile(`[^A-Za-z0-9.]+`)

// nameOf is a name that says what it is, and eight hexadecimal digits that tell it from others.
func nameOf(label, identity string) string {
	sum := sha256.Sum256([]byte(identity))
	label = strings.Trim(unusual.ReplaceAllString(label, "-"), "-.")
	return strings.TrimPrefix(label[:min(len(label), 50)]+"-"+hex.EncodeToString(sum[:4]), "-")
}

// within reports whether a path is the root or lies below it.
func within(root, name string) bool {
	rel, err := filepath.Rel(resolved(root), resolved(name))
	return err == nil && filepath.IsLocal(rel)
}

// resolved is the absolute path without symbolic links, as far as it exists.
func resolved(name string) string {
	name, err := filepath.Abs(name)
	if err != nil {
		return name // there is no working directory, so nothing can be opened either
	}
	for dir, rest := name, ""; ; dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest) {
		if real, err := filepath.EvalSymlinks(dir); err == nil || dir == filepath.Dir(dir) {
			return filepath.Join(cmp.Or(real, dir), rest)
		}
	}
}

// delivery is how each sink stands, for a report.
func (s *session) delivery(sum send.Summary) []run.Delivery {
	var all []run.Delivery
	for _, state := range sum {
		d := run.Delivery{Sink: state.Sink, Delivered: state.Delivered, Dead: state.Dead, Waiting: state.Waiting}
		if state.Err != nil {
			d.Detail = s.g.door.Text(state.Err.Error())
		}
		all = append(all, d)
	}
	return all
}
