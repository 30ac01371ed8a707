package caddymodule

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
)

// accounts are those who may upload with HTTP basic authentication (RFC 7617).
type accounts struct {
	hash   caddyauth.Comparer
	hashed map[string][]byte // by user
	// nobody is the hash that unknown users are compared with, so that response times do
	// not tell which users exist. It is that of a real account, as it costs the same.
	nobody []byte
}

func checkUsername(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errNoUsername
	case strings.Contains(name, ":"):
		return fmt.Errorf("username %q: must not contain a colon, which ends the name in a request (RFC 7617)", name)
	}
	return nil
}

// newAccounts uses Caddy's own module for the hash.
func newAccounts(ctx caddy.Context, list []Account) (*accounts, error) {
	var algorithm string
	a := &accounts{hashed: map[string][]byte{}}
	for _, account := range list {
		name, err := resolveName(account.Username)
		if err != nil {
			return nil, err
		}
		if err := checkUsername(name); err != nil {
			return nil, err
		}
		hash, err := resolve(account.Password)
		if err != nil {
			return nil, fmt.Errorf("password of %q: %w", name, err)
		}
		alg, plain, err := parseHash(hash)
		if err != nil {
			return nil, fmt.Errorf("password of %q: %w", name, err)
		}
		if algorithm != "" && alg != algorithm {
			return nil, fmt.Errorf("password of %q: %w", name, differentHash(alg, algorithm))
		}
		if a.hashed[name] != nil {
			return nil, fmt.Errorf("%q: username is not unique", name)
		}
		algorithm = alg
		a.hashed[name] = plain
	}
	mod, err := ctx.LoadModuleByID("http.authentication.hashes."+algorithm, nil)
	if err != nil {
		return nil, err
	}
	comparer, ok := mod.(caddyauth.Comparer)
	if !ok {
		return nil, fmt.Errorf("module %T compares no hashes", mod)
	}
	a.hash = comparer
	a.nobody = a.hashed[slices.Min(slices.Collect(maps.Keys(a.hashed)))]
	return a, nil
}

// user returns the name of the account that the request has the password of. Errors:
// those of comparisons.compare.
func (a *accounts) user(r *http.Request) (name string, ok bool, err error) {
	name, password, given := r.BasicAuth()
	if !given {
		return "", false, nil
	}
	from := clientAddr(r)
	hashed, known := a.hashed[name]
	if !known {
		// Made different, in case it is that account's own password.
		hashed, password = a.nobody, password+"\x00"
	}
	ok, err = compared.compare(r.Context(), a.hash, hashed, []byte(password), from, failures.suspects(from))
	return name, ok && known && err == nil, err
}

var bcryptForm = regexp.MustCompile(`^\$2[abxy]?\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$`)

// parseHash finds the algorithm of a hash, and whether the hash is well-formed: Caddy's
// module would notice only at the first upload. plain is the hash as the module takes it.
func parseHash(hash string) (algorithm string, plain []byte, err error) {
	if hash == "" {
		return "", nil, errors.New("is empty")
	}
	plain = []byte(hash)
	if hash[0] != '$' {
		// The base64 form that Caddy still takes.
		if plain, err = base64.StdEncoding.DecodeString(hash); err != nil {
			return "", nil, errNoHash
		}
	}
	if bcryptForm.Match(plain) {
		return "bcrypt", plain, nil
	}
	if _, _, err := caddyauth.DecodeHash(plain); err == nil {
		return "argon2id", plain, nil
	}
	return "", nil, errNoHash
}

func differentHash(algorithm, other string) error {
	return fmt.Errorf("is hashed with %s, but another one of this input with %s", algorithm, other)
}

var errNoUsername = errors.New("a username is empty")

var errNoHash = errors.New("is not a bcrypt or argon2id hash; make one with: caddy hash-password")
