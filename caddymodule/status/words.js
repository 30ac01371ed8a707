// What the page says in words. Nothing here touches the document.

export function clock(time) {
	return new Date(time).toLocaleTimeString([], { hour12: false });
}

// moment is a time of day, with the date if that is another one.
export function moment(time, now = Date.now()) {
	const at = new Date(time);
	if (at.toDateString() === new Date(now).toDateString()) return clock(at);
	return at.toLocaleDateString([], { day: "numeric", month: "short" }) + " " + clock(at);
}

export function seconds(s) {
	if (Math.abs(s) < 10) return s.toFixed(2) + " s";
	if (Math.abs(s) < 120) return s.toFixed(0) + " s";
	if (Math.abs(s) < 7200) return (s / 60).toFixed(0) + " min";
	return (s / 3600).toFixed(1) + " h";
}

// short is for seconds that are few.
export function short(s) { return Math.abs(s) < 1 ? Math.round(s * 1000) + " ms" : seconds(s); }

export function rate(bits) {
	if (!(bits > 0)) return "–";
	return bits >= 1e6 ? (bits / 1e6).toFixed(2) + " Mb/s" : (bits / 1e3).toFixed(0) + " kb/s";
}

// after is how far off something was. Media may come before its end where an input's
// dates are ahead.
function after(s) {
	return `${seconds(Math.abs(s))} ${s < 0 ? "before" : "after"}`;
}

const states = {
	arrived: "arrived", late: "arrived late", degraded: "arrived, and is not good", unsound: "cannot be used", refused: "was refused",
	missing: "had not arrived at the deadline", unlisted: "arrived, but is in no playlist", silent: "nothing arrived",
};

// segment says all about one segment of an input.
export function segment(e) {
	const parts = [`${states[e.state]}${e.reason ? " (" + e.reason.replaceAll("_", " ") + ")" : ""}`];
	if (e.defects) parts.push(`${e.defects.replaceAll("_", " ")}${e.detail ? ": " + e.detail : ""}`);
	if (e.start) parts.push(`media ${clock(e.start)} to ${clock(e.end)}`);
	if (e.state === "arrived" || e.state === "late" || e.state === "degraded") parts.push(`${after(e.lateness ?? 0)} its end, usually ${after(e.usual ?? 0)}`);
	if (e.size) parts.push(`${(e.size / 1000).toFixed(0)} kB`);
	return { who: `${e.input} ${e.path || e.rendition || ""}`, what: parts.join(", ") };
}

export function slot(e) {
	if (e.kind === "given_up") return { who: `${e.endpoint}, overdue`, what: `no input had ${clock(e.start)} to ${clock(e.end)} in time` };
	const parts = [e.gap ? "a gap (EXT-X-GAP)" : `from ${list(e.sources ?? [e.input])}`, `media ${clock(e.start)} to ${clock(e.end)}`];
	if (e.late) parts.push(`published ${after(e.late)} it was due`);
	if (e.decision?.reason === "patched") parts.push(`patched: ${borrowed(e.decision)}`);
	else if (e.decision?.from) parts.push(`switched from ${e.decision.from}, because ${e.decision.why}`);
	if (e.discontinuity) parts.push("discontinuity");
	if (e.gaps && !e.gap) parts.push(`${e.gaps} renditions have a gap`);
	return { who: `${e.endpoint} segment ${e.msn}`, what: parts.join(", ") };
}

// borrowed says which segments of a patched slot came from another input.
export function borrowed(d) {
	const all = (d.borrowed ?? []).map((b) => `${b.segment || b.rendition} of ${b.input}`);
	return all.slice(0, 6).join("; ") + (all.length > 6 ? ` and ${all.length - 6} more` : "");
}

const list = (names) => names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names.at(-1);

// takeover says whether an input can take over from the one on air.
export function takeover(status, active, input) {
	if (!input.up) return input.ended ? "ended" : "down";
	const pair = status.pairs.find((p) => (p.a === active && p.b === input.name) || (p.b === active && p.a === input.name));
	return pair?.state === "locked" ? "seamless" : "seam";
}

