package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "live-origin",
		Short: "Shows and switches the inputs of live channels",
		Long: `
Shows the state of live channels and switches their inputs, through the admin
API of a running Caddy, and replays the decisions that were traced.

The admin API is looked for at '` + caddy.DefaultAdminListen + `'. You may give another
address with --address, or use --config to load the address from your config.`,
		CobraFunc: completeCommand,
	})
}

// completeCommand adds what `caddy live-origin` consists of.
func completeCommand(cmd *cobra.Command) {
	// Without these, a misspelt command prints the help and succeeds.
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(statusCommand(), switchCommand(), unpinCommand(), replayCommand())
	for _, command := range added {
		cmd.AddCommand(command())
	}
}

// added are commands of other packages.
var added []func() *cobra.Command

// AddCommand adds a command to `caddy live-origin`. Packages that a build of Caddy has
// beside this one call it when they are initialized.
func AddCommand(command func() *cobra.Command) { added = append(added, command) }

// watchInterval is how often --watch polls.
const watchInterval = 2 * time.Second

func statusCommand() *cobra.Command {
	cmd := adminCommand(&cobra.Command{
		Use:   "status [<channel>]",
		Short: "Shows the state of all channels, or of one with its last decisions",
		Args:  cobra.MaximumNArgs(1),
	}, cmdStatus)
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	cmd.Flags().BoolP("watch", "w", false, "Print it again every "+watchInterval.String()+", until interrupted")
	return cmd
}

func switchCommand() *cobra.Command {
	cmd := adminCommand(&cobra.Command{
		Use:   "switch <channel> <endpoint> <input>",
		Short: "Switches an endpoint to an input, with the next segment that the input has whole",
		Args:  cobra.ExactArgs(3),
	}, cmdSwitch)
	cmd.Flags().Bool("pin", false, "Go back to the input whenever the endpoint had to leave it, until unpinned")
	return cmd
}

func unpinCommand() *cobra.Command {
	return adminCommand(&cobra.Command{
		Use:   "unpin <channel> <endpoint>",
		Short: "Takes back what was ordered with switch",
		Args:  cobra.ExactArgs(2),
	}, cmdUnpin)
}

// adminCommand adds what all commands have in common.
func adminCommand(cmd *cobra.Command, run func(*cobra.Command, adminClient) error) *cobra.Command {
	cmd.Flags().String("store", "", "Only channels of this store: where several stores have a channel of one name")
	cmd.Flags().String("address", "", "Address of the administration API listener (if --config is not used)")
	cmd.Flags().StringP("config", "c", "", "Configuration file (if --address is not used)")
	cmd.Flags().StringP("adapter", "a", "", "Name of config adapter to apply (if --config is used)")
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		// Caddy wants no URL, which is what everybody tries first.
		given := strings.TrimSuffix(strings.TrimPrefix(fl.String("address"), "http://"), "/")
		address, err := caddycmd.DetermineAdminAPIAddress(given, nil, fl.String("config"), fl.String("adapter"))
		if err != nil {
			return caddy.ExitCodeFailedStartup, fmt.Errorf("couldn't determine admin API address: %w", err)
		}
		if err := run(cmd, adminClient{address: address, store: fl.String("store")}); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		return caddy.ExitCodeSuccess, nil
	})
	return cmd
}

func cmdStatus(cmd *cobra.Command, api adminClient) error {
	fl := caddycmd.Flags{FlagSet: cmd.Flags()}
	show := func(w io.Writer) error { return api.status(w, fl.Arg(0), fl.Bool("json"), time.Now()) }
	out := cmd.OutOrStdout()
	if !fl.Bool("watch") {
		return show(out)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		// A whole picture at once, so that it does not flicker. A server that can't be
		// reached is part of the picture.
		var picture bytes.Buffer
		if !fl.Bool("json") {
			picture.WriteString(clearScreen(out))
		}
		if err := show(&picture); err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), err)
		}
		if _, err := picture.WriteTo(out); err != nil {
			return fmt.Errorf("print status: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// clearScreen is what clears the terminal, or an empty line where there is none.
func clearScreen(w io.Writer) string {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return "\x1b[H\x1b[2J"
		}
	}
	return "\n"
}

func cmdSwitch(cmd *cobra.Command, api adminClient) error {
	fl := caddycmd.Flags{FlagSet: cmd.Flags()}
	body, err := json.Marshal(order{Input: fl.Arg(2), Pin: fl.Bool("pin")})
	if err != nil {
		return fmt.Errorf("encode order: %w", err)
	}
	e, err := api.order(http.MethodPost, fl.Arg(0), fl.Arg(1), body)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if e.Active == fl.Arg(2) {
		fmt.Fprintf(out, "Endpoint %s is on %s.\n", e.Name, e.Active)
	} else {
		fmt.Fprintf(out, "Endpoint %s will go from %s to %s with the next segment that %s has whole.\n",
			e.Name, orDash(e.Active), fl.Arg(2), fl.Arg(2))
	}
	if e.Pinned {
		fmt.Fprintf(out, "It is pinned to %s.\n", e.Ordered)
	}
	return nil
}

func cmdUnpin(cmd *cobra.Command, api adminClient) error {
	fl := caddycmd.Flags{FlagSet: cmd.Flags()}
	e, err := api.order(http.MethodDelete, fl.Arg(0), fl.Arg(1), nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Endpoint %s is on %s and not pinned.\n", e.Name, orDash(e.Active))
	return nil
}

// adminClient asks the admin API of a running Caddy.
type adminClient struct{ address, store string }

// status prints the state of all channels, or of the named one.
func (c adminClient) status(w io.Writer, channel string, raw bool, now time.Time) error {
	var below []string // all of them
	if channel != "" {
		below = []string{channel}
	}
	text, err := c.request(http.MethodGet, c.uri(below...), nil)
	if err != nil {
		return err
	}
	if raw {
		_, err := w.Write(text)
		return err
	}
	var list []channelStatus
	if channel != "" {
		list = make([]channelStatus, 1)
		err = json.Unmarshal(text, &list[0])
	} else {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return fmt.Errorf("decode status: %w", err)
	}
	return printStatus(w, list, now)
}

func (c adminClient) order(method, channel, endpoint string, body []byte) (e endpointStatus, err error) {
	text, err := c.request(method, c.uri(channel, "endpoints", endpoint, "switch"), body)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("decode answer: %w", err)
	}
	return e, nil
}

// uri is that of all channels, of one, or of something below it.
func (c adminClient) uri(parts ...string) string {
	uri := adminChannels
	for _, p := range parts {
		uri += "/" + url.PathEscape(p)
	}
	if c.store != "" {
		uri += "?store=" + url.QueryEscape(c.store)
	}
	return uri
}

func (c adminClient) request(method, uri string, body []byte) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	resp, err := caddycmd.AdminAPIRequest(c.address, method, uri, make(http.Header), reader)
	if err != nil {
		if reason := refusalIn(err.Error()); reason != "" {
			return nil, errors.New(reason)
		}
		return nil, fmt.Errorf("asking the admin API at %s: %w", c.address, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	// A site of Caddy answers 200 to any path.
	if !json.Valid(text) {
		return nil, fmt.Errorf("%s does not answer like an admin API: give the address of one with --address or --config", c.address)
	}
	return text, nil
}

// refusalIn is what the admin API says in an answer that is an error, as Caddy quotes it; empty if it has
// not answered.
func refusalIn(text string) string {
	_, quoted, _ := strings.Cut(text, ": {")
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte("{"+quoted), &answer) // nothing, then
	return answer.Error
}
