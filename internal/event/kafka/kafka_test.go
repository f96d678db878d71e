package kafka_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/kafka"
	"github.com/pawl-cd/pawl/internal/event/send"
)

const (
	topic      = "cdevents"
	partitions = 6
)

func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func sink(t *testing.T, c kafka.Config) *kafka.Sink {
	t.Helper()
	c.Topic = cmp.Or(c.Topic, topic)
	s, err := kafka.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var kinds = []string{
	"dev.cdevents.change.created.0.4.0", "dev.cdevents.change.merged.0.3.0", "dev.cdevents.pipelinerun.queued.0.3.0",
	"dev.cdevents.pipelinerun.finished.0.3.0", "dev.cdeventsx.pawl-version.found.0.1.0",
}

// message is the nth event of a chain; its type and subject go round.
func message(chain string, n int) event.Message {
	id := fmt.Sprintf("%s-%03d", chain, n)
	return event.Message{
		ID: id, Source: "https://pawl.example/p%20q", Type: kinds[n%len(kinds)],
		Subject: fmt.Sprintf(`pkg:oci/s%d@sha256%%3A24?tag=v1 "é"`, n%4), Time: time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC),
		Chain: chain, Sequence: fmt.Sprintf("%06d", n), Body: []byte(`{"context":{"id":"` + id + `"}}`),
	}
}

// mixed are events of several chains, taking turns.
func mixed(chains, each int) []event.Message {
	var all []event.Message
	for n := range each {
		for c := range chains {
			all = append(all, message(fmt.Sprintf("chain%d", c), n))
		}
	}
	return all
}

// consume reads so many records with Kafka's own order inside each partition.
func consume(t *testing.T, c *kfake.Cluster, n int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%d records of %d: %v", len(all), n, err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

func headers(r *kgo.Record) map[string]string {
	all := map[string]string{}
	for _, h := range r.Headers {
		all[h.Key] = string(h.Value)
	}
	return all
}

// sending is a sender with one sink, which remembers what was added and what the sink settled.
type sending struct {
	*send.Sender
	mu      sync.Mutex
	added   []event.Message
	settled map[string]bool
}

func (s *sending) settle(_ string, m event.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[m.ID] = true
}

// left are the events that the sink has not settled.
func (s *sending) left() []event.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.added), func(m event.Message) bool { return s.settled[m.ID] })
}

func box(s send.Sink, drain time.Duration) *sending {
	b := &sending{settled: map[string]bool{}}
	b.Sender = send.New(send.Config{Sinks: map[string]send.Sink{"kafka": s}, Settled: b.settle, Drain: drain})
	return b
}

func add(t *testing.T, s *sending, messages ...event.Message) {
	t.Helper()
	for _, m := range messages {
		if err := s.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	s.added = append(s.added, messages...)
}

// TestPartitions shows, for each way to partition, that one key is on one partition and its events are in order there,
// and that several partitions are in use.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by  kafka.Partition
		key func(map[string]string) string
	}{
		{"", func(h map[string]string) string { return h["ce_chainid"] }},
		{kafka.ByType, func(h map[string]string) string { return h["ce_type"] }},
		{kafka.BySubject, func(h map[string]string) string { return h["ce_subject"] }},
	} {
		t.Run(string(c.by), func(t *testing.T) {
			t.Parallel()
			cluster := cluster(t)
			o := box(sink(t, kafka.Config{Brokers: cluster.ListenAddrs(), Partition: c.by}), 20*time.Second)
			all := mixed(8, 25)
			add(t, o, all...)
			if s := o.Close(t.Context()); s[0].Delivered != len(all) || s[0].Err != nil {
				t.Fatalf("summary is %+v", s)
			}
			checkPartitions(t, consume(t, cluster, len(all)), c.key)
		})
	}
}

func checkPartitions(t *testing.T, records []*kgo.Record, key func(map[string]string) string) {
	t.Helper()
	place, last, used := map[string]int32{}, map[string]string{}, map[int32]bool{}
	for _, r := range records {
		h := headers(r)
		k := key(h)
		if at, ok := place[k]; ok && at != r.Partition {
			t.Errorf("%s is on partitions %d and %d", k, at, r.Partition)
		}
		if h["ce_sequence"] < last[k] {
			t.Errorf("%s: %s came after %s", k, h["ce_sequence"], last[k])
		}
		place[k], last[k], used[r.Partition] = r.Partition, h["ce_sequence"], true
	}
	if len(used) < 2 {
		t.Errorf("only partitions %v are used", used)
	}
}