// verdict is what the person on call has to know first: how bad it is, and in two
// sentences what is on air, why, and what would happen next. A node that is alone or lost is
// not as it should be, however well the inputs do.
export function verdict(status, now) {
	const v = verdictOfInputs(status, now), nodes = status.nodes;
	if (v.level !== "good" || !nodes) return v;
	if (nodes.contact === "alone") return { ...v, level: "warn", badge: "Alone" };
	return nodes.nodes.some((n) => !n.alive) ? { ...v, level: "warn", badge: "Node lost" } : v;
}

function verdictOfInputs(status, now) {
	const playing = status.endpoints.filter((e) => e.active);
	const up = status.inputs.filter((i) => i.up);
	if (playing.length === 0) {
		return { level: up.length ? "warn" : "bad", badge: up.length ? "Starting" : "Off air",
			air: "Nothing is on air yet.", why: "", standby: up.length ? `Media comes from ${list(up.map((i) => i.name))}.` : "No input delivers anything." };
	}
	const active = [...new Set(playing.map((e) => e.active))];
	let air = active.length === 1 ? `On air: ${active[0]}` : "On air: " + list(playing.map((e) => `${e.name} from ${e.active}`));
	let cause = "";
	const told = firstOfLast(playing);
	if (told && active.length === 1) {
		cause = `since ${moment(told.time, now)}, because ${told.why} (${told.reason}).`;
	} else if (told) {
		cause = `${told.endpoint} switched to ${told.to} at ${moment(told.time, now)}, because ${told.why} (${told.reason}).`;
	}
	if (!told || active.length > 1) air += ".";
	if (up.length === 0) {
		return { level: "bad", badge: "Off air", air: `${air.replace("On air", "Last on air")}`, why: cause, standby: "No input delivers anything." };
	}
	const dead = playing.filter((e) => !status.inputs.find((i) => i.name === e.active)?.up);
	if (dead.length > 0) {
		return { level: "bad", badge: "Stalled", air, why: cause,
			standby: `${list(dead.map((e) => e.name))}: ${list([...new Set(dead.map((e) => e.active))])} is down, and no other input has taken over yet.` };
	}
	return { ...standby(status, active), air, why: cause };
}

// firstOfLast is the switch that tells why things are as they are: the last one, or
// that of another endpoint to the same input shortly before, which had less patience.
function firstOfLast(endpoints) {
	const all = endpoints.map((e) => e.last_switch).filter((s) => s?.from).sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
	const last = all.at(-1);
	return all.find((s) => s.to === last.to && Date.parse(last.time) - Date.parse(s.time) < 30e3);
}

const redundant = { level: "good", badge: "Redundant" };

function standby(status, active) {
	if (status.inputs.length === 1) return { level: "warn", badge: "No standby", standby: "The channel has a single input." };
	const others = active.length === 1 ? status.inputs.filter((i) => i.name !== active[0]) : status.inputs;
	const can = others.map((i) => ({ name: i.name, as: takeover(status, active.find((a) => a !== i.name), i), input: i }));
	const seamless = can.filter((c) => c.as === "seamless"), seam = can.filter((c) => c.as === "seam"), down = can.filter((c) => c.as === "down" || c.as === "ended");
	const gone = down.map((c) => c.as === "ended" ? `${c.name} has ended.` : c.input.last_segment ? `${c.name} is down: the last segment came at ${moment(c.input.last_segment)}.` : `${c.name} has not delivered anything.`).join(" ");
	if (active.length > 1 && seam.length + down.length === 0) return { ...redundant, standby: "They can take over from each other without a seam." };
	if (seamless.length > 0) return { ...redundant, standby: `Standby ${list(seamless.map((c) => c.name))} can take over without a seam. ${gone}`.trim() };
	if (seam.length > 0) {
		const names = list(seam.map((c) => c.name));
		return { level: "warn", badge: "Not locked", standby: `Standby ${names} can take over, but viewers will see a discontinuity. ${gone}`.trim() };
	}
	return { level: "warn", badge: "No standby", standby: `No standby: ${gone}` };
}
