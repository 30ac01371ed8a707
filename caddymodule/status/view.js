// The part of the page that belongs to one channel.

import { el, put, mark, rows } from "./dom.js";
import * as nodes from "./nodes.js";
import { Preview } from "./preview.js";
import { Strip, block, stripes } from "./strip.js";
import { borrowed, clock, moment, rate, seconds, segment, takeover, verdict } from "./words.js";

const legend = [["arrived", "arrived"], ["late", "late"], ["degraded", "degraded"], ["unsound", "refused or unusable"], ["missing", "missing"], ["several", "from several inputs"]];
const drawnSwitches = 50;

export class View {
	constructor(channel, first) {
		this.channel = channel;
		const id = `channel-${channel.name}`;
		this.badge = el("span", { class: "badge" });
		this.air = el("span", { class: "air" });
		this.why = el("span", { class: "why" });
		this.standby = el("span", { class: "standby" });
		this.verdict = el("header", { class: "verdict" },
			el("div", {}, el("h2", { id }, channel.name), this.badge),
			el("p", { class: "headline" }, this.air, " ", this.why, " ", this.standby));
		this.alone = el("p", { class: "stale", role: "alert", hidden: true });
		this.verdict.append(this.alone);
		this.preview = new Preview(channel);
		const facts = el("div", { class: "facts" }, this.makeInputs(), el("div", {}, this.makePairs(), this.makeEndpoints()), this.makeNodes());
		const side = el("div", { class: "side" }, this.preview.element);
		// For the script of the config; it stays empty without one.
		if (first) side.append(el("section", { id: "controls" }));
		side.append(this.makeLog());
		const grid = el("div", { class: "grid" }, this.makeStrip(), facts, side);
		this.element = el("article", { class: "channel", "aria-labelledby": id }, this.verdict, grid);
	}