// TestTypeVersions shows that a new version of an event stays on the partition of the old one.
func TestTypeVersions(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	s := sink(t, kafka.Config{Brokers: c.ListenAddrs(), Partition: kafka.ByType})
	var batch []event.Message
	for n := range 6 {
		m := message("a", 0)
		m.Type = fmt.Sprintf("dev.cdevents.change.merged.0.%d.0", n)
		batch = append(batch, m)
	}
	if err := errors.Join(s.Deliver(t.Context(), batch)...); err != nil {
		t.Fatal(err)
	}
	for _, r := range consume(t, c, len(batch)) {
		if string(r.Key) != "dev.cdevents.change.merged" {
			t.Errorf("key is %q", r.Key)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	s := sink(t, kafka.Config{Brokers: c.ListenAddrs()})
	m := message("a", 1)
	m.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	plain := message("", 2)
	plain.Sequence = ""
	empty := message("a", 3)
	empty.Body = nil
	errs := s.Deliver(t.Context(), []event.Message{m, plain, empty})
	var rejected *event.Rejected
	if errs[0] != nil || errs[1] != nil || !errors.As(errs[2], &rejected) {
		t.Fatalf("errors are %v", errs)
	}
	got := map[string]*kgo.Record{}
	for _, r := range consume(t, c, 2) {
		got[headers(r)["ce_id"]] = r
	}
	want := map[string]string{
		"content-type": "application/json", "ce_specversion": "1.0", "ce_id": m.ID, "ce_source": m.Source, "ce_type": m.Type,
		"ce_subject": `pkg:oci/s1@sha256%3A24?tag=v1 "é"`, "ce_time": "2026-01-02T03:04:05.6Z", "ce_partitionkey": "a", "ce_chainid": "a",
		"ce_sequence": "000001", "ce_traceparent": m.TraceParent,
	}
	if diff := gocmp.Diff(want, headers(got[m.ID])); diff != "" {
		t.Error(diff)
	}
	if r := got[m.ID]; string(r.Value) != string(m.Body) || string(r.Key) != "a" {
		t.Errorf("key %q, value %q", r.Key, r.Value)
	}
	if h := headers(got[plain.ID]); string(got[plain.ID].Key) != plain.Source || h["ce_partitionkey"] != plain.Source || len(h) != 8 {
		t.Errorf("outside of a chain: %q, %v", got[plain.ID].Key, h)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// refuse makes the brokers answer produce requests with an error, as often as given, -1 until it is removed.
func refuse(c *kfake.Cluster, err *kerr.Error, times int) *kfake.FaultHandle {
	return c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: times})
}

// TestProduceErrors injects errors: a passing one is retried, a lasting one leaves everything for later,
// one that says "never" is a refusal.
func TestProduceErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code          *kerr.Error
		times         int
		waiting, dead int
	}{
		"passing": {kerr.NotEnoughReplicas, 2, 0, 0},
		"lasting": {kerr.TopicAuthorizationFailed, -1, 24, 0},
		"retried": {kerr.NotEnoughReplicas, -1, 24, 0},
		"never":   {kerr.MessageTooLarge, -1, 0, 24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := cluster(t)
			fault := refuse(cluster, c.code, c.times)
			config := kafka.Config{Brokers: cluster.ListenAddrs(), Timeout: time.Second}
			o := box(sink(t, config), 3*time.Second)
			all := mixed(4, 6)
			add(t, o, all...)
			s := o.Close(t.Context())
			if s[0].Waiting != c.waiting || s[0].Dead != c.dead || (s[0].Err == nil) != (c.waiting+c.dead == 0) {
				t.Errorf("summary is %+v", s)
			}
			fault.Remove()
			if c.waiting > 0 {
				var advice interface{ Advice() string }
				if !errors.As(s[0].Err, &advice) || advice.Advice() == "" {
					t.Errorf("error is %v", s[0].Err)
				}
				flush(t, o.left(), config, c.waiting)
			}
			if c.dead == 0 {
				checkPartitions(t, consume(t, cluster, len(all)), func(h map[string]string) string { return h["ce_chainid"] })
			}
		})
	}
}

