package caddymodule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/liveorigin/caddy-live-origin/failover"
	"github.com/liveorigin/caddy-live-origin/internal/channel"
)

// Channel is one programme, with the inputs that encoders push to and the
// endpoints that viewers pull from.
type Channel struct {
	// How the inputs are put on one clock: `auto`, `timestamp`,
	// `program_date_time`, `sequence` or `arrival`. Default: `auto`, which tries
	// the others in this order.
	Alignment string `json:"alignment,omitempty"`

	// Where to record what decisions are based on, so that they can be replayed. Default:
	// nowhere.
	Trace *Trace `json:"trace,omitempty"`

	// How much of the store the channel is guaranteed, in bytes, from 64 KiB to 16 TiB. All
	// channels of the store must not be guaranteed more than it has, also where they are in
	// several handlers. Beyond it, a channel uses what others leave, and gives it back when they need it.
	// Default: an equal share of what channels with a `capacity` leave, among the channels
	// that receive uploads.
	Capacity int64 `json:"capacity,omitempty"`

	// The inputs, usually two. The first one is the first choice where nothing else
	// decides. At least one is required; with a single one there is nothing to fail over
	// to, and a warning says so.
	Inputs []*Input `json:"inputs,omitempty"`

	// The endpoints by name. At least one is required. Names consist of letters,
	// digits, `-` and `_`, at most 64 of them.
	Endpoints map[string]*Endpoint `json:"endpoints,omitempty"`
}

// Input is one of the URLs that an encoder pushes to.
type Input struct {
	// The name, unique in the channel: letters, digits, `-` and `_`, at most 64
	// of them. Required.
	Name string `json:"name,omitempty"`

	// The URL path. Everything below it belongs to the input. It begins with a
	// slash, does not end with one, and consists of letters, digits and the
	// characters `-._~`. Paths of inputs and endpoints must not be equal or one
	// below another. Required.
	Path string `json:"path,omitempty"`

	// The accounts that may upload with HTTP basic authentication. Where `digest`
	// or `bearer` is set as well, any of them is enough. Default: none.
	BasicAuth []Account `json:"basic_auth,omitempty"`

	// The accounts that may upload with HTTP digest authentication (RFC 7616, with
	// MD5 or SHA-256), which many hardware encoders want. Where `basic_auth` or
	// `bearer` is set as well, any of them is enough. Default: none.
	Digest []DigestAccount `json:"digest,omitempty"`

	// The tokens that may be used to upload, with `Authorization: Bearer`. With several of
	// them, tokens can be changed without an interruption. Placeholders such as
	// `{env.TOKEN}` are replaced when the config is loaded; one that is unknown or empty is
	// an error. Default: none.
	Bearer []string `json:"bearer,omitempty"`

	// The addresses that may upload, as IP addresses or CIDR ranges. They are checked in
	// addition to the credentials, against the client IP as Caddy determines it (see
	// `trusted_proxies`). Default: all.
	Allow []string `json:"allow,omitempty"`

	// The limit for one segment or other media object, in bytes, after
	// decompression, from 1 KiB to 4 GiB, and not more than the store has. Default: 67108864
	// (64 MiB).
	MaxSegmentSize int64 `json:"max_segment_size,omitempty"`

	// The limit for one playlist, in bytes, after decompression, from 1 KiB to
	// 64 MiB. Default: 4194304 (4 MiB).
	MaxPlaylistSize int64 `json:"max_playlist_size,omitempty"`

	// The limit for the number of media playlists, up to 1000. Default: 20.
	MaxRenditions int `json:"max_renditions,omitempty"`

	// The limit for the number of uploads at a time, up to 10000. Those beyond it are
	// answered with 429. Default: four per allowed rendition, which makes 80.
	MaxUploads int `json:"max_uploads,omitempty"`

	// The minimum rate of an upload, in bytes per second, once it has taken 30 seconds; a
	// slower one is answered with 408. 0 means no limit. Default: 1024 (1 KiB/s).
	MinUploadRate *int64 `json:"min_upload_rate,omitempty"`

	// The limit for media that no playlist lists (yet), in bytes, from 64 KiB to
	// 1 TiB; of a small store, it is a quarter at most. Beyond it, and beyond 4096
	// objects, the oldest are dropped, and all of them after two minutes. Default:
	// four times `max_segment_size`, which is 268435456 (256 MiB), and at least 64 KiB.
	MaxUnlistedSize int64 `json:"max_unlisted_size,omitempty"`
}

// Account is a user who may upload.
type Account struct {
	// The user's name. Placeholders are replaced when the config is loaded.
	Username string `json:"username"`

	// The bcrypt or argon2id hash of the password, as `caddy hash-password`
	// prints it. Placeholders are replaced when the config is loaded. All
	// accounts of an input use the same algorithm.
	Password string `json:"password"` //nolint:gosec // a hash
}