	makeStrip() {
		this.canvas = el("canvas", { role: "img" });
		this.strip = new Strip(this.channel, this.canvas);
		this.pointed = el("output", { class: "pointed" });
		const walk = el("div", { class: "walk", tabindex: 0, role: "group", "aria-label": `Time strip of ${this.channel.name}. The arrow keys go through its segments.` }, this.canvas);
		walk.addEventListener("pointermove", (e) => {
			const box = this.canvas.getBoundingClientRect();
			this.point(this.strip.at(e.clientX - box.left, e.clientY - box.top));
		});
		walk.addEventListener("pointerleave", () => this.point(undefined));
		walk.addEventListener("keydown", (e) => {
			const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
			if (e.key === "Escape") this.point(undefined);
			if (!way) return;
			e.preventDefault();
			this.point(this.strip.step(...way));
		});
		this.legend = el("ul", { class: "legend", "aria-hidden": "true" }, ...legend.map(([state, text]) => {
			const sample = el("canvas", { width: 44, height: 20 });
			sample.dataset.state = state;
			return el("li", {}, sample, text);
		}), el("li", {}, "▾ switch"), el("li", {}, "ϟ discontinuity"));
		this.table = el("tbody");
		this.details = el("details", {}, el("summary", {}, "Last segments as a table"),
			el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Last segments" }, el("table", {},
				el("thead", {}, el("tr", {}, ...["Time", "Input", "Segment", "What became of it"].map((t) => el("th", { scope: "col" }, t)))), this.table)));
		return el("section", { class: "strip", "aria-label": "Time strip" },
			el("div", { class: "bar" }, el("h3", {}, "What arrives, what goes out"), this.legend), walk, this.pointed, this.details);
	}

	point(item) {
		if (this.strip.pointed === item?.of) return;
		this.strip.pointed = item?.of;
		if (!item) {
			this.hint();
		} else {
			const words = item.words();
			this.pointed.replaceChildren(el("b", {}, words.who), ": ", words.what);
		}
		this.strip.draw(this.now);
	}

	hint() {
		put(this.pointed, "Point at a segment, or use the arrow keys, to see what became of it.");
	}

	makeInputs() {
		this.inputHead = el("tr", {}, el("td"));
		this.inputBody = el("tbody");
		return el("section", { class: "inputs", "aria-label": "Inputs" }, el("h3", {}, "Inputs"),
			el("div", { class: "scroll" }, el("table", {}, el("thead", {}, this.inputHead), this.inputBody)));
	}

	makePairs() {
		this.pairs = el("ul");
		return el("section", { class: "pairs", "aria-label": "Pairs" }, el("h3", {}, "Can they stand in for each other?"), this.pairs);
	}

	makeEndpoints() {
		this.endpoints = el("tbody");
		const head = [["Endpoint"], ["On air"], ["Since"], ["Next segment", "number less"], ["Published", "number less"], ["Given up", "number"], ["Patched", "number little"], ["Switches", "number"]];
		return el("section", { class: "endpoints", "aria-label": "Endpoints" }, el("h3", {}, "Endpoints"), el("div", { class: "scroll" },
			el("table", {}, el("thead", {}, el("tr", {}, ...head.map(([t, c]) => el("th", { scope: "col", class: c }, t)))), this.endpoints)));
	}

	makeNodes() {
		this.nodes = el("tbody");
		this.unwritten = el("p", { "data-mark": "warn", hidden: true });
		const head = [["Node"], ["State"], ["Encoders push to it"], ["Decides"], ["Slots behind", "number"], ["Delay", "number"], ["Its clock", "number"]];
		this.nodeSection = el("section", { class: "nodes", "aria-label": "Nodes", hidden: true }, el("h3", {}, "Nodes"),
			el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Nodes that run this channel" },
				el("table", {}, el("thead", {}, el("tr", {}, ...head.map(([t, c]) => el("th", { scope: "col", class: c }, t)))), this.nodes)), this.unwritten);
		return this.nodeSection;
	}

	makeLog() {
		this.log = el("ol", { tabindex: 0, "aria-label": "Switches, the last one first" });
		return el("section", { class: "log", "aria-label": "Switch log" }, el("h3", {}, "Switch log"), this.log);
	}

	// update shows a new state.
	update(now) {
		this.now = now;
		const { status } = this.channel;
		const v = verdict(status, now);
		this.verdict.dataset.level = v.level;
		put(this.badge, { good: "✓ ", warn: "! ", bad: "✕ " }[v.level] + v.badge);
		put(this.air, v.air);
		put(this.why, v.why);
		put(this.standby, v.standby);
		this.updateInputs(now);
		this.updatePairs();
		this.updateEndpoints(now);
		this.updateNodes(now);
		this.updateLog(now);
		this.updateTable();
		this.describe();
		return v;
	}

	chip(name) {
		return el("span", { class: "chip", "data-input": this.channel.inputIndex(name) % 4 }, name);
	}

	updateInputs(now) {
		const { inputs, endpoints } = this.channel.status;
		rows(this.inputHead, [{ name: "" }, ...inputs], (i) => i.name, (i) => i.name ? el("th", { scope: "col" }, this.chip(i.name)) : el("td"));
		const active = [...new Set(endpoints.map((e) => e.active))].filter(Boolean);
		const lines = [
			["State", (i) => {
				const feeds = endpoints.filter((e) => e.active === i.name).map((e) => e.name);
				if (feeds.length) return [i.up ? "air" : "bad", `${i.up ? "on air" : "down"}: ${feeds.join(", ")}`];
				if (!i.up) return ["bad", i.ended ? "ended" : i.last_segment ? "down" : "never seen"];
				return takeover(this.channel.status, active[0], i) === "seamless" ? ["good", "standby"] : ["warn", "standby, with a seam"];
			}],
			["Waits for", (i) => i.waiting?.length ? ["warn", i.waiting.map((w) => w.path).join(", ")] : [undefined, "–"]],
			["Noticed", (i) => i.noticed?.length ? ["warn", i.noticed.slice(0, 3).map((n) => `${n.what.replaceAll("_", " ")}${n.path || n.rendition ? ` (${n.path || n.rendition})` : ""}${n.count > 1 ? `, ${n.count} times` : ""}: ${n.text}`).join("; ")] : [undefined, "–"]],
			["Last heard", (i) => [undefined, i.last_segment ? seconds(Math.max(0, (now - Date.parse(i.last_segment)) / 1000)).replace(/\.\d+ s/, " s") + " ago" : "–"]],
			["Lateness", (i) => [undefined, i.up ? seconds(i.lateness_seconds) : "–"]],
			["Unbroken for", (i) => [undefined, i.up ? seconds(i.whole_seconds) : "–"]],
			["Bit rate", (i) => [undefined, rate(this.channel.bitrate(i.name, now))]],
			["Segments", (i) => [undefined, String(this.count(i).segments ?? 0)]],
			["Degraded", (i) => {
				const list = Object.entries(this.count(i).defects ?? {});
				return this.fault(i, "degraded", list.length ? list.map(([defect, n]) => `${n} ${defect.replaceAll("_", " ")}`).join(", ") : 0);
			}],
			["Late", (i) => this.fault(i, "late", this.count(i).late)],
			["Missing", (i) => this.fault(i, "missing", this.count(i).missing)],
			["Unusable", (i) => {
				const list = Object.entries(this.count(i).unsound ?? {});
				if (list.length === 0) return [undefined, "0"];
				return this.fault(i, "unsound", list.map(([reason, n]) => `${n} ${reason.replaceAll("_", " ")}`).join(", "));
			}],
			["Refused", (i) => this.fault(i, "refused", this.count(i).refused)],
			["Runs", (i) => [undefined, i.generation ? `${i.generation} (${(i.basis ?? "?").replaceAll("_", " ")})` : "–"]],
		];
		rows(this.inputBody, lines, ([name]) => name, ([name]) => el("tr", {}, el("th", { scope: "row" }, name)), (row, [, value]) => {
			while (row.children.length > inputs.length + 1) row.lastElementChild.remove();
			inputs.forEach((input, n) => {
				const cell = row.children[n + 1] ?? row.appendChild(el("td"));
				const [level, text] = value(input);
				put(cell, text);
				mark(cell, level);
			});
		});
	}

	count(input) { return this.channel.status.counters?.inputs[input.name] ?? {}; }

	// fault marks a count of all times only while the strip shows some of it.
	fault(input, state, n = 0) { return [this.channel.sums(input.name)[state] ? "warn" : undefined, String(n)]; }

	updatePairs() {
		const { status } = this.channel, { pairs } = status;
		const words = { locked: ["good", "locked: a switch is seamless"], aligned: ["warn", "aligned: a switch needs a discontinuity"], unaligned: ["warn", "unaligned: only their arrival relates the two"] };
		rows(this.pairs, pairs, (p) => `${p.a} ${p.b}`, (p) => el("li", {}, el("div", {}, this.chip(p.a), " ↔ ", this.chip(p.b), " ", el("span")), el("p")), (e, p) => {
			const compared = status.inputs.filter((i) => i.name === p.a || i.name === p.b).every((i) => i.generation > 0);
			const [level, text] = compared && words[p.state] ? words[p.state] : [undefined, "not compared yet"];
			const down = status.inputs.filter((i) => (i.name === p.a || i.name === p.b) && !i.up).map((i) => i.name);
			const state = e.querySelector("span:last-child");
			put(state, text);
			mark(state, down.length && level === "good" ? undefined : level);
			const more = [];
			if (compared && down.length) more.push(`as of when ${down.join(" and ")} went down`);
			if (compared && p.detail) more.push(p.detail);
			if (compared && p.offset_seconds) more.push(`offset ${seconds(p.offset_seconds)}`);
			if (Math.abs(p.drift_seconds) >= .005) more.push(`drift ${seconds(p.drift_seconds)}`);
			put(e.querySelector("p"), more.join(" · "));
		});
	}

	updateEndpoints(now) {
		const { status } = this.channel;
		const make = () => el("tr", {}, el("th", { scope: "row" }), el("td"), el("td"), el("td", { class: "number less" }), el("td", { class: "number less" }), el("td", { class: "number" }), el("td", { class: "number little" }), el("td", { class: "number" }));
		rows(this.endpoints, status.endpoints, (e) => e.name, make, (row, e) => {
			const [name, active, since, next, published, lost, patched, switches] = row.children;
			const n = status.counters?.endpoints[e.name] ?? {};
			put(name, e.name);
			const hitless = e.hitless ? (e.hitless.protected ? "hitless: protected" : `hitless: not protected, because ${e.hitless.why}`) : "";
			const key = [e.active, e.ordered, e.pinned, hitless].join(" ");
			if (active.dataset.shown !== key) {
				active.dataset.shown = key;
				active.replaceChildren(...(e.active ? [this.chip(e.active)] : ["–"]), ...(e.ordered ? [` ${e.pinned ? "pinned to" : "ordered to"} ${e.ordered}`] : []),
					...(hitless ? [el("div", { "data-mark": e.hitless.protected ? "good" : "warn" }, hitless)] : []));
			}
			put(since, e.last_switch ? moment(e.last_switch.time, now) : "–");
			put(next, e.next_msn ? String(e.next_msn) : "–");
			put(published, String(n.slots ?? 0));
			put(lost, String((n.given_up ?? 0)));
			mark(lost, this.channel.slots.get(e.name)?.some((s) => s.kind === "given_up") ? "bad" : undefined);
			put(patched, String(n.patched ?? 0));
			put(switches, String(n.switches ?? 0));
		});
	}

	// updateNodes shows nothing where one node runs the channel.
	updateNodes(now) {
		const all = this.channel.status.nodes;
		this.nodeSection.hidden = !all;
		tell(this.alone, nodes.alone(all, now));
		tell(this.unwritten, nodes.unwritten(all));
		if (!all) return;
		const make = () => el("tr", {}, el("th", { scope: "row" }), ...["", "", "", "number", "number", "number"].map((c) => el("td", { class: c || false })));
		rows(this.nodes, all.nodes, (n) => n.node, make, (row, n) => {
			const [name, state, hears, decides, behind, delay, clock] = row.children;
			put(name, n.node + (n.self ? " (this one)" : ""));
			const show = (cell, [level, text]) => {
				put(cell, text);
				mark(cell, level);
			};
			show(state, nodes.state(all, n, now));
			const inputs = n.hears ?? [];
			if (hears.dataset.shown !== inputs.join()) {
				hears.dataset.shown = inputs.join();
				hears.replaceChildren(...(inputs.length ? inputs.flatMap((i) => [this.chip(i), " "]) : ["–"]));
			}
			put(decides, n.decides?.join(", ") || "–");
			show(behind, nodes.behind(n));
			put(delay, nodes.delay(n));
			show(clock, nodes.clockOff(n));
		});
	}

	updateLog(now) {
		const list = this.channel.decisions.slice(-drawnSwitches).reverse();
		if (list.length === 0) {
			if (!this.log.querySelector(".none")) this.log.replaceChildren(el("li", { class: "none" }, "No switches since the origin started."));
			return;
		}
		this.log.querySelector(".none")?.remove();
		rows(this.log, list, (d) => `${d.endpoint} ${d.msn}`, (d) => {
			const all = (d.missing ?? []).map((m) => [m.segment || m.rendition, m.why.replaceAll("_", " ")].join(" "));
			const patched = d.reason === "patched";
			const inputs = patched ? [d.from, ...new Set((d.borrowed ?? []).map((b) => b.input))].flatMap((name, i) => i ? [" + ", this.chip(name)] : [this.chip(name)])
				: [this.chip(d.from), " → ", this.chip(d.to)];
			return el("li", {}, el("div", { class: "head" }, el("time", { datetime: d.time, title: d.time }, moment(d.time, now)),
				el("span", {}, ...inputs), el("b", {}, d.endpoint)),
				el("div", {}, `${capital(d.why)}. `, el("small", {}, `${d.reason} · published ${seconds(d.late_seconds)} after it was due · `,
					el("span", { "data-mark": d.seamless ? "good" : "warn" }, d.seamless ? "no seam" : "discontinuity"),
					patched ? ` · ${borrowed(d)}` : all.length > 1 ? ` · ${all.slice(0, 6).join("; ")}${all.length > 6 ? ` and ${all.length - 6} more` : ""}` : "",
					!d.seamless && d.pair_detail ? ` · ${d.pair_detail}` : "")));
		});
	}

	updateTable() {
		if (!this.details.open) return;
		rows(this.table, this.channel.recent(), (e) => e.n, (e) => el("tr", {}, el("td", {}, clock(e.t)), el("td", {}, this.chip(e.input)), el("td", {}, e.path || e.rendition || "–"), el("td", {}, segment(e).what)));
	}

	// describe gives the strip its summary for those who do not see it.
	describe() {
		const words = { arrived: "arrived", late: "late", degraded: "degraded", unsound: "unusable", refused: "refused", missing: "missing" };
		const parts = this.channel.status.inputs.map((i) => {
			const sums = this.channel.sums(i.name);
			const told = Object.entries(words).filter(([state]) => sums[state]).map(([state, text]) => `${sums[state]} ${text}`);
			return `${i.name}: ${told.join(", ") || "nothing"}`;
		});
		const label = `Segments of the last three minutes. ${parts.join(". ")}.`;
		if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
	}

	// draw moves the strip on.
	draw(now) {
		this.now = now;
		if (!this.pointed.hasChildNodes()) this.hint();
		this.strip.draw(now);
		this.preview.tick(now);
		const c = this.strip.colours();
		for (const sample of this.legend.querySelectorAll("canvas")) {
			const g = sample.getContext("2d");
			g.setTransform(2, 0, 0, 2, 0, 0);
			g.clearRect(0, 0, 22, 10);
			if (sample.dataset.state === "several") stripes(g, c.inputs.slice(0, 2), 0, 0, 22, 10);
			else block(g, c, c.soft, sample.dataset.state, 0, 0, 22, 10);
		}
	}

	close() { this.preview.stop(); }
}

// tell shows a text that is not always there.
function tell(e, text) {
	if (e.hidden === Boolean(text)) e.hidden = !text;
	if (text) put(e, text);
}

const capital = (text) => /^[a-z]+ (segment|operator)/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
