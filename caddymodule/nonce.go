package caddymodule

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

const (
	// nonceFresh is how long a nonce that nobody has used yet is good, nonceIdle how long
	// after its last use. One in use does not expire: encoders don't ask before every
	// upload, and an encoder that is told "stale" has lost what it sent.
	nonceFresh = 5 * time.Minute
	nonceIdle  = time.Hour
	// nonceWindow is how far behind the highest count of a nonce another one may
	// come: an encoder has several connections.
	nonceWindow = 256
	// maxNonces is how many nonces are in use at most. Only those with a password get one
	// in.
	maxNonces = 10000
)

// nonces are those of HTTP digest authentication. They belong to the process, so that
// an encoder does not notice a reload.
var nonces = newNonceBook()

// nonceBook issues nonces and keeps track of those in use. What it has only issued costs no
// memory: a nonce itself says when it was made, and by whom.
type nonceBook struct {
	key [32]byte

	mu    sync.Mutex
	inUse map[string]*nonceUse
	swept time.Time
	// notBefore: what was issued earlier may have been used, with no record of it.
	notBefore time.Time
}

// nonceUse are the counts that a nonce was used with.
type nonceUse struct {
	highest uint32
	// seen says which of the nonceWindow counts up to highest have come, by count modulo
	// nonceWindow.
	seen [nonceWindow / 64]uint64
	last time.Time
}

func newNonceBook() *nonceBook {
	b := &nonceBook{inUse: map[string]*nonceUse{}}
	_, _ = rand.Read(b.key[:]) // never fails
	return b
}

const (
	nonceStamp  = 8
	nonceRandom = 8
	nonceSum    = 16
)

// issue makes a nonce: a timestamp, random bytes, and a MAC of both.
func (b *nonceBook) issue() string {
	text := make([]byte, nonceStamp+nonceRandom, nonceStamp+nonceRandom+nonceSum)
	binary.BigEndian.PutUint64(text, uint64(time.Now().UnixNano()))
	_, _ = rand.Read(text[nonceStamp:]) // never fails
	return base64.RawURLEncoding.EncodeToString(append(text, b.sum(text)...))
}

func (b *nonceBook) sum(text []byte) []byte {
	mac := hmac.New(sha256.New, b.key[:])
	mac.Write(text)
	return mac.Sum(nil)[:nonceSum]
}

// spend uses a nonce with a count, once. It returns false if the nonce is not one of ours,
// has expired, or was used with the count before.
func (b *nonceBook) spend(nonce string, count uint32) bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	use := b.inUse[nonce]
	if use == nil {
		if !b.fresh(nonce, now) {
			return false
		}
		b.sweep(now)
		use = &nonceUse{}
		b.inUse[nonce] = use
	}
	if now.Sub(use.last) > nonceIdle && !use.last.IsZero() || !use.take(count) {
		return false
	}
	use.last = now
	return true
}

func (b *nonceBook) fresh(nonce string, now time.Time) bool {
	text, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(text) != nonceStamp+nonceRandom+nonceSum {
		return false
	}
	head := text[:nonceStamp+nonceRandom]
	if !hmac.Equal(text[len(head):], b.sum(head)) {
		return false
	}
	issued := time.Unix(0, int64(binary.BigEndian.Uint64(head)))
	age := now.Sub(issued)
	return age < nonceFresh && age > -nonceFresh && !issued.Before(b.notBefore)
}

// take marks a count, and reports whether it is new.
func (u *nonceUse) take(count uint32) bool {
	if count == 0 || count+nonceWindow <= u.highest {
		return false
	}
	for count > u.highest {
		if count-u.highest > nonceWindow {
			u.highest, u.seen = count-1, [nonceWindow / 64]uint64{}
		}
		u.highest++
		word, bit := u.at(u.highest)
		*word &^= bit
	}
	word, bit := u.at(count)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// at is where a count is marked.
func (u *nonceUse) at(count uint32) (word *uint64, bit uint64) {
	return &u.seen[count%nonceWindow/64], 1 << (count % 64)
}

// sweep forgets nonces that are no longer in use. If there are too many, as from
// encoders with a connection for every upload, idle ones go first: they are not fresh any
// more, so nobody can use them again. If that is not enough, all of them go, and clients
// that have the password are told that their nonce is stale.
func (b *nonceBook) sweep(now time.Time) {
	full := len(b.inUse) >= maxNonces
	if !full && now.Sub(b.swept) < time.Minute {
		return
	}
	b.swept = now
	idle := nonceIdle
	if full {
		idle = nonceFresh
	}
	for nonce, use := range b.inUse {
		if now.Sub(use.last) > idle {
			delete(b.inUse, nonce)
		}
	}
	if len(b.inUse) >= maxNonces {
		clear(b.inUse)
		b.notBefore = now
	}
}
