// The time strip of one channel: what each input delivered, and what each endpoint
// made of it, at the place of its media time.

import { clock, segment as describeSegment, slot as describeSlot } from "./words.js";

const lane = 12, laneGap = 2, slotLane = 22, blockGap = 10, axis = 20, maxLanes = 6;

export class Strip {
	constructor(channel, canvas) {
		this.channel = channel;
		this.canvas = canvas;
		this.items = [];
		this.lanes = 0;
	}

	// colours are those of the style sheet, in the scheme that is in force.
	colours() {
		const style = getComputedStyle(this.canvas);
		const get = (name) => style.getPropertyValue(name).trim();
		return {
			text: get("--text"), soft: get("--soft"), line: get("--line"), bad: get("--bad"), warn: get("--warn"), fill: get("--on-fill"), well: get("--well"),
			inputs: [0, 1, 2, 3].map((i) => get(`--input-${i}`)),
			font: style.fontFamily,
		};
	}

	draw(now) {
		const { channel, canvas } = this, width = canvas.clientWidth;
		if (width === 0) return;
		const c = this.colours(), wide = width >= 640, label = wide ? Math.min(150, width * .16) : 44;
		const rows = layout(channel), height = rows.height;
		const scale = window.devicePixelRatio || 1;
		canvas.style.height = height + "px";
		if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
			canvas.width = Math.round(width * scale);
			canvas.height = Math.round(height * scale);
		}
		const g = canvas.getContext("2d");
		g.setTransform(scale, 0, 0, scale, 0, 0);
		g.clearRect(0, 0, width, height);
		const span = width >= 900 ? 120e3 : width >= 560 ? 90e3 : 45e3;
		const edge = rightEdge(channel, now), from = edge - span;
		const x = (t) => label + (t - from) / span * (width - label - 8);
		this.items = [];
		drawAxis(g, c, { x, from, edge, height, label, step: span > 60e3 ? 20e3 : 10e3, width });
		g.save();
		g.beginPath();
		g.rect(label, 0, width - label, height);
		g.clip();
		for (const row of rows.inputs) this.drawInput(g, c, row, { x, from, edge, now });
		for (const row of rows.endpoints) this.drawEndpoint(g, c, row, { x, from, edge, wide });
		this.drawSwitches(g, c, rows, { x, from });
		this.drawCursor(g, c);
		g.restore();
		drawLabels(g, c, rows, { label, wide, channel });
	}

	drawInput(g, c, row, view) {
		const colour = c.inputs[row.index % 4];
		row.lanes.forEach((names, i) => {
			const y = row.y + i * (lane + laneGap);
			const all = segmentsOf(this.channel, row.name, names);
			// What is wrong comes last, so that nothing hides it.
			const wrong = (e) => e.guessed || e.state !== "arrived";
			for (const e of [...holes(this.channel, row.name, all, view), ...all.filter((e) => !wrong(e)), ...all.filter(wrong)]) {
				if (e.end < view.from) continue;
				let left = Math.max(view.x(e.start), view.x(view.from)), w = Math.max(2, view.x(e.end) - left - 1.5);
				if (e.guessed) {
					// Its place is that of its arrival, no more.
					left += w - lane;
					w = lane;
				}
				block(g, c, colour, e.state, left, y, w, lane);
				this.items.push({ lane: row.first + i, x: left, y, w, h: lane, of: e, words: () => describeSegment(e) });
			}
		});
	}

	drawEndpoint(g, c, row, view) {
		for (const e of this.channel.slots.get(row.name) ?? []) {
			if (e.end < view.from) continue;
			const left = Math.max(view.x(e.start), view.x(view.from)), w = Math.max(2, view.x(e.end) - left - 1.5);
			if (e.kind === "given_up" || e.gap) {
				block(g, c, c.bad, e.gap ? "missing" : "unsound", left, row.y, w, slotLane);
			} else {
				// One stripe for each input that the media came from.
				const from = e.sources ?? [e.input];
				stripes(g, from.map((name) => c.inputs[this.channel.inputIndex(name) % 4]), left, row.y, w, slotLane);
				if (e.gaps) {
					g.fillStyle = c.bad;
					g.fillRect(left, row.y + slotLane - 4, w, 4);
				}
				g.fillStyle = c.fill;
				g.font = `700 11px ${c.font}`;
				const text = fit(g, from.join("+"), w - 2, from.map((name) => this.channel.shortInput(name)).join("+"));
				if (text) g.fillText(text, left + (w - g.measureText(text).width) / 2, row.y + slotLane / 2 + 4);
			}
			this.items.push({ lane: row.lane, x: left, y: row.y, w, h: slotLane, of: e, words: () => describeSlot(e) });
		}
	}

	// drawSwitches marks where an endpoint went to another input: a line through all
	// that it concerns, with a flag at the endpoint.
	drawSwitches(g, c, rows, view) {
		for (const row of rows.endpoints) {
			for (const e of this.channel.slots.get(row.name) ?? []) {
				const changed = e.decision?.from && e.decision.from !== e.decision.to;
				if (!changed && !e.discontinuity) continue;
				if (e.start < view.from) continue;
				const at = view.x(e.start) - .75;
				g.strokeStyle = c.text;
				g.lineWidth = 1.5;
				if (changed) {
					g.setLineDash([2, 3]);
					g.beginPath();
					g.moveTo(at, rows.inputs[0]?.y ?? 0);
					g.lineTo(at, row.y);
					g.stroke();
					g.setLineDash([]);
					g.fillStyle = c.text;
					g.beginPath();
					g.moveTo(at - 6, row.y - 8);
					g.lineTo(at + 6, row.y - 8);
					g.lineTo(at, row.y + 1);
					g.fill();
				}
				if (e.discontinuity) zigzag(g, c, at, row.y, slotLane);
			}
		}
	}

	drawCursor(g, c) {
		const item = this.pointed && this.items.find((i) => i.of === this.pointed);
		if (!item) return;
		g.strokeStyle = c.text;
		g.lineWidth = 2;
		g.strokeRect(item.x - 1, item.y - 1, item.w + 2, item.h + 2);
	}

	// at is what lies at a place of the canvas.
	at(x, y) {
		return this.items.findLast((i) => x >= i.x - 1 && x <= i.x + i.w + 1 && y >= i.y - laneGap && y <= i.y + i.h + laneGap);
	}

	// step goes to the next item along a lane, or to the nearest of another lane.
	step(dx, dy) {
		if (this.items.length === 0) return undefined;
		const here = this.items.find((i) => i.of === this.pointed);
		if (!here) return this.items.filter((i) => i.lane === Math.min(...this.items.map((o) => o.lane))).at(-1);
		if (dy === 0) {
			const line = this.items.filter((i) => i.lane === here.lane).sort((a, b) => a.x - b.x);
			return line[Math.max(0, Math.min(line.length - 1, line.indexOf(here) + dx))];
		}
		const lanes = [...new Set(this.items.map((i) => i.lane))].sort((a, b) => a - b);
		const next = lanes[Math.max(0, Math.min(lanes.length - 1, lanes.indexOf(here.lane) + dy))];
		const middle = here.x + here.w / 2;
		return this.items.filter((i) => i.lane === next).sort((a, b) => Math.abs(a.x + a.w / 2 - middle) - Math.abs(b.x + b.w / 2 - middle))[0];
	}
}

