# Caddy with live_origin, built from this checkout:
#
#	docker build -t live-origin .
#
# Like Caddy's own image it reads /etc/caddy/Caddyfile. To try it out with two
# encoders, see compose.yaml.
FROM caddy:2.11.9-builder AS builder
COPY . /src
# xcaddy asks for the versions of the module before it replaces it. Until there is
# a release, a module proxy of files answers that there are none.
RUN module=github.com/liveorigin/caddy-live-origin \
	&& mkdir -p /proxy/$module/@v /proxy/$module/caddymodule/@v \
	&& touch /proxy/$module/@v/list /proxy/$module/caddymodule/@v/list \
	&& GOPROXY="file:///proxy,$(go env GOPROXY)" GONOSUMDB=$module \
		xcaddy build v2.11.9 \
			--with $module/caddymodule \
			--replace $module=/src \
			--output /usr/bin/caddy

FROM caddy:2.11.9
COPY --from=builder /usr/bin/caddy /usr/bin/caddy
