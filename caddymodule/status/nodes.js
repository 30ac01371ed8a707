// What the page says of the nodes that run a channel together. Nothing here touches the
// document.

import { moment, seconds, short } from "./words.js";

const farOff = .5; // seconds between clocks; more is no good
const electing = 15; // seconds in which the servers may be choosing a leader

// alone is what to say, and what there is to do, when this node hears nobody.
export function alone(nodes, now) {
	if (nodes?.contact !== "alone") return undefined;
	return `This node has been alone${nodes.since ? ` since ${moment(nodes.since, now)}` : ""}: no NATS server answers it. It goes on with the inputs that reach it, and other nodes may be on air with other inputs. ` +
		"Look at the NATS servers, and at the network of this machine. When they meet again, nothing has to be done.";
}

// unwritten says that the servers take no decisions, which is no harm for a while.
export function unwritten(nodes) {
	if (!(nodes?.unwritten_seconds > electing)) return "";
	return `The journal of all nodes has taken nothing for ${seconds(nodes.unwritten_seconds)}. Channels go on. Look at the NATS servers: JetStream needs more than half of them.`;
}

// state is a level and words.
export function state(nodes, n, now) {
	const since = n.since ? ` since ${moment(n.since, now)}` : "";
	if (n.self && nodes.contact === "alone") return ["bad", "alone"];
	if (n.self && nodes.contact !== "in contact") return ["warn", "out of contact"];
	if (!n.alive) return ["bad", `lost${since}`];
	if (!n.ready) return ["warn", "starting, not ready"];
	return ["good", `here${since}`];
}

export function behind(n) {
	if (!n.alive) return [undefined, "–"];
	return [n.behind > 1 ? "warn" : undefined, String(n.behind ?? 0)];
}

export function delay(n) { return n.alive && !n.self ? short(n.delay_seconds ?? 0) : "–"; }

export function clockOff(n) {
	if (!n.alive || n.self) return [undefined, "–"];
	const s = n.clock_ahead_seconds ?? 0;
	return [Math.abs(s) > farOff ? "warn" : undefined, `${short(Math.abs(s))} ${s < 0 ? "behind" : "ahead"}`];
}
