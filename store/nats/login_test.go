//go:build unix

package nats_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/internal/nodes/natstest"
	"github.com/liveorigin/caddy-live-origin/store"
	"github.com/liveorigin/caddy-live-origin/store/memory"
	"github.com/liveorigin/caddy-live-origin/store/nats"
)

// serve runs a server with more in its config, and returns its address.
func serve(t *testing.T, more string) string {
	t.Helper()
	program := natstest.Need(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "server.conf")
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q }\n%s\n", address, dir, more)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "-c", config)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
	}
	t.Fatal("the server does not listen")
	return ""
}

// certificate writes one for the loopback address, which is its own authority.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestLogins(t *testing.T) {
	cert, key := certificate(t)
	encrypted := fmt.Sprintf("tls { cert_file: %q, key_file: %q }", cert, key)
	known, unknown := newOperator(t), newOperator(t)
	mutual := fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }", cert, key, cert)
	for name, c := range map[string]struct {
		server     string
		right, bad nats.Options
		told       string
	}{
		"password": {
			`authorization { user: origin, password: swordfish }`,
			nats.Options{User: "origin", Password: "swordfish"}, nats.Options{User: "origin", Password: "wrong"},
			"Authorization Violation",
		},
		"token": {`authorization { token: swordfish }`, nats.Options{Token: "swordfish"}, nats.Options{}, "Authorization Violation"},
		"tls":   {encrypted, nats.Options{TLS: &nats.TLS{CA: cert}}, nats.Options{TLS: &nats.TLS{}}, "certificate"},
		"tls with a certificate": {
			mutual,
			nats.Options{TLS: &nats.TLS{CA: cert, Cert: cert, Key: key}}, nats.Options{TLS: &nats.TLS{CA: cert}},
			"certificate",
		},
		"credentials": {
			known.config,
			nats.Options{Credentials: known.user(known.account)}, nats.Options{Credentials: unknown.user(unknown.account)},
			"Authorization Violation",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := "nats://" + serve(t, c.server)
			open := func(o nats.Options, told *events) *nats.Store {
				o.Servers, o.Node, o.Replicas, o.Local, o.Event = []string{server}, "a", 1, memory.Open(0), told.add
				st, err := nats.Open(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = st.Close() })
				return st
			}
			if _, err := appendOne(journal(t, open(c.right, new(events)), "j"), "record", time.Second); err != nil {
				t.Error(err)
			}
			told := new(events)
			open(c.bad, told)
			told.waitFor(t, nats.StreamsUnavailable, c.told)
			if told.mention("swordfish") {
				t.Error("a secret was told")
			}
		})
	}
}

// TestFilesThatAreMissing are told when the store is opened, rather than tried for ever.
func TestFilesThatAreMissing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for want, o := range map[string]nats.Options{
		"credentials: open":  {Credentials: missing},
		"tls: ca: open":      {TLS: &nats.TLS{CA: missing}},
		"tls: cert and key:": {TLS: &nats.TLS{Cert: missing, Key: missing}},
	} {
		local := memory.Open(0)
		o.Servers, o.Node, o.Local = []string{"nats://127.0.0.1:1"}, "a", local
		if _, err := nats.Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
		if err := local.Close(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("the local store was not closed: %v", err)
		}
	}
}
