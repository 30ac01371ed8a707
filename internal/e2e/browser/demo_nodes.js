// Kills nodes and servers of the demo with the buttons of its status page in headless
// Chromium, starts them again, and prints what the page showed of it as JSON:
// node demo_nodes.js <status page>
import { chromium } from "playwright-core";
import { executablePath } from "./executable.js";

const [page] = process.argv.slice(2);
const browser = await chromium.launch({
	executablePath,
	args: [
		"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding",
	],
});
const tab = await browser.newPage();
tab.setDefaultTimeout(30000);
const report = { killed: [], errors: [] };
tab.on("pageerror", (e) => report.errors.push(String(e)));
// Who answered the player.
const served = {};
tab.on("response", (r) => {
	if (!r.url().includes("/demo/") || !/\.(ts|m3u8)$/.test(r.url())) return;
	if (r.status() !== 200) report.errors.push(`${r.status()} ${r.url()}`);
	const by = r.headers()["x-served-by"];
	served[by] = (served[by] ?? 0) + 1;
});
await tab.goto(page);

// What the picture does, from when it has begun to move. A picture that stands still though
// there is media to show waits for this machine, and not for the origin.
await tab.waitForFunction(() => document.querySelector("video")?.currentTime > 0);
await tab.evaluate(() => {
	const video = document.querySelector("video");
	const seen = window.seen = { stalls: [], slow: [], waiting: 0, back: 0, played: 0 };
	const from = video.currentTime;
	let last = from, moved, least;
	video.addEventListener("waiting", () => seen.waiting++);
	setInterval(() => {
		const at = video.currentTime, now = performance.now(), { buffered } = video;
		if (at < last) seen.back++;
		if (at > last) {
			if (moved && now - moved > 250) (least < .2 ? seen.stalls : seen.slow).push(Math.round(now - moved));
			moved = now;
			least = Infinity;
		}
		least = Math.min(least, buffered.length ? buffered.end(buffered.length - 1) - at : 0);
		last = at;
		seen.played = at - from;
	}, 20);
});

const part = (title) => tab.getByRole("group", { name: title, exact: true });
const nodes = tab.getByRole("region", { name: "Nodes", exact: true });
const row = (node) => nodes.locator("tbody tr", { hasText: node });
const said = (text) => tab.locator("#controls [role=status]", { hasText: text }).waitFor();

// until waits for what the page has to show.
async function until(what, ok) {
	const limit = Date.now() + 30000;
	while (!await ok()) {
		if (Date.now() > limit) throw new Error(`waited in vain: ${what}\n${await tab.locator("main").innerText()}`);
		await tab.waitForTimeout(50);
	}
}

const states = () => nodes.locator("tbody tr").allInnerTexts();
const here = async () => (await states()).filter((text) => /\bhere\b/.test(text)).length;
const decides = async (endpoint) => (await states()).find((text) => new RegExp(`\\b${endpoint}\\b`).test(text))?.match(/origin-(\d)/)?.[1];

// without kills a part, waits until the page says so, and starts it again.
async function without(title, shown, back) {
	await part(title).getByRole("button", { name: `Kill ${title.toLowerCase()}` }).click();
	await said(`${title} is killed`);
	await until(`${title} is shown as killed`, shown);
	report.killed.push(title);
	await tab.waitForTimeout(2500);
	if (process.env.SCREENSHOT) await tab.screenshot({ path: `${process.env.SCREENSHOT}-${report.killed.length}.png`, fullPage: true });
	await part(title).getByRole("button", { name: `Start ${title.toLowerCase()}` }).click();
	await said(`${title} is started`);
	await until(`${title} is back`, back);
}

async function withoutNode(n) {
	await without(`Node ${n}`, async () => /lost/.test(await row(`origin-${n}`).innerText()), async () => await here() === 3);
}

await until("three nodes are here", async () => await here() === 3);
await until("a node decides", async () => await decides("fast") !== undefined);
const first = await decides("fast");
report.decided = first;
await withoutNode(first);
await until("another node decides", async () => await decides("fast") !== undefined);
await withoutNode([1, 2, 3].find((n) => String(n) !== first));
await without("Server 1", () => part("Server 1").getByText("killed").isVisible(), () => part("Server 1").getByText("running").isVisible());
await tab.waitForTimeout(2000);

Object.assign(report, await tab.evaluate(() => window.seen), { served });
report.discontinuities = await tab.locator(".log li", { hasText: "discontinuity" }).count();
console.log(JSON.stringify(report));
await browser.close();
