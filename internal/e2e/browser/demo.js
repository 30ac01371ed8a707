// Presses every button of the demo's status page in headless Chromium, and prints
// what the page showed of it as JSON: node demo.js <status page>
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
const report = { presses: [], errors: [] };
tab.on("pageerror", (e) => report.errors.push(String(e)));
tab.on("console", (m) => m.type() === "error" && report.errors.push(m.text()));
await tab.goto(page);

// watch notes what the picture does, from when it has begun to move.
await tab.waitForFunction(() => document.querySelector("video")?.currentTime > 0);
await tab.evaluate(() => {
	const video = document.querySelector("video");
	const seen = window.seen = { stalls: [], waiting: 0, back: 0, played: 0 };
	const from = video.currentTime;
	let last = from, moved;
	video.addEventListener("waiting", () => seen.waiting++);
	setInterval(() => {
		const at = video.currentTime, now = performance.now();
		if (at < last) seen.back++;
		if (at > last) {
			if (moved && now - moved > 250) seen.stalls.push(Math.round(now - moved));
			moved = now;
		}
		last = at;
		seen.played = at - from;
		seen.standing = moved ? Math.round(now - moved) : 0;
	}, 20);
});

const encoder = (name) => tab.getByRole("group", { name: `Encoder ${name}` });
const onAir = () => tab.locator(".endpoints tr", { has: tab.getByRole("rowheader", { name: "fast" }) }).locator(".chip").innerText();
const log = tab.locator(".log li", { has: tab.locator("b", { hasText: /^fast$/ }) });
const switches = () => log.count();
const said = (text) => tab.locator("#controls [role=status]", { hasText: text }).waitFor();
const redundant = () => tab.locator(".badge", { hasText: "Redundant" }).waitFor();
const sent = async (name) => Number((await encoder(name).innerText()).match(/(\d+) segments? sent/)[1]);

// until waits for what the page has to show.
async function until(what, ok) {
	const limit = Date.now() + 60000;
	while (!await ok()) {
		if (Date.now() > limit) throw new Error(`waited in vain: ${what}\n${await tab.locator("main").innerText()}`);
		await tab.waitForTimeout(50);
	}
}

// nextSegment waits until the encoder has sent another one.
async function nextSegment(name) {
	const before = await sent(name);
	await until(`encoder ${name} sends a segment`, async () => await sent(name) !== before);
}

// press presses a button of the encoder that is on air, and waits for the switch.
async function press(button) {
	await redundant();
	const from = await onAir();
	await nextSegment(from);
	// Well into the next one, so that a stop makes it more than the grace late.
	await tab.waitForTimeout(600);
	const before = await switches();
	// By keyboard, which has to do as well.
	await encoder(from).getByRole("button", { name: button }).focus();
	await tab.keyboard.press("Enter");
	await said(`Encoder ${from} is `);
	await until(`${button} of encoder ${from} leads to a switch`, async () => await switches() > before);
	const entry = await log.first().innerText();
	report.presses.push({ button, from, to: await onAir(), entry });
	return from;
}

for (const button of ["Drop segment", "Corrupt segment", "Stop for 3 s", "Cut a hole", "Mute", "Freeze picture"]) {
	const broken = await press(button);
	await until(`${button} is over`, async () => !/the next one|more segment/.test(await encoder(broken).innerText()));
	await nextSegment(broken);
	await tab.waitForTimeout(3000);
}
report.degraded = await tab.getByRole("row", { name: /^Degraded/ }).innerText();
const killed = await press("Kill");
await encoder(killed).getByText("killed").waitFor();
report.disabled = await encoder(killed).getByRole("button", { name: "Drop segment" }).isDisabled();
await encoder(killed).getByRole("button", { name: "Revive" }).click();
await nextSegment(killed);
// The revived one is as good as before: the other one may die.
await press("Kill");
await tab.waitForTimeout(6000);

Object.assign(report, await tab.evaluate(() => window.seen));
report.discontinuities = await tab.locator(".log li", { hasText: "discontinuity" }).count();
if (process.env.SCREENSHOT) await tab.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
console.log(JSON.stringify(report));
await browser.close();
