// What the page knows of a channel: its state, and what happened lately.

const kept = 200e3; // milliseconds: more than the strip shows
const listed = 20; // of each state

export class Channel {
	constructor(snapshot) {
		this.name = snapshot.name;
		this.endpoints = snapshot.endpoints;
		this.status = snapshot.status;
		this.decisions = snapshot.decisions.filter((d) => d.from);
		this.segments = new Map(); // by input, rendition and path
		this.slots = new Map(); // by endpoint
		this.tables = new Map(); // segments in order of arrival, by state
		this.newest = undefined;
		this.next = 0;
		for (const e of snapshot.entries) this.add(e);
	}

	// add takes an entry over and reports the decision that came with it.
	add(e) {
		if (e.n < this.next) return undefined;
		this.next = e.n + 1;
		if (e.kind === "segment") this.addSegment(e);
		if (e.kind === "slot" || e.kind === "given_up") this.addSlot(e);
		const d = e.decision;
		if (!d?.from || this.decisions.some((o) => o.endpoint === d.endpoint && o.msn === d.msn)) return undefined;
		this.decisions.push(d);
		return d;
	}

	addSegment(e) {
		if (!this.tables.has(e.state)) this.tables.set(e.state, []);
		const table = this.tables.get(e.state);
		table.push(e);
		if (table.length > listed) table.shift();
		if (e.state === "unlisted") return;
		if (!e.start) e = this.guess(e);
		const rendition = child(child(this.segments, e.input), e.rendition);
		// What comes after all takes the place of what was missing.
		for (const [n, o] of rendition) {
			const same = e.path && o.path === e.path && Math.abs(o.start - e.start) < 60e3;
			const gap = o.state === "missing" && !o.path && o.start < e.end - 100 && e.start < o.end - 100;
			if (same || gap) rendition.delete(n);
		}
		rendition.set(e.n, e);
		if (e.state === "arrived" && (!this.newest || e.end > this.newest.end || e.t - this.newest.time > 30e3)) this.newest = { end: e.end, time: e.t };
	}

	// guess gives an upload without a place that of its time of arrival, in the
	// rendition of the same folder.
	guess(e) {
		const input = this.status.inputs.find((i) => i.name === e.input), names = input ? this.renditionsOf(input) : [];
		const folder = (path = "") => path.slice(0, path.lastIndexOf("/") + 1);
		const rendition = names.find((n) => folder(n) === folder(e.path)) ?? names[0] ?? "";
		const length = (this.lengthOf(e.input) || 2) * 1000, end = e.t - (input?.lateness_seconds ?? 0) * 1000;
		return { ...e, rendition, start: end - length, end, guessed: true };
	}

	addSlot(e) {
		if (!this.slots.has(e.endpoint)) this.slots.set(e.endpoint, []);
		const list = this.slots.get(e.endpoint);
		// A slot that was given up may be published after all.
		if (e.kind === "slot") this.slots.set(e.endpoint, list.filter((o) => o.kind === "slot" || o.end <= e.start + 50 || o.start >= e.end - 50).concat(e));
		else list.push(e);
	}

	// recent are the last segments of each state, the last one first: the many that are
	// sound, or late, don't push out the one that was refused.
	recent() { return [...this.tables.values()].flat().sort((a, b) => b.n - a.n); }

	// forget drops what has left the strip.
	forget(now) {
		for (const input of this.segments.values()) {
			for (const rendition of input.values()) {
				for (const [key, e] of rendition) if (now - e.t > kept) rendition.delete(key);
			}
		}
		for (const [name, list] of this.slots) this.slots.set(name, list.filter((e) => now - e.t < kept));
	}

	inputIndex(name) {
		return Math.max(0, this.status.inputs.findIndex((i) => i.name === name));
	}

	// shortInput is what tells an input from the others: its name without what all of
	// them begin with.
	shortInput(name) {
		const names = this.status.inputs.map((i) => i.name);
		if (names.length < 2) return name;
		let n = 0;
		while (names.every((o) => n + 1 < o.length && o[n] === name[n])) n++;
		return name.slice(n);
	}

	renditionsOf(input) {
		const names = input.renditions.map((r) => r.path);
		for (const name of this.segments.get(input.name)?.keys() ?? []) if (name && !names.includes(name)) names.push(name);
		return names;
	}

	lengthOf(name) {
		return this.status.inputs.find((i) => i.name === name)?.renditions[0]?.segment_duration_seconds;
	}

	// quietFrom is from where on an input without media is silent: not before it
	// came for the first time.
	quietFrom(name, from) {
		return Math.max(from, this.status.counters?.inputs[name]?.first ?? Infinity);
	}

	// shortName is what tells a rendition from the others of the channel.
	shortName(path) {
		const all = [...new Set(this.status.inputs.flatMap((i) => this.renditionsOf(i)))];
		const parts = all.map((p) => p.split("/"));
		const file = parts.every((p) => p.at(-1) === parts[0].at(-1)) && parts.every((p) => p.length > 1);
		return file ? path.slice(0, path.lastIndexOf("/")) : path.replace(/\.m3u8$/i, "");
	}

	// bitrate is that of an input's segments of the last half minute, in bits per
	// second.
	bitrate(name, now) {
		let bits = 0;
		for (const rendition of this.segments.get(name)?.values() ?? []) {
			let size = 0, time = 0;
			for (const e of rendition.values()) {
				if (!e.size || now - e.t > 30e3) continue;
				size += e.size;
				time += e.end - e.start;
			}
			if (time > 0) bits += size * 8000 / time;
		}
		return bits;
	}

	// sums counts the segments of an input on the strip by state.
	sums(name) {
		const sums = {};
		for (const rendition of this.segments.get(name)?.values() ?? []) {
			for (const e of rendition.values()) sums[e.state] = (sums[e.state] ?? 0) + 1;
		}
		return sums;
	}
}

function child(map, key) {
	if (!map.has(key)) map.set(key, new Map());
	return map.get(key);
}