// layout gives every rendition and every endpoint its place.
function layout(channel) {
	let y = axis + 4, first = 0;
	const inputs = channel.status.inputs.map((input, index) => {
		const names = channel.renditionsOf(input);
		const lanes = names.slice(0, maxLanes).map((n) => [n]);
		if (names.length > maxLanes) lanes[maxLanes - 1] = names.slice(maxLanes - 1);
		const row = { name: input.name, index, y, lanes, first, height: Math.max(1, lanes.length) * (lane + laneGap) };
		y += Math.max(row.height, 16) + blockGap;
		first += Math.max(1, lanes.length);
		return row;
	});
	y += 6;
	const endpoints = channel.status.endpoints.map((e) => {
		const row = { name: e.name, y, lane: first++ };
		y += slotLane + blockGap;
		return row;
	});
	return { inputs, endpoints, height: y };
}

// rightEdge is the present on the channel's clock. Encoders with a wrong date have
// media far from it; then it is where the newest media ends.
function rightEdge(channel, now) {
	const newest = channel.newest;
	if (!newest || Math.abs(newest.end - now) < 90e3) return now;
	return newest.end + (now - newest.time);
}

function segmentsOf(channel, input, names) {
	const all = [];
	for (const name of names) all.push(...(channel.segments.get(input)?.get(name)?.values() ?? []));
	return all.sort((a, b) => a.start - b.start);
}

// holes are stretches for which an input should have delivered by now, by its own
// rhythm, and nothing came: not yet missed by anybody, but visible.
function holes(channel, input, all, view) {
	const status = channel.status.inputs.find((i) => i.name === input);
	if (!status || status.ended || !status.last_segment) return [];
	const length = (channel.lengthOf(input) || 2) * 1000;
	const due = view.edge - (status.lateness_seconds + length / 2000) * 1000 - length;
	const found = [];
	let at = channel.quietFrom(input, view.from);
	for (const e of all) {
		if (e.end <= at) continue;
		if (e.start - at > length / 3 && e.start > view.from) found.push(hole(input, at, e.start));
		at = Math.max(at, e.end);
	}
	if (due - at > length / 3) found.push(hole(input, at, due));
	return found;
}

const hole = (input, start, end) => ({ kind: "segment", input, state: "silent", start, end });

