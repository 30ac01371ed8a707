package caddymodule

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
)

const realm = "live_origin"

// guard decides who may use an input. It looks at headers only.
type guard struct {
	basic  *caddyauth.HTTPBasicAuth
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
	repl := caddy.NewReplacer()
	for _, token := range in.Bearer {
		token = repl.ReplaceKnown(token, "")
		if err := checkToken(token); err != nil {
			return nil, fmt.Errorf("bearer: %w", err)
		}
		g.bearer = append(g.bearer, sha256.Sum256([]byte(token)))
	}
	for _, expr := range in.Allow {
		prefix, err := caddyhttp.CIDRExpressionToPrefix(repl.ReplaceKnown(expr, ""))
		if err != nil {
			return nil, fmt.Errorf("allow: %w", err)
		}
		g.allow = append(g.allow, prefix.Masked())
	}
	if len(in.BasicAuth) == 0 {
		return g, nil
	}
	basic, err := newBasicAuth(ctx, repl, in.BasicAuth)
	if err != nil {
		return nil, fmt.Errorf("basic_auth: %w", err)
	}
	g.basic = basic
	return g, nil
}

// newBasicAuth hands the accounts to Caddy's own module. Its cache of compared
// hashes is what keeps a slow hash out of every upload.
func newBasicAuth(ctx caddy.Context, repl *caddy.Replacer, accounts []Account) (*caddyauth.HTTPBasicAuth, error) {
	var algorithm string
	basic := &caddyauth.HTTPBasicAuth{HashCache: &caddyauth.Cache{}, Realm: realm}
	for _, a := range accounts {
		name, hash := repl.ReplaceKnown(a.Username, ""), repl.ReplaceKnown(a.Password, "")
		if name == "" {
			return nil, errors.New("a username is empty")
		}
		alg, err := hashAlgorithm(hash)
		if err != nil {
			return nil, fmt.Errorf("password of %q: %w", name, err)
		}
		if algorithm != "" && alg != algorithm {
			return nil, fmt.Errorf("password of %q: is hashed with %s, but another one of this input with %s", name, alg, algorithm)
		}
		algorithm = alg
		basic.AccountList = append(basic.AccountList, caddyauth.Account{Username: name, Password: hash})
	}
	basic.HashRaw = caddyconfig.JSON(map[string]string{"algorithm": algorithm}, nil)
	mod, err := ctx.LoadModuleByID("http.authentication.providers.http_basic", caddyconfig.JSON(basic, nil))
	if err != nil {
		return nil, err
	}
	return mod.(*caddyauth.HTTPBasicAuth), nil
}

var bcryptForm = regexp.MustCompile(`^\$2[abxy]?\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$`)

// hashAlgorithm tells the algorithm from the hash and whether it is well-formed:
// Caddy's module would notice only at the first upload.
func hashAlgorithm(hash string) (string, error) {
	if hash == "" {
		return "", errors.New("is empty")
	}
	plain := hash
	if hash[0] != '$' {
		// The base64 form that Caddy still takes.
		decoded, err := base64.StdEncoding.DecodeString(hash)
		if err != nil {
			return "", errNoHash
		}
		plain = string(decoded)
	}
	if bcryptForm.MatchString(plain) {
		return "bcrypt", nil
	}
	if _, _, err := caddyauth.DecodeHash([]byte(plain)); err == nil {
		return "argon2id", nil
	}
	return "", errNoHash
}

var errNoHash = errors.New("is not a bcrypt or argon2id hash; make one with: caddy hash-password")

func checkToken(token string) error {
	if token == "" {
		return errors.New("the token is empty")
	}
	if strings.ContainsAny(token, " \t\r\n") {
		return errors.New("the token contains white space")
	}
	return nil
}

// open reports whether everybody may upload.
func (g *guard) open() bool {
	return g.basic == nil && len(g.bearer) == 0 && len(g.allow) == 0
}

// check returns the status to refuse the request with, 0 if it may pass. Where
// credentials are asked for, it sets the header that says so.
func (g *guard) check(w http.ResponseWriter, r *http.Request) (int, error) {
	if len(g.allow) > 0 && !g.allows(r) {
		return http.StatusForbidden, errors.New("uploads are not allowed from this address")
	}
	if g.basic == nil && len(g.bearer) == 0 {
		return 0, nil
	}
	if user, ok := g.credentials(w, r); ok {
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && user != "" {
			repl.Set("http.auth.user.id", user)
		}
		w.Header().Del("Www-Authenticate")
		if !g.passed.Load() {
			g.passed.Store(true)
		}
		return 0, nil
	}
	if len(g.bearer) > 0 {
		w.Header().Add("Www-Authenticate", `Bearer realm="`+realm+`"`)
	}
	return http.StatusUnauthorized, errors.New("credentials are missing or wrong")
}

// challenged reports whether a refusal is only the usual first step of an encoder
// that does authenticate.
func (g *guard) challenged(r *http.Request) bool {
	return g.passed.Load() && r.Header.Get("Authorization") == ""
}

// credentials checks the token first: it is cheap.
func (g *guard) credentials(w http.ResponseWriter, r *http.Request) (user string, ok bool) {
	if g.bearerOK(r.Header.Get("Authorization")) {
		return "", true
	}
	if g.basic == nil {
		return "", false
	}
	u, ok, err := g.basic.Authenticate(w, r)
	return u.ID, ok && err == nil
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
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, prefix := range g.allow {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
