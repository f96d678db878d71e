// Package kafka is the sink that produces events to one topic in the Kafka binding of CloudEvents 1.0, binary mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md). It promises: an
// event is acknowledged when all in-sync replicas have it; the partition follows from the key alone, as with Kafka's own
// clients; a key's events are written in their order; no delivery takes longer than its timeout. When to try again is the
// sender's business; the topic's partitions and retention are the broker's.
package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fault"
)

// DefaultTimeout bounds the delivery of one event.
const DefaultTimeout = 5 * time.Second

// metadataShare is the part of the timeout that asking for metadata again may wait: before that the client tries nothing
// again, so a wait as long as the timeout makes every passing error a failed delivery.
const metadataShare = 20

// Partition says what the key of a record is, and so its partition.
type Partition string

// The ways to partition.
const (
	// ByChain keeps cause and effect in order and is the default; what is outside of any chain goes by its source.
	ByChain Partition = "chain"
	// ByType puts each type of event on one partition, whatever its version.
	ByType Partition = "type"
	// BySubject keeps what happened to one subject in order.
	BySubject Partition = "subject"
)

// Config is one topic.
type Config struct {
	// Brokers are the addresses to begin with, host:port.
	Brokers []string
	Topic   string
	// Partition is ByChain when empty.
	Partition Partition
	// Timeout bounds the delivery of one event; zero is the default above.
	Timeout time.Duration
	// TLS encrypts what is sent; CA holds the certificates to trust as PEM, the system's when nil.
	TLS bool
	CA  []byte
	// SASL is how User logs in with Password; empty is no login.
	SASL           Mechanism
	User, Password string
}

// Mechanism is a way to log in.
type Mechanism string

// The mechanisms (RFC 4616, RFC 5802, RFC 7677).
const (
	Plain       Mechanism = "plain"
	ScramSHA256 Mechanism = "scram-sha-256"
	ScramSHA512 Mechanism = "scram-sha-512"
)

// security are the client's options for TLS and the login.
func (c Config) security() ([]kgo.Opt, error) {
	var opts []kgo.Opt
	if c.TLS {
		t := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.CA != nil {
			if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(c.CA) {
				return nil, fault.New("name a file of PEM certificates with ca, or remove ca to trust the system's", "reading the kafka sink: ca holds no PEM certificate")
			}
		}
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	switch c.SASL {
	case "":
	case Plain:
		opts = append(opts, kgo.SASL(plain.Auth{User: c.User, Pass: c.Password}.AsMechanism()))
	case ScramSHA256:
		opts = append(opts, kgo.SASL(scram.Auth{User: c.User, Pass: c.Password}.AsSha256Mechanism()))
	case ScramSHA512:
		opts = append(opts, kgo.SASL(scram.Auth{User: c.User, Pass: c.Password}.AsSha512Mechanism()))
	default:
		return nil, fmt.Errorf("reading the kafka sink: unknown sasl %q", c.SASL)
	}
	return opts, nil
}

// Sink produces to one topic.
type Sink struct {
	config Config
	client *kgo.Client
}

// New returns the sink; nothing is connected before the first event.
func New(c Config) (*Sink, error) {
	c.Partition, c.Timeout = cmp.Or(c.Partition, ByChain), cmp.Or(c.Timeout, DefaultTimeout)
	switch {
	case len(c.Brokers) == 0 || c.Topic == "":
		return nil, errors.New("reading the kafka sink: brokers and topic are needed")
	case c.Partition != ByChain && c.Partition != ByType && c.Partition != BySubject:
		return nil, fmt.Errorf("reading the kafka sink: unknown partition %q", c.Partition)
	}
	security, err := c.security()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(security,
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("pawl"),
		kgo.DefaultProduceTopic(c.Topic),
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotence is the client's default with these
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.RecordDeliveryTimeout(c.Timeout),
		kgo.AllowIdempotentProduceCancellation(), // an end in time counts more than a repetition less
		kgo.DialTimeout(c.Timeout),
		kgo.ProduceRequestTimeout(c.Timeout),
		kgo.RequestTimeoutOverhead(c.Timeout),
		kgo.MetadataMinAge(c.Timeout/metadataShare),
		kgo.ProducerLinger(0), // the sender makes the batches
		kgo.DisableClientMetrics(),
	)...)
	if err != nil {
		return nil, fmt.Errorf("reading the kafka sink: %w", err)
	}
	return &Sink{config: c, client: client}, nil
}

// Close ends the connections.
func (s *Sink) Close() error {
	s.client.Close()
	return nil
}

// Deliver produces the batch and waits for its acknowledgements, or for the end of the context.
func (s *Sink) Deliver(ctx context.Context, batch []event.Message) []error {
	answers := newAnswers(len(batch))
	for i, m := range batch {
		if len(m.Body) == 0 { // an empty value is a tombstone in a compacted topic
			answers.set(i, &event.Rejected{Reason: "the body is empty"})
			continue
		}
		s.client.Produce(ctx, s.record(m), func(_ *kgo.Record, err error) { answers.set(i, s.judge(err)) })
	}
	return answers.wait(ctx)
}

// judge says what the client's answer means.
func (s *Sink) judge(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge), errors.Is(err, kerr.InvalidRecord):
		return &event.Rejected{Reason: fmt.Sprintf("topic %s: %v", s.config.Topic, err)}
	default:
		return &Error{topic: s.config.Topic, brokers: s.config.Brokers, login: s.config.SASL != "", err: err}
	}
}

// record is the message in binary mode: the attributes are headers, as UTF-8 and without percent-encoding.
func (s *Sink) record(m event.Message) *kgo.Record {
	key := s.key(m)
	r := &kgo.Record{Key: []byte(key), Value: m.Body, Headers: []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/json")}}}
	for _, a := range m.Attributes(key) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: "ce_" + a.Name, Value: []byte(a.Value)})
	}
	return r
}

func (s *Sink) key(m event.Message) string {
	switch s.config.Partition {
	case ByType:
		return withoutVersion(m.Type)
	case BySubject:
		return m.Subject
	default:
		return cmp.Or(m.Chain, m.Source)
	}
}

// withoutVersion cuts the three numbers at the end of a CDEvents type, such as dev.cdevents.change.merged.0.3.0: a new
// version of an event does not change its partition.
func withoutVersion(kind string) string {
	parts := strings.Split(kind, ".")
	if len(parts) <= 3 {
		return kind
	}
	return strings.Join(parts[:len(parts)-3], ".")
}
