//go:build unix

package nats_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// operator is who runs the servers: it signs accounts, and they sign their users.
type operator struct {
	t        *testing.T
	operator nkeys.KeyPair
	account  nkeys.KeyPair
	// config is what makes a server trust it.
	config string
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{t: t, operator: pair(t, nkeys.CreateOperator), account: pair(t, nkeys.CreateAccount)}
	system := pair(t, nkeys.CreateAccount)
	claims := jwt.NewOperatorClaims(public(t, o.operator))
	claims.SystemAccount = public(t, system)
	account := jwt.NewAccountClaims(public(t, o.account))
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: jwt.NoLimit, MemoryStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
	o.config = fmt.Sprintf("operator: %q\nresolver: MEMORY\nresolver_preload: {\n%s: %q\n%s: %q\n}\nsystem_account: %s",
		o.sign(claims, o.operator), public(t, o.account), o.sign(account, o.operator),
		public(t, system), o.sign(jwt.NewAccountClaims(public(t, system)), o.operator), public(t, system))
	return o
}

// user writes the credentials of a user of the account.
func (o *operator) user(of nkeys.KeyPair) (file string) {
	o.t.Helper()
	user := pair(o.t, nkeys.CreateUser)
	seed, err := user.Seed()
	if err != nil {
		o.t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(o.sign(jwt.NewUserClaims(public(o.t, user)), of), seed)
	if err != nil {
		o.t.Fatal(err)
	}
	file = filepath.Join(o.t.TempDir(), "origin.creds")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return file
}

func (o *operator) sign(claims jwt.Claims, by nkeys.KeyPair) string {
	o.t.Helper()
	token, err := claims.Encode(by)
	if err != nil {
		o.t.Fatal(err)
	}
	return token
}

func pair(t *testing.T, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	key, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(t *testing.T, key nkeys.KeyPair) string {
	t.Helper()
	text, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
