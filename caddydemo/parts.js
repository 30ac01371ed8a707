// The nodes and NATS servers of the demo, where there are several: each can be killed, and
// started again.

import { button, element } from "./elements.js";

const address = new URL("parts", import.meta.url);
const refreshEvery = 1000; // milliseconds

const done = { kill: "killed", start: "started; it is back in some seconds" };

// card is what belongs to one of them.
function card(title, act) {
	const root = element("fieldset", "demo-encoder demo-part");
	const state = element("p", "demo-state");
	// One button, so that who pressed it is still on it afterwards.
	const life = button("", () => act(life.dataset.action));
	root.append(element("legend", "demo-name", title), state, life);
	return {
		root,
		show(s) {
			const running = s.state === "running";
			state.textContent = [s.state, s.about].filter(Boolean).join(", ");
			root.dataset.state = running ? "running" : "killed";
			life.dataset.action = running ? "kill" : "start";
			life.textContent = `${running ? "Kill" : "Start"} ${title.toLowerCase()}`;
		},
	};
}

export default function parts(encoders, said) {
	const cards = new Map();
	const list = element("div", "demo-encoders demo-parts");
	encoders.after(list);

	function show(s) {
		if (!cards.has(s.name)) {
			const c = card(s.title, (action) => act(s, action));
			cards.set(s.name, c);
			list.append(c.root);
		}
		cards.get(s.name).show(s);
	}

	async function act({ name, title }, action) {
		try {
			const answer = await fetch(`${address}/${name}/${action}`, { method: "POST" });
			const content = await answer.json();
			if (!answer.ok) throw new Error(content.error);
			show(content);
			said.textContent = `${title} is ${done[action]}.`;
		} catch (e) {
			said.textContent = `That did not work: ${e.message}.`;
		}
	}

	async function refresh() {
		try {
			const answer = await fetch(address);
			if (!answer.ok) throw new Error(answer.statusText);
			const states = await answer.json();
			// One node has no parts, and never will.
			if (states.length === 0) return;
			states.forEach(show);
			list.dataset.stale = "false";
		} catch {
			list.dataset.stale = "true";
		}
		setTimeout(refresh, refreshEvery);
	}
	refresh();
}