// TestPassingErrorIsRetriedInTheDelivery shows that an error that passes costs no delivery, whatever the timeout: the client
// itself tries again well within it, and not the sender after it.
func TestPassingErrorIsRetriedInTheDelivery(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{0, 10 * time.Second, time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			t.Parallel()
			c := cluster(t)
			s := sink(t, kafka.Config{Brokers: c.ListenAddrs(), Timeout: timeout})
			if err := s.Deliver(t.Context(), []event.Message{message("first", 0)})[0]; err != nil {
				t.Fatal(err) // from here on the client has metadata, which is as new as can be
			}
			defer refuse(c, kerr.NotEnoughReplicas, 2).Remove()
			if err := s.Deliver(t.Context(), []event.Message{message("second", 0)})[0]; err != nil {
				t.Errorf("after %s: %v", cmp.Or(timeout, kafka.DefaultTimeout), err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// flush hands over later what is left.
func flush(t *testing.T, left []event.Message, c kafka.Config, want int) {
	t.Helper()
	c.Timeout = 0
	o := box(sink(t, c), 20*time.Second)
	add(t, o, left...)
	if s := o.Flush(t.Context()); s[0].Delivered != want || s.Undelivered() != 0 || s[0].Err != nil {
		t.Errorf("summary of the flush is %+v", s)
	}
	o.Close(t.Context())
}

// TestDeadBroker shows that no broker costs the drain time at most and keeps everything, and that a flush delivers it
// once there is one.
func TestDeadBroker(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	if err != nil {
		t.Fatal(err)
	}
	addresses := c.ListenAddrs()
	c.Close()
	o := box(sink(t, kafka.Config{Brokers: addresses}), time.Second)
	all := mixed(3, 10)
	add(t, o, all...)
	start := time.Now()
	s := o.Close(t.Context())
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("took %s", took)
	}
	if s[0].Waiting != len(all) || s[0].Err == nil {
		t.Errorf("summary is %+v", s)
	}
	alive := cluster(t)
	flush(t, o.left(), kafka.Config{Brokers: alive.ListenAddrs()}, len(all))
	checkPartitions(t, consume(t, alive, len(all)), func(h map[string]string) string { return h["ce_chainid"] })
}

// TestStalledBroker shows that a broker that never answers does not outlast the context.
func TestStalledBroker(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.SleepControl(func() { <-stop })
		return nil, nil, false
	})
	o := box(sink(t, kafka.Config{Brokers: c.ListenAddrs()}), 500*time.Millisecond)
	all := mixed(1, 5)
	add(t, o, all...)
	start := time.Now()
	s := o.Close(t.Context())
	if took := time.Since(start); took > 3*time.Second || s[0].Waiting != len(all) || s[0].Err == nil {
		t.Errorf("took %s, summary is %+v", took, s)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []kafka.Config{
		{}, {Brokers: []string{"127.0.0.1:9092"}}, {Topic: "t"}, {Brokers: []string{"127.0.0.1:9092"}, Topic: "t", Partition: "random"},
	} {
		if _, err := kafka.New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestKcat reads the topic with an independent client.
func TestKcat(t *testing.T) {
	t.Parallel()
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("kcat is not installed")
		}
		t.Skip("kcat is not installed")
	}
	c := cluster(t)
	s := sink(t, kafka.Config{Brokers: c.ListenAddrs()})
	m := message("chain", 1)
	if err := s.Deliver(t.Context(), []event.Message{m})[0]; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, kcat, "-b", strings.Join(c.ListenAddrs(), ","), "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k|%h|%s\n")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	lines := bufio.NewScanner(&out)
	lines.Scan()
	want := fmt.Sprintf("%s|content-type=application/json,ce_specversion=1.0,ce_id=%s,ce_source=%s,ce_type=%s,ce_subject=%s,ce_time=%s,"+
		"ce_partitionkey=chain,ce_chainid=chain,ce_sequence=000001|%s", m.Chain, m.ID, m.Source, m.Type, m.Subject, "2026-01-02T03:04:05.6Z", m.Body)
	if diff := gocmp.Diff(want, lines.Text()); diff != "" || lines.Scan() {
		t.Errorf("%s, then %q", diff, lines.Text())
	}
}
