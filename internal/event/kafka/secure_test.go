package kafka_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/kafka"
)

// authority makes a certificate for this machine that signs itself, and its PEM form.
func authority(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestSecure produces over TLS and after each kind of login, and shows what is said when either is wrong: an event is kept, no
// error holds a password, and a hint says what to set.
func TestSecure(t *testing.T) {
	t.Parallel()
	const user, password = "pawl", "c4nary,=password"
	certificate, ca := authority(t)
	_, other := authority(t)
	withTLS := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}})
	login := func(method string) []kfake.Opt {
		return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(method, user, password)}
	}
	for name, c := range map[string]struct {
		cluster []kfake.Opt
		config  kafka.Config
		hint    string // empty when it works
	}{
		"TLS":                           {[]kfake.Opt{withTLS}, kafka.Config{TLS: true, CA: ca}, ""},
		"TLS, another authority":        {[]kfake.Opt{withTLS}, kafka.Config{TLS: true, CA: other}, "name the certificates that signed those of the brokers with ca"},
		"TLS, the system's roots":       {[]kfake.Opt{withTLS}, kafka.Config{TLS: true}, "name the certificates that signed those of the brokers with ca"},
		"TLS, not asked for":            {[]kfake.Opt{withTLS}, kafka.Config{}, "check that the topic exists"},
		"TLS, where there is none":      {nil, kafka.Config{TLS: true, CA: ca}, "check that the topic exists"},
		"PLAIN":                         {login("PLAIN"), kafka.Config{SASL: kafka.Plain, User: user, Password: password}, ""},
		"PLAIN over TLS":                {append(login("PLAIN"), withTLS), kafka.Config{SASL: kafka.Plain, User: user, Password: password, TLS: true, CA: ca}, ""},
		"SCRAM-SHA-256":                 {login("SCRAM-SHA-256"), kafka.Config{SASL: kafka.ScramSHA256, User: user, Password: password}, ""},
		"SCRAM-SHA-256 over TLS":        {append(login("SCRAM-SHA-256"), withTLS), kafka.Config{SASL: kafka.ScramSHA256, User: user, Password: password, TLS: true, CA: ca}, ""},
		"SCRAM-SHA-512":                 {login("SCRAM-SHA-512"), kafka.Config{SASL: kafka.ScramSHA512, User: user, Password: password}, ""},
		"SCRAM-SHA-512 over TLS":        {append(login("SCRAM-SHA-512"), withTLS), kafka.Config{SASL: kafka.ScramSHA512, User: user, Password: password, TLS: true, CA: ca}, ""},
		"PLAIN, wrong password":         {login("PLAIN"), kafka.Config{SASL: kafka.Plain, User: user, Password: "c4nary-wrong"}, "user and password"},
		"SCRAM-SHA-512, wrong":          {login("SCRAM-SHA-512"), kafka.Config{SASL: kafka.ScramSHA512, User: user, Password: "c4nary-wrong"}, "user and password"},
		"a login that is not asked for": {login("PLAIN"), kafka.Config{}, "check that the topic exists"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := cluster(t, c.cluster...)
			if c.config.Brokers = cluster.ListenAddrs(); c.hint != "" {
				c.config.Timeout = time.Second
			}
			s := sink(t, c.config)
			start := time.Now()
			err := s.Deliver(t.Context(), []event.Message{message("a", 1)})[0]
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %s", took)
			}
			if c.hint == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*kafka.Error](err)
			if !ok || !strings.Contains(e.Advice(), c.hint) || strings.Contains(err.Error(), "c4nary") {
				t.Errorf("error is %v with the hint %q, want %q", err, e.Advice(), c.hint)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSecureRefuses: what cannot be used is found before the first event.
func TestSecureRefuses(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]kafka.Config{"no PEM certificate": {TLS: true, CA: []byte("none")}, "unknown sasl": {SASL: "gssapi"}} {
		c.Brokers, c.Topic = []string{"127.0.0.1:1"}, topic
		if _, err := kafka.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
