// The preview: what viewers of an endpoint get, without sound at first.

import { el, put } from "./dom.js";
import { seconds } from "./words.js";

export class Preview {
	constructor(channel) {
		this.channel = channel;
		const id = `endpoint-${channel.name}`;
		this.select = el("select", { id }, ...channel.endpoints.map((e) => el("option", { value: e.playlist }, e.name)));
		this.select.addEventListener("change", () => this.hls || this.native ? this.start() : undefined);
		this.video = el("video", { playsinline: true, "aria-label": `Preview of ${channel.name}`, tabindex: -1 });
		this.video.muted = true;
		this.button = el("button", { type: "button", class: "start" }, "Play preview");
		this.button.addEventListener("click", () => this.start());
		this.shown = el("p", { class: "shown" });
		this.element = el("section", { class: "preview", "aria-labelledby": `preview-${channel.name}` },
			el("div", { class: "bar" }, el("h3", { id: `preview-${channel.name}` }, "Preview"), el("label", { for: id }, "Endpoint ", this.select)),
			el("div", { class: "screen" }, this.video, this.button), this.shown);
	}

	async start() {
		const playlist = new URL(this.select.value, document.baseURI).href;
		this.button.hidden = true;
		this.video.controls = true;
		this.video.removeAttribute("tabindex");
		if (document.activeElement === this.button) this.video.focus();
		put(this.shown, "Loading");
		this.stop();
		const run = this.run = {};
		try {
			const { default: Hls } = await import("./hls.min.mjs");
			if (run !== this.run) return;
			if (Hls.isSupported()) this.playWith(Hls, playlist);
			else this.playNative(playlist);
		} catch (e) {
			this.fail(`The player could not be loaded: ${e.message}`);
		}
	}

	playWith(Hls, playlist) {
		// Without a worker: the page's policy lets no script in that is not a file of
		// the origin.
		const hls = this.hls = new Hls({ enableWorker: false, liveDurationInfinity: true });
		hls.on(Hls.Events.ERROR, (_, data) => {
			if (!data.fatal || hls !== this.hls) return;
			if (data.type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
			else this.fail(data.response?.code === 404 ? "The endpoint has no playlist yet." : `The stream could not be loaded (${data.details}).`);
		});
		hls.on(Hls.Events.MANIFEST_PARSED, () => this.play());
		hls.loadSource(playlist);
		hls.attachMedia(this.video);
	}

	playNative(playlist) {
		if (!this.video.canPlayType("application/vnd.apple.mpegurl")) {
			this.fail("This browser can play neither HLS nor media source extensions.");
			return;
		}
		this.native = true;
		this.video.src = playlist;
		this.video.onerror = () => this.fail("The stream could not be loaded.");
		this.play();
	}

	play() {
		// A browser that does not let it start leaves the button of its controls.
		this.video.play().catch(() => {});
	}

	fail(text) {
		this.stop();
		put(this.shown, text);
		this.button.hidden = false;
		put(this.button, "Try again");
		this.video.controls = false;
		this.video.tabIndex = -1;
	}

	stop() {
		this.hls?.destroy();
		this.hls = undefined;
		this.run = undefined;
		if (this.native) {
			this.native = false;
			this.video.onerror = null;
			this.video.removeAttribute("src");
			this.video.load();
		}
	}

	// tick says which input the picture came from, and how old it is.
	tick(now) {
		const date = this.hls?.playingDate ?? (this.native ? this.video.getStartDate?.() : undefined);
		if (!date || this.video.readyState < 2) return;
		const at = this.hls ? date.getTime() : date.getTime() + this.video.currentTime * 1000;
		const name = this.channel.endpoints.find((e) => e.playlist === this.select.value)?.name;
		const slot = (this.channel.slots.get(name) ?? []).find((e) => e.kind === "slot" && e.start <= at && at < e.end);
		const parts = [];
		if (slot) parts.push(`This picture came from ${slot.input}`);
		if (Math.abs(now - at) < 86400e3) parts.push(`${seconds((now - at) / 1000)} ago`);
		put(this.shown, parts.join(", ") + (parts.length ? "." : ""));
	}
}
