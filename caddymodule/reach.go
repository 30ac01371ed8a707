package caddymodule

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// A handler behind a matcher gets the requests of paths that the matcher takes, and no others: uploads
// to an input elsewhere go to whatever comes next, which Caddy answers with an empty 200.

// patterns are those of a path matcher.
type patterns []string

// patternsOf are the paths that a route takes, nil if it may take any.
func patternsOf(r *caddyhttp.Route) patterns {
	var all patterns
	for _, set := range r.MatcherSetsRaw {
		var list patterns
		if raw, ok := set["path"]; !ok || json.Unmarshal(raw, &list) != nil {
			return nil
		}
		all = append(all, list...)
	}
	for _, set := range r.MatcherSets { // of the routes that are provisioned already
		i := slices.IndexFunc(set, func(m any) bool { _, ok := m.(*caddyhttp.MatchPath); return ok })
		if i < 0 {
			return nil
		}
		all = append(all, *set[i].(*caddyhttp.MatchPath)...)
	}
	return all
}

// warnOfUnreached warns of paths that no request gets as far as the handler with.
func (c *chain) warnOfUnreached(claims []claim, around []patterns) {
	if c.changed {
		return
	}
	for _, mine := range claims {
		for _, list := range around {
			if !slices.ContainsFunc(list, func(pattern string) bool { return mayMatch(pattern, mine.path) }) {
				c.logger.Warn("no request for this path gets as far as live_origin: a matcher in front takes others alone",
					zap.String("of", mine.owner), zap.String("path", mine.path), zap.Strings("matcher", list))
			}
		}
	}
}

// mayMatch reports whether a path, or something below it, may match a pattern of Caddy's path matcher.
func mayMatch(pattern, path string) bool {
	if strings.ContainsAny(pattern, "%{") {
		return true // only known when a request comes
	}
	pattern, path = strings.ToLower(pattern), strings.ToLower(path)
	if fixed, _, wild := strings.Cut(pattern, "*"); wild {
		return strings.HasPrefix(path+"/", fixed) || strings.HasPrefix(fixed, path+"/")
	}
	return pattern == path || strings.HasPrefix(pattern, path+"/")
}
