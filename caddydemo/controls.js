// The buttons of the demo: what can happen to an encoder, at the press of one. The
// status page calls the function with the section that they go into.

import { button, element } from "./elements.js";
import parts from "./parts.js";

const address = new URL("encoders", import.meta.url);
const refreshEvery = 1000; // milliseconds

const actions = [
	["stop", "Stop for 3 s", "stopped for 3 s; it sends late what it encodes meanwhile"],
	["drop", "Drop segment", "told to list the next segment without sending it"],
	["corrupt", "Corrupt segment", "told to cut the next segment off in the middle"],
	["hole", "Cut a hole", "told to leave ten pictures out of the next segment"],
	["mute", "Mute", "told to send the next three segments without sound"],
	["freeze", "Freeze picture", "told to let its picture stand still for five segments, 10 s"],
];
const done = {
	kill: "killed",
	revive: "started again; it delivers with its next segment",
	...Object.fromEntries(actions.map(([action, , text]) => [action, text])),
};

// What is wrong with the next segments of an encoder.
function trouble(s) {
	const segments = `${s.left} more ${s.left === 1 ? "segment" : "segments"}`;
	switch (s.next) {
		case "drop": return ", drops the next one";
		case "corrupt": return ", corrupts the next one";
		case "hole": return ", cuts a hole into the next one";
		case "mute": return `, mute for ${segments}`;
		case "freeze": return `, picture frozen for ${segments}`;
		default: return "";
	}
}

// What the card of an encoder says about it.
function describe(s) {
	const sent = `${s.sent} ${s.sent === 1 ? "segment" : "segments"} sent`;
	if (s.error) return `${s.state}, ${sent}, last upload failed: ${s.error}`;
	return `${s.state}, ${sent}${trouble(s)}`;
}

// card is the part of the section that belongs to one encoder.
function card(name, act) {
	const root = element("fieldset", "demo-encoder");
	root.dataset.encoder = name;
	const state = element("p", "demo-state");
	// One button, so that who pressed it is still on it afterwards.
	const life = button("Kill", () => act(name, life.dataset.action));
	const rest = actions.map(([action, text]) => {
		const b = button(text, () => act(name, action));
		b.dataset.action = action;
		return b;
	});
	const buttons = element("div", "demo-buttons");
	buttons.append(life, ...rest);
	root.append(element("legend", "demo-name", `Encoder ${name}`), state, buttons);
	return {
		root,
		show(s) {
			const killed = s.state === "killed";
			state.textContent = describe(s);
			root.dataset.state = s.state;
			life.dataset.action = killed ? "revive" : "kill";
			life.textContent = killed ? "Revive" : "Kill";
			for (const b of rest) b.disabled = killed;
		},
	};
}

export default function controls(section) {
	const style = element("link", "");
	style.rel = "stylesheet";
	style.href = new URL("controls.css", import.meta.url);
	document.head.append(style);

	const cards = new Map();
	const list = element("div", "demo-encoders");
	const said = element("p", "demo-said");
	said.setAttribute("role", "status");
	section.append(
		element("h3", "demo-title", "Break something"),
		element("p", "demo-hint", "Both encoders push the same programme. Watch the picture while you press a button."),
		list, said,
	);
	parts(list, said);

	function show(s) {
		if (!cards.has(s.name)) {
			const c = card(s.name, act);
			cards.set(s.name, c);
			list.append(c.root);
		}
		cards.get(s.name).show(s);
	}

	async function act(name, action) {
		try {
			const answer = await fetch(`${address}/${name}/${action}`, { method: "POST" });
			const content = await answer.json();
			if (!answer.ok) throw new Error(content.error);
			show(content);
			said.textContent = `Encoder ${name} is ${done[action]}.`;
		} catch (e) {
			said.textContent = `That did not work: ${e.message}.`;
		}
	}

	async function refresh() {
		try {
			const answer = await fetch(address);
			if (!answer.ok) throw new Error(answer.statusText);
			(await answer.json()).forEach(show);
			list.dataset.stale = "false";
		} catch {
			list.dataset.stale = "true";
		}
		setTimeout(refresh, refreshEvery);
	}
	refresh();
}
