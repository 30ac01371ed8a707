package caddymodule

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const realm = "live_origin"

// guard decides who may use an input. It looks at headers only.
type guard struct {
	basic  *accounts // nil for none
	digest digestAccounts
	bearer [][sha256.Size]byte
	allow  []netip.Prefix
	// passed is set when somebody has authenticated. From then on, requests
	// without credentials are taken for what many encoders begin with: they wait
	// for the challenge.
	passed atomic.Bool
}

// newGuard resolves the secrets of an input.
func newGuard(ctx caddy.Context, in *Input) (*guard, error) {
	g := &guard{}
	for _, secret := range in.Bearer {
		token, err := resolve(secret)
		if err == nil {
			err = checkToken(token)
		}
		if err != nil {
			return nil, fmt.Errorf("bearer: %w", err)
		}
		g.bearer = append(g.bearer, sha256.Sum256([]byte(token)))
	}
	for _, expr := range in.Allow {
		expr, err := resolve(expr)
		if err != nil {
			return nil, fmt.Errorf("allow: %w", err)
		}
		if expr == "" {
			return nil, errors.New("allow: an address is empty")
		}
		prefix, err := caddyhttp.CIDRExpressionToPrefix(expr)
		if err != nil {
			return nil, fmt.Errorf("allow: %w", err)
		}
		g.allow = append(g.allow, unmapped(prefix).Masked())
	}
	var err error
	if g.digest, err = newDigestAccounts(in.Digest); err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	if len(in.BasicAuth) == 0 {
		return g, nil
	}
	if g.basic, err = newAccounts(ctx, in.BasicAuth); err != nil {
		return nil, fmt.Errorf("basic_auth: %w", err)
	}
	return g, nil
}

// unmapped is the prefix of IPv4 addresses that one of IPv4-mapped IPv6 addresses stands for (RFC 4291
// 2.5.5.2): the addresses of clients are compared without that mapping.
func unmapped(p netip.Prefix) netip.Prefix {
	const mapping = 96
	if !p.Addr().Is4In6() || p.Bits() < mapping {
		return p
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapping)
}

func checkToken(token string) error {
	if token == "" {
		return errors.New("the token is empty")
	}
	if strings.ContainsAny(token, " \t\r\n") {
		return errors.New("the token contains white space")
	}
	if strings.ContainsAny(token, "{}") {
		return errors.New("the token contains a brace, which no token may (RFC 6750): a mistyped placeholder?")
	}
	return nil
}

// open reports whether everybody may upload.
func (g *guard) open() bool { return !g.asks() && len(g.allow) == 0 }

// asks reports whether credentials are needed.
func (g *guard) asks() bool { return g.basic != nil || len(g.digest) > 0 || len(g.bearer) > 0 }

// check returns the status to refuse the request with, 0 if it may pass. Where
// credentials are asked for, it sets the header that says so.
func (g *guard) check(w http.ResponseWriter, r *http.Request) (int, error) {
	if len(g.allow) > 0 && !g.allows(r) {
		return http.StatusForbidden, errors.New("uploads are not allowed from this address")
	}
	if !g.asks() {
		return 0, nil
	}
	user, ok, err := g.credentials(r)
	if ok {
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && user != "" {
			repl.Set("http.auth.user.id", user)
		}
		if !g.passed.Load() {
			g.passed.Store(true)
		}
		return 0, nil
	}
	if err != nil && !errors.Is(err, errStale) {
		w.Header()["Retry-After"] = []string{"5"}
		return http.StatusTooManyRequests, err
	}
	g.challenge(w.Header(), err != nil)
	if err != nil {
		return http.StatusUnauthorized, err
	}
	return http.StatusUnauthorized, g.lacks(r.Header.Get("Authorization"))
}

// lacks says what is wrong with credentials, as far as a stranger may know.
func (g *guard) lacks(authorization string) error {
	kinds := g.kinds()
	if authorization == "" {
		return fmt.Errorf("credentials are missing: the input takes %s", strings.Join(kinds, ", "))
	}
	kind, _, _ := strings.Cut(authorization, " ")
	if !slices.ContainsFunc(kinds, func(k string) bool { return strings.EqualFold(k, kind) }) {
		return fmt.Errorf("credentials are of another kind than the input takes: %s", strings.Join(kinds, ", "))
	}
	return errors.New("credentials are wrong")
}

// kinds are the schemes of authentication that the input takes, as the challenge names them.
func (g *guard) kinds() (kinds []string) {
	if len(g.digest) > 0 {
		kinds = append(kinds, "Digest")
	}
	if g.basic != nil {
		kinds = append(kinds, "Basic")
	}
	if len(g.bearer) > 0 {
		kinds = append(kinds, "Bearer")
	}
	return kinds
}

// challenge adds the headers that ask for credentials.
func (g *guard) challenge(h http.Header, stale bool) {
	if len(g.digest) > 0 {
		g.digest.challenge(h, stale)
	}
	if g.basic != nil {
		h.Add("Www-Authenticate", `Basic realm="`+realm+`"`)
	}
	if len(g.bearer) > 0 {
		h.Add("Www-Authenticate", `Bearer realm="`+realm+`"`)
	}
}

// challenged reports whether a refusal is only the usual first step of an encoder
// that does authenticate, or that of one whose nonce has become stale.
func (g *guard) challenged(r *http.Request, reason error) bool {
	return errors.Is(reason, errStale) || g.passed.Load() && r.Header.Get("Authorization") == ""
}

// credentials checks what is cheap first.
func (g *guard) credentials(r *http.Request) (user string, ok bool, err error) {
	if g.bearerOK(r.Header.Get("Authorization")) {
		return "", true, nil
	}
	if len(g.digest) > 0 {
		if user, ok, err = g.digest.user(r); ok || err != nil {
			return user, ok, err
		}
	}
	if g.basic != nil {
		return g.basic.user(r)
	}
	return "", false, nil
}

func (g *guard) bearerOK(authorization string) bool {
	scheme, token, found := strings.Cut(authorization, " ")
	if !found || len(g.bearer) == 0 || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	// Sums are of equal length, so that comparing them tells nothing about the
	// length of a token either.
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	same := 0
	for i := range g.bearer {
		same |= subtle.ConstantTimeCompare(sum[:], g.bearer[i][:])
	}
	return same == 1
}

func (g *guard) allows(r *http.Request) bool {
	addr := exactAddr(r)
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}
