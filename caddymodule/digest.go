package caddymodule

import (
	"crypto/md5" //nolint:gosec // what encoders speak; see digestAlgorithms
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// digestAlgorithms are offered in this order (RFC 7616, 3.7: the best one first).
// Those who know only MD5, as ffmpeg and most hardware encoders do, take the last
// offer they understand.
var digestAlgorithms = []struct {
	name string
	new  func() hash.Hash
}{
	{"SHA-256", sha256.New},
	{"MD5", md5.New},
}

// digestAccounts are those who may upload with HTTP digest authentication (RFC 7616):
// for each user the sum of name, realm and password, by algorithm. The password itself
// is not kept.
type digestAccounts map[string]map[string]string

// newDigestAccounts resolves the accounts.
func newDigestAccounts(list []DigestAccount) (digestAccounts, error) {
	accounts := digestAccounts{}
	for _, a := range list {
		name, err := resolveName(a.Username)
		if err != nil {
			return nil, err
		}
		if err := checkDigestUsername(name); err != nil {
			return nil, err
		}
		password, err := resolve(a.Password)
		if err != nil {
			return nil, fmt.Errorf("password of %q: %w", name, err)
		}
		if err := notEmpty(password); err != nil {
			return nil, fmt.Errorf("password of %q: %w", name, err)
		}
		if accounts[name] != nil {
			return nil, fmt.Errorf("%q: username is not unique", name)
		}
		sums := map[string]string{}
		for _, alg := range digestAlgorithms {
			sums[alg.name] = sumOf(alg.new, name, realm, password)
		}
		accounts[name] = sums
	}
	return accounts, nil
}

func checkDigestUsername(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errNoUsername
	case strings.ContainsAny(name, ":\"\\"):
		return fmt.Errorf("username %q: must not contain colons, quotes and backslashes", name)
	}
	return nil
}

// sumOf is H(a:b:c).
func sumOf(algorithm func() hash.Hash, parts ...string) string {
	h := algorithm()
	h.Write([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(h.Sum(nil))
}

// challenge adds the headers that ask for it. stale says that the password was right, so
// that the client goes on by itself.
func (a digestAccounts) challenge(h http.Header, stale bool) {
	nonce, suffix := nonces.issue(), ""
	if stale {
		suffix = ", stale=true"
	}
	for _, alg := range digestAlgorithms {
		h.Add("Www-Authenticate", fmt.Sprintf(`Digest realm="%s", qop="auth", algorithm=%s, nonce="%s"%s`, realm, alg.name, nonce, suffix))
	}
}

// errStale: the password is right, but the nonce is too old, or was used before.
var errStale = errors.New("the nonce is stale")

// user returns the name of the account that the request has the password of. ok is
// false if it has none; the error is errStale if only the nonce is at fault.
func (a digestAccounts) user(r *http.Request) (name string, ok bool, err error) {
	c, ok := readDigest(r.Header.Get("Authorization"))
	if !ok || !a.proves(c, r) {
		return "", false, nil
	}
	if !nonces.spend(c.nonce, c.count) {
		return "", false, errStale
	}
	return c.user, true, nil
}

// proves reports whether the response can only have been made with the password.
func (a digestAccounts) proves(c digestCredentials, r *http.Request) bool {
	sums := a[c.user]
	if sums == nil || c.realm != realm || c.qop != "auth" || c.cnonce == "" || !c.names(r) {
		return false
	}
	for _, alg := range digestAlgorithms {
		if !strings.EqualFold(alg.name, c.algorithm) {
			continue
		}
		want := sumOf(alg.new, sums[alg.name], c.nonce, c.nc, c.cnonce, c.qop, sumOf(alg.new, r.Method, c.uri))
		return subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c.response))) == 1
	}
	return false
}

// digestCredentials are the parameters of an Authorization header.
type digestCredentials struct {
	user, realm, nonce, uri, response, algorithm, qop, nc, cnonce string
	count                                                         uint32 // nc as a number
}

// maxDigestHeader is the longest header that is looked at, in bytes.
const maxDigestHeader = 4096

// readDigest reads `Digest a=b, c="d"` (RFC 7616, 3.4).
func readDigest(header string) (c digestCredentials, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Digest") || len(header) > maxDigestHeader {
		return c, false
	}
	c.algorithm = "MD5" // where it is left out
	fields := map[string]*string{
		"username": &c.user, "realm": &c.realm, "nonce": &c.nonce, "uri": &c.uri, "response": &c.response,
		"algorithm": &c.algorithm, "qop": &c.qop, "nc": &c.nc, "cnonce": &c.cnonce,
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		name, value, more, found := cutParameter(rest)
		if !found {
			return c, false
		}
		if field := fields[strings.ToLower(name)]; field != nil {
			*field = value
		}
		rest = more
	}
	count, err := strconv.ParseUint(c.nc, 16, 32)
	c.count = uint32(count)
	return c, err == nil && c.user != "" && c.response != ""
}

// cutParameter cuts name=value or name="value" off the head of a list.
func cutParameter(list string) (name, value, rest string, ok bool) {
	name, rest, ok = strings.Cut(list, "=")
	name, rest = strings.TrimSpace(name), strings.TrimLeft(rest, " \t")
	if !ok || !strings.HasPrefix(rest, `"`) {
		value, rest, _ = strings.Cut(rest, ",")
		return name, strings.TrimSpace(value), rest, ok
	}
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			return name, b.String(), rest[i+1:], true
		case '\\':
			i++
			if i == len(rest) {
				return "", "", "", false
			}
		}
		b.WriteByte(rest[i])
	}
	return "", "", "", false
}

// names reports whether the credentials are for the request's URI, as the client sent
// it: whoever sees them must not get at anything else with them.
func (c digestCredentials) names(r *http.Request) bool {
	sent := r.RequestURI
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		sent = original.RequestURI
	}
	return c.uri == sent || pathOf(c.uri) == pathOf(sent)
}

// pathOf is a URI without scheme and host, which some clients write and others don't.
func pathOf(uri string) string {
	_, rest, absolute := strings.Cut(uri, "://")
	if !absolute || strings.HasPrefix(uri, "/") {
		return uri
	}
	_, path, _ := strings.Cut(rest, "/")
	return "/" + path
}
