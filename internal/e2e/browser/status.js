// Looks at the status page in headless Chromium: node status.js <page> <name>. It
// prints a line for each thing that it was told to wait for, and goes on when it gets a
// line itself.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { executablePath } from "./executable.js";

const [page, hostile] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = () => lines.next();
const say = (report) => console.log(JSON.stringify(report));

const browser = await chromium.launch({
	executablePath,
	args: [
		"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding",
	],
});
const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
tab.setDefaultTimeout(90000);
const errors = [], foreign = [];
tab.on("pageerror", (e) => errors.push(String(e)));
tab.on("console", (m) => m.type() === "error" && errors.push(m.text()));
tab.on("request", (r) => new URL(r.url()).origin !== new URL(page).origin && !/^(data|blob):/.test(r.url()) && foreign.push(r.url()));
await tab.goto(page);
await tab.evaluate(() => { window.loadedOnce = true; });

// Segments of both inputs.
const strip = tab.getByRole("img", { name: /a: \d+ arrived.* b: \d+ arrived/ });
await strip.waitFor();
await tab.getByRole("article", { name: "sports" }).getByText("Redundant").waitFor();
await tab.getByRole("button", { name: "Play preview" }).click();
await tab.waitForFunction(() => document.querySelector("video").currentTime > 1);
const active = await tab.getByRole("row", { name: /^fast/ }).getByRole("cell").first().innerText();
say({ active, headline: await headline(), muted: await tab.evaluate(() => document.querySelector("video").muted) });

// The switch, and the preview over it.
await next();
const from = await tab.evaluate(() => document.querySelector("video").currentTime);
const log = tab.getByRole("list", { name: /Switches/ });
await log.getByRole("listitem").filter({ hasText: "fast" }).filter({ hasNotText: "No switches" }).waitFor();
await tab.getByRole("article", { name: "sports" }).getByText("No standby:").waitFor();
await tab.waitForFunction((t) => document.querySelector("video").currentTime > t + 3, from);
await tab.getByText("This picture came from").waitFor();
const announced = await tab.locator("#announce").innerText();
await tab.getByText("Last segments as a table").click();
await tab.getByRole("cell", { name: hostile }).waitFor();
say({
	headline: await headline(), log: await log.innerText(), announced,
	reloaded: await tab.evaluate(() => !window.loadedOnce),
	markup: await tab.locator("#channels img, #channels script").count(),
	title: await tab.title(), errors, foreign,
	focus: await focusOrder(), pointed: await walk(), unnamed: await unnamed(), widths: await widths(),
});

// The origin goes away and comes back.
await next();
await tab.getByRole("alert").filter({ hasText: "No connection" }).waitFor();
say({ alert: await tab.getByRole("alert").innerText() });
await next();
await tab.getByText("Live", { exact: true }).waitFor();
await tab.getByRole("alert").waitFor({ state: "hidden" });
say({ reloaded: await tab.evaluate(() => !window.loadedOnce) });
await browser.close();

async function headline() { return tab.locator(".headline").innerText(); }

// focusOrder is where the tabulator key leads, by name.
async function focusOrder() {
	await tab.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0); });
	await tab.locator("h1").click();
	const order = [];
	for (let i = 0; i < 20; i++) {
		await tab.keyboard.press("Tab");
		// A video has several places of its own.
		const at = await tab.evaluate(() => {
			const e = document.activeElement, last = window.lastFocus;
			window.lastFocus = e;
			if (e === document.body || e === last) return "";
			return `${e.tagName.toLowerCase()} ${getComputedStyle(e).outlineStyle === "none" ? "invisible" : "visible"}`;
		});
		if (at) order.push(at);
	}
	return order;
}

// walk goes through the strip with the arrow keys.
async function walk() {
	await tab.getByRole("group", { name: /Time strip/ }).focus();
	await tab.keyboard.press("ArrowLeft");
	await tab.keyboard.press("ArrowLeft");
	await tab.keyboard.press("ArrowDown");
	return tab.locator(".pointed").innerText();
}

// unnamed are controls without a name for screen readers.
async function unnamed() {
	return tab.evaluate(() => [...document.querySelectorAll("button, select, video, canvas[role], [tabindex='0'], article")]
		.filter((e) => !(e.getAttribute("aria-label") || e.labels?.length || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent || e.textContent.trim()))
		.map((e) => e.outerHTML.slice(0, 80)));
}

// widths is how wide the page is at several widths of the window.
async function widths() {
	const found = {};
	for (const scheme of ["dark", "light"]) {
		for (const width of [400, 800, 1600]) {
			await tab.emulateMedia({ colorScheme: scheme });
			await tab.setViewportSize({ width, height: 900 });
			await tab.waitForTimeout(400);
			found[`${width} ${scheme}`] = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		}
	}
	await tab.setViewportSize({ width: 1280, height: 900 });
	return found;
}