// block draws one segment. Every state has a shape of its own, not only a colour.
export function block(g, c, colour, state, x, y, w, h) {
	g.lineWidth = 1.5;
	switch (state) {
	case "arrived":
		g.fillStyle = colour;
		g.fillRect(x, y, w, h);
		return;
	case "degraded":
		// Filled, with a notch in it.
		g.fillStyle = colour;
		g.fillRect(x, y, w, h);
		g.fillStyle = c.warn;
		g.beginPath();
		g.moveTo(x + w / 2 - h * .55, y + h);
		g.lineTo(x + w / 2 + h * .55, y + h);
		g.lineTo(x + w / 2, y + h * .15);
		g.fill();
		return;
	case "late":
		g.fillStyle = colour;
		g.fillRect(x, y + h / 2, w, h / 2);
		g.strokeStyle = c.warn;
		g.strokeRect(x + .75, y + .75, w - 1.5, h - 1.5);
		return;
	case "unsound":
	case "refused":
		g.fillStyle = c.well;
		g.fillRect(x, y, w, h);
		g.strokeStyle = c.bad;
		g.strokeRect(x + .75, y + .75, w - 1.5, h - 1.5);
		g.beginPath();
		g.moveTo(x + w / 2 - h / 3, y + h * .2);
		g.lineTo(x + w / 2 + h / 3, y + h * .8);
		g.moveTo(x + w / 2 + h / 3, y + h * .2);
		g.lineTo(x + w / 2 - h / 3, y + h * .8);
		g.stroke();
		return;
	}
	// Missing: nothing there but hatching.
	g.save();
	g.beginPath();
	g.rect(x, y, w, h);
	g.clip();
	g.strokeStyle = c.bad;
	g.globalAlpha = state === "silent" ? .75 : 1;
	g.lineWidth = 1;
	g.beginPath();
	for (let i = Math.floor((x - h) / 5) * 5; i < x + w; i += 5) {
		g.moveTo(i, y + h);
		g.lineTo(i + h, y);
	}
	g.stroke();
	g.restore();
	if (state === "missing") {
		g.strokeStyle = c.bad;
		g.strokeRect(x + .75, y + .75, w - 1.5, h - 1.5);
	}
}

// stripes draws a slot in the colours of the inputs that it was made from.
export function stripes(g, colours, x, y, w, h) {
	const one = h / colours.length;
	colours.forEach((colour, i) => {
		g.fillStyle = colour;
		g.fillRect(x, y + i * one, w, one);
	});
}

function zigzag(g, c, x, y, h) {
	g.strokeStyle = c.well;
	g.lineWidth = 5;
	for (const width of [5, 2]) {
		g.lineWidth = width;
		g.strokeStyle = width === 5 ? c.well : c.warn;
		g.beginPath();
		g.moveTo(x, y);
		for (let i = 1; i <= 4; i++) g.lineTo(x + (i % 2 ? 3 : -3), y + h * i / 4);
		g.stroke();
	}
}

function drawAxis(g, c, view) {
	g.font = `11px ${c.font}`;
	g.fillStyle = c.soft;
	g.strokeStyle = c.line;
	g.lineWidth = 1;
	for (let t = Math.ceil(view.from / view.step) * view.step; t <= view.edge; t += view.step) {
		const x = Math.round(view.x(t)) + .5;
		g.beginPath();
		g.moveTo(x, axis - 4);
		g.lineTo(x, view.height);
		g.stroke();
		const text = clock(t);
		const w = g.measureText(text).width;
		if (x - w / 2 > view.label && x + w / 2 < view.width - 36) g.fillText(text, x - w / 2, 12);
	}
	const x = Math.round(view.x(view.edge)) - .5;
	g.strokeStyle = c.text;
	g.beginPath();
	g.moveTo(x, axis - 4);
	g.lineTo(x, view.height);
	g.stroke();
	g.fillStyle = c.text;
	g.fillText("now", view.width - g.measureText("now").width - 4, 12);
}

function drawLabels(g, c, rows, { label, wide, channel }) {
	for (const row of rows.inputs) {
		g.fillStyle = c.inputs[row.index % 4];
		g.font = `700 14px ${c.font}`;
		const name = fit(g, row.name, wide ? 60 : label - 12, channel.shortInput(row.name));
		g.fillText(name, 8, row.y + 11);
		if (!wide) continue;
		const start = 8 + Math.max(24, g.measureText(name).width + 8);
		g.font = `10px ${c.font}`;
		g.fillStyle = c.soft;
		row.lanes.forEach((names, i) => {
			const text = names.length > 1 ? `${names.length} more` : channel.shortName(names[0]);
			g.fillText(fit(g, text, label - start - 6), start, row.y + i * (lane + laneGap) + 9);
		});
	}
	g.fillStyle = c.text;
	g.font = `600 12px ${c.font}`;
	for (const row of rows.endpoints) g.fillText(fit(g, row.name, label - 12), 8, row.y + slotLane / 2 + 4);
}

// fit shortens a text to a width, if it has to, and begins with a short form where there
// is one; nothing if not even a letter fits.
function fit(g, text, width, short = text) {
	if (g.measureText(text).width <= width) return text;
	text = short;
	if (g.measureText(text).width <= width) return text;
	for (let n = Math.min(text.length - 1, 40); n > 0; n--) {
		if (g.measureText(text.slice(0, n) + "…").width <= width) return text.slice(0, n) + "…";
	}
	return "";
}