// DigestAccount is a user who may upload with digest authentication.
type DigestAccount struct {
	// The user's name, without colons, quotes and backslashes. Placeholders are
	// replaced when the config is loaded.
	Username string `json:"username"`

	// The password itself: digest authentication can't work with a bcrypt hash. Write a
	// placeholder such as `{env.ENCODER_PASSWORD}` or `{file./run/secrets/encoder}`, which
	// is replaced when the config is loaded; one that is unknown or empty is an error.
	Password string `json:"password"` //nolint:gosec // the operator's choice
}

const (
	defaultSegmentSize  = 64 << 20
	defaultPlaylistSize = 4 << 20
	defaultRenditions   = 20
)

func (c *Channel) setDefaults() {
	c.Alignment = cmp.Or(c.Alignment, string(failover.AlignAuto))
	for _, in := range c.Inputs {
		if in != nil {
			in.setDefaults()
		}
	}
	for _, e := range c.Endpoints {
		if e != nil {
			e.setDefaults()
		}
	}
}

func (in *Input) setDefaults() {
	in.MaxSegmentSize = cmp.Or(in.MaxSegmentSize, defaultSegmentSize)
	in.MaxPlaylistSize = cmp.Or(in.MaxPlaylistSize, defaultPlaylistSize)
	in.MaxRenditions = cmp.Or(in.MaxRenditions, defaultRenditions)
	in.setUploadDefaults()
}

// check checks the channel and everything in it. paths holds those of the channels that
// were checked before.
func (c *Channel) check(name string, paths pathSet) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("channel %q: %w", name, err)
	}
	if err := checkAlignment(c.Alignment); err != nil {
		return fmt.Errorf("channel %s: alignment: %w", name, err)
	}
	if err := ifSet(c.Capacity, checkCapacity); err != nil {
		return fmt.Errorf("channel %s: capacity: %w", name, err)
	}
	if c.Trace != nil {
		if err := c.Trace.provision(); err != nil {
			return fmt.Errorf("channel %s: trace: %w", name, err)
		}
	}
	if len(c.Inputs) == 0 {
		return fmt.Errorf("channel %s: needs at least one input", name)
	}
	if len(c.Endpoints) == 0 {
		return fmt.Errorf("channel %s: needs at least one endpoint", name)
	}
	seen := map[string]bool{}
	for i, in := range c.Inputs {
		if in == nil {
			return fmt.Errorf("channel %s: input %d is null", name, i)
		}
		owner := "channel " + name + ", input " + in.Name
		if seen[in.Name] {
			return fmt.Errorf("%s: the name is taken by another input", owner)
		}
		seen[in.Name] = true
		if err := in.check(owner, paths); err != nil {
			return fmt.Errorf("%s: %w", owner, err)
		}
	}
	for _, key := range c.endpointNames() {
		owner := "channel " + name + ", endpoint " + key
		e := c.Endpoints[key]
		if e == nil {
			return fmt.Errorf("%s is null", owner)
		}
		if err := e.check(c, key, owner, paths); err != nil {
			return fmt.Errorf("%s: %w", owner, err)
		}
	}
	return nil
}

func (in *Input) check(owner string, paths pathSet) error {
	return cmp.Or(
		checkName(in.Name),
		about("path", paths.add(in.Path, owner)),
		about("max_segment_size", checkSegmentSize(in.MaxSegmentSize)),
		about("max_playlist_size", checkPlaylistSize(in.MaxPlaylistSize)),
		about("max_renditions", checkRenditions(int64(in.MaxRenditions))),
		about("max_uploads", checkUploads(int64(in.MaxUploads))),
		about("min_upload_rate", ifSet(*in.MinUploadRate, checkUploadRate)),
		about("max_unlisted_size", checkUnlistedSize(in.MaxUnlistedSize)),
	)
}

// endpointNames are in order, so that the same config always gives the same
// error and the same runtime.
func (c *Channel) endpointNames() []string {
	return slices.Sorted(maps.Keys(c.Endpoints))
}

// runtime is the channel as the runtime knows it.
func (c *Channel) runtime(name string) channel.Config {
	config := channel.Config{Name: name, Alignment: failover.Alignment(c.Alignment)}
	for _, in := range c.Inputs {
		config.Inputs = append(config.Inputs, channel.InputConfig{
			Name:            in.Name,
			BasePath:        in.Path,
			MaxSegmentSize:  in.MaxSegmentSize,
			MaxPlaylistSize: in.MaxPlaylistSize,
			MaxRenditions:   in.MaxRenditions,
			MaxUnlistedSize: in.MaxUnlistedSize,
		})
	}
	for _, key := range c.endpointNames() {
		config.Endpoints = append(config.Endpoints, c.Endpoints[key].runtime(key))
	}
	return config
}
