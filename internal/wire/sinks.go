package wire

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/pawl-cd/pawl/internal/event/file"
	eventhttp "github.com/pawl-cd/pawl/internal/event/http"
	"github.com/pawl-cd/pawl/internal/event/kafka"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// EventSource names this profile in events: events.source, else the page of its repository, empty when neither is known.
func (w Wire) EventSource() string {
	repository := w.Repository()
	if w.Config.Events.Source != "" || repository == "" {
		return w.Config.Events.Source
	}
	return w.ForgePage() + "/" + repository
}

// Repository is the profile's at the forge, as OWNER/NAME; at GitLab the groups may be nested.
func (w Wire) Repository() string {
	if w.ForgeKind() == kindGitLab {
		own := ""
		if w.inGitLab() {
			own = w.env("CI_PROJECT_PATH")
		}
		return cmp.Or(w.Config.Forge.Repository, own)
	}
	return cmp.Or(w.Config.Forge.Repository, w.env("GITHUB_REPOSITORY"))
}

// FromRoot is a path of the configuration: a relative one begins at the root.
func (w Wire) FromRoot(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(w.Root, filepath.FromSlash(name))
}

// Sinks are the configured receivers by their names. With an error it returns those that are to be closed.
func (w Wire) Sinks() (map[string]send.Sink, error) {
	client := w.client(time.Nanosecond) // when to try again is the sender's business
	sinks := map[string]send.Sink{}
	for _, c := range w.Config.Events.Sinks {
		name := SinkName(c)
		if sinks[name] != nil {
			return sinks, fault.New("remove one of them from .pawl.yaml", "events.sinks: two sinks of type %s have the same target", c.Type)
		}
		sink, err := w.sink(c, client)
		if err != nil {
			return sinks, err
		}
		sinks[name] = sink
	}
	return sinks, nil
}

func (w Wire) sink(c config.Sink, client *httpx.Client) (sink send.Sink, err error) {
	switch c.Type {
	case "http":
		sink, err = w.httpSink(c, client)
	case "kafka":
		sink, err = w.kafkaSink(c)
	default:
		sink, err = w.fileSink(c)
	}
	if err != nil {
		return nil, fault.New(cmp.Or(fault.Hint(err), "see events.sinks in .pawl.yaml"), "events.sinks: %w", err)
	}
	return sink, nil
}

func (w Wire) httpSink(c config.Sink, client *httpx.Client) (send.Sink, error) {
	token, err := w.sinkSecret("token", c.Token)
	if err != nil {
		return nil, err
	}
	key, err := w.sinkSecret("hmac", c.HMAC)
	if err != nil {
		return nil, err
	}
	// A token that belongs elsewhere stays there, whoever asks for it.
	if _, elsewhere := w.Config.Secrets[c.Token]; (elsewhere || c.Token == "GITHUB_TOKEN" || c.Token == "MERGE_TOKEN") && !w.Bound(c.Token, c.URL) {
		return nil, fault.New("give the sink a token of its own", "the token %s is not for %s", c.Token, placeOf(c.URL))
	}
	return eventhttp.New(eventhttp.Config{URL: c.URL, Mode: eventhttp.Mode(c.Mode), Token: token, Key: key, Client: client, Now: w.Now})
}

// kafkaSink produces to a topic, over TLS and after a login where the configuration says so.
func (w Wire) kafkaSink(c config.Sink) (send.Sink, error) {
	k := kafka.Config{Brokers: c.Brokers, Topic: c.Topic, Partition: kafka.Partition(c.Partition), TLS: c.TLS, SASL: kafka.Mechanism(c.SASL)}
	var err error
	if c.CA != "" {
		if k.CA, err = w.certificates(c.CA); err != nil {
			return nil, err
		}
	}
	if k.User, err = w.sinkSecret("user", c.User); err != nil {
		return nil, err
	}
	if k.Password, err = w.sinkSecret("password", c.Password); err != nil {
		return nil, err
	}
	return kafka.New(k)
}

// maxCertificates bounds a file of certificates, in bytes.
const maxCertificates = 1 << 20

// certificates reads a file of PEM certificates, below the root when its path is relative.
func (w Wire) certificates(path string) ([]byte, error) {
	name := w.FromRoot(path)
	if !filepath.IsAbs(path) && !within(w.Root, name) {
		return nil, fault.New("write a path below the root, or an absolute one", "ca: the path %s leaves the root", path)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.New("name a file of PEM certificates with ca, or remove ca to trust the system's", "ca: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCertificates))
	if err != nil {
		return nil, fault.New("name a file of PEM certificates with ca, or remove ca to trust the system's", "ca: %w", err)
	}
	return data, nil
}

// sinkSecret is the value of the variable that a setting names, which has to be there.
func (w Wire) sinkSecret(setting, variable string) (string, error) {
	value := w.env(variable)
	switch {
	case variable == "":
		return "", nil
	case value == "":
		return "", fault.New(fmt.Sprintf("set %s, or remove %s from the sink in .pawl.yaml", variable, setting), "the variable %s is not set", variable)
	case strings.ContainsAny(value, "\r\n"):
		return "", fault.New("set it without one, also at its end", "the variable %s holds a line break", variable)
	default:
		return value, nil
	}
}

// fileSink appends to a file, below the root when its path is relative.
func (w Wire) fileSink(c config.Sink) (send.Sink, error) {
	name := w.FromRoot(c.Path)
	if !filepath.IsAbs(c.Path) && !within(w.Root, name) {
		return nil, fault.New("write a path below the root, or an absolute one", "the path %s leaves the root", c.Path)
	}
	return file.New(name), nil
}

// SinkName names a sink by what it is and where it leads to, for good: what the ledger keeps for a name is for that receiver.
func SinkName(c config.Sink) string {
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
	return c.Type + "-" + NameOf(label, target)
}

// unusual are the characters that a name does not have.
var unusual = regexp.MustCompile(`[^A-Za-z0-9.]+`)

// NameOf is a name that says what it is, and eight hexadecimal digits that tell it from others.
func NameOf(label, identity string) string {
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
