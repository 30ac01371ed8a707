// The page: keeps the connection, and shows what comes over it.

import { el, put, rows } from "./dom.js";
import { Channel } from "./model.js";
import { View } from "./view.js";
import { clock, seconds, verdict } from "./words.js";

const staleAfter = 4000; // milliseconds: the origin says something every second
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const pace = () => calm.matches ? 1000 : 250;

const page = {
	link: document.getElementById("link"),
	stale: document.getElementById("stale"),
	announce: document.getElementById("announce"),
	others: document.getElementById("others"),
	main: document.getElementById("channels"),
};

let views = new Map();
let levels = new Map();
let heard = 0; // when, on this device's clock
let skew = 0; // what to add to this device's clock to have the origin's
let controls;

const origin = () => Date.now() + skew;

function connect() {
	const source = new EventSource("events" + location.search);
	const on = (name, take) => source.addEventListener(name, (e) => {
		heard = Date.now();
		take(JSON.parse(e.data));
		fresh();
	});
	on("snapshot", takeSnapshot);
	on("activity", takeActivity);
	on("status", takeStatus);
	source.onerror = () => {
		if (source.readyState !== EventSource.CLOSED) return;
		// The answer was an error; a browser does not try again by itself.
		setTimeout(connect, 3000);
	};
}

function takeSnapshot(snapshot) {
	skew = snapshot.now - Date.now();
	const names = snapshot.channels.map((c) => c.name);
	const same = names.join() === [...views.keys()].join();
	if (!same) {
		for (const view of views.values()) view.close();
		views = new Map();
		page.main.replaceChildren();
	}
	snapshot.channels.forEach((c, i) => {
		const old = views.get(c.name);
		if (old && JSON.stringify(old.channel.endpoints) === JSON.stringify(c.endpoints)) {
			// After a reconnection the preview goes on.
			Object.assign(old.channel, new Channel(c));
			return;
		}
		const view = new View(new Channel(c), i === 0);
		if (old) {
			old.close();
			old.element.replaceWith(view.element);
		} else {
			page.main.append(view.element);
		}
		views.set(c.name, view);
	});
	if (names.length === 0) put(page.main, snapshot.names.length ? "" : "The origin has no channels.");
	showAll();
	takeOver(snapshot.controls);
}

// takeOver loads the script of the config, once for the section that it was given.
async function takeOver(uri) {
	const section = document.getElementById("controls");
	if (!uri || !section || controls === section) return;
	controls = section;
	const view = views.values().next().value;
	view.preview.start();
	try {
		const script = await import(new URL(uri, document.baseURI));
		script.default?.(section);
	} catch (e) {
		section.append(el("p", {}, `The controls could not be loaded: ${e.message}`));
	}
}

function takeActivity({ channel, entries }) {
	const view = views.get(channel);
	if (!view) return;
	for (const e of entries) {
		const d = view.channel.add(e);
		if (d) announce(`${channel}, ${d.endpoint}: switched from ${d.from} to ${d.to} at ${clock(d.time)}, because ${d.why}.`);
	}
	view.draw(origin());
}

// announce has something read out. What comes shortly after does not take its place.
function announce(text) {
	const line = el("p", {}, text);
	page.announce.append(line);
	setTimeout(() => line.remove(), 20e3);
}

function takeStatus(all) {
	// The smallest difference is that with the least delay on the way.
	skew = Math.max(skew - 5, all.now - Date.now());
	for (const status of all.channels) {
		const view = views.get(status.name);
		if (view) view.channel.status = status;
	}
	showAll();
	showOthers(all.channels);
}

const signs = { good: "✓", warn: "!", bad: "✕" };
const order = { bad: 0, warn: 1, good: 2 };

function showAll() {
	const now = origin();
	for (const [name, view] of views) {
		view.channel.forget(now);
		const v = view.update(now);
		if (levels.has(name) && levels.get(name) !== v.badge) announce(`${name}: ${v.badge}. ${v.air} ${v.why} ${v.standby}`);
		levels.set(name, v.badge);
		view.draw(now);
	}
}

// showOthers lists the channels if the page does not show all of them. Under one that
// was asked for, it only says whether the others are well.
function showOthers(statuses) {
	const all = statuses.map((s) => ({ name: s.name, v: verdict(s, origin()) }));
	all.sort((a, b) => order[a.v.level] - order[b.v.level] || a.name.localeCompare(b.name, undefined, { numeric: true }));
	const shown = views.size ? all.filter((c) => views.has(c.name)) : all;
	const title = `${shown.length ? signs[shown[0].v.level] : ""} ${[...views.keys()].join(", ") || "Live origin"}`;
	if (document.title !== title) document.title = title;

	page.others.hidden = statuses.length === views.size;
	if (page.others.hidden) return;
	if (views.size > 0) {
		const link = page.others.querySelector(":scope > a") ?? page.others.appendChild(el("a", { href: "./" }));
		const troubled = all.filter((c) => !views.has(c.name) && c.v.level !== "good").length;
		put(link, `All ${all.length} channels` + (troubled ? `: ! ${troubled} of the others not as they should be` : ""));
		return;
	}
	const list = page.others.querySelector("ul") ?? page.others.appendChild(el("ul"));
	rows(list, all, (c) => c.name, (c) => el("li", {}, el("a", { href: "?channel=" + encodeURIComponent(c.name) }, c.name), " ", el("span", { class: "badge" }), el("p")), (e, c) => {
		e.dataset.level = c.v.level;
		put(e.querySelector(".badge"), `${signs[c.v.level]} ${c.v.badge}`);
		put(e.querySelector("p"), [c.v.air, c.v.why, c.v.standby].filter(Boolean).join(" "));
	});
}

// fresh says how old the data are, and does so loudly when they are too old.
function fresh() {
	const age = heard ? Date.now() - heard : 0, old = heard > 0 && age > staleAfter;
	document.body.classList.toggle("old", old);
	if (page.stale.hidden === old) page.stale.hidden = !old;
	if (old) {
		put(page.link, "No connection");
		// Only the age changes, and not with every second: it is read out.
		const shown = age < 60e3 ? Math.floor(age / 5000) * 5 : Math.floor(age / 60e3) * 60;
		put(page.stale, `No connection to the origin. What you see is older than ${shown < 5 ? "4 s" : seconds(shown / 1000).replace(".00", "")}.`);
		page.link.dataset.level = "bad";
	} else if (heard) {
		put(page.link, "Live");
		page.link.dataset.level = "good";
	}
}

function tick() {
	if (!document.hidden) {
		const old = document.body.classList.contains("old");
		for (const view of views.values()) if (!old) view.draw(origin());
	}
	fresh();
	setTimeout(tick, pace());
}

const zone = -new Date().getTimezoneOffset();
put(document.getElementById("zone"), ` (UTC${zone < 0 ? "−" : "+"}${Math.floor(Math.abs(zone) / 60)}:${String(Math.abs(zone) % 60).padStart(2, "0")})`);
addEventListener("resize", () => { for (const view of views.values()) view.draw(origin()); });
connect();
tick();
