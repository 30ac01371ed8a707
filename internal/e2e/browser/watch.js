// Plays a stream in headless Chromium: node watch.js <page>. When the picture
// moves it prints "playing"; then every line of standard input, JSON for the
// page's ask, is answered with a line of JSON, until standard input is closed.
import { createInterface } from "node:readline";
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
tab.on("pageerror", (error) => console.error(error.message));
await tab.goto(page);
await tab.waitForFunction(() => window.ready?.(), null, { timeout: 60000 });
console.log("playing");
for await (const line of createInterface({ input: process.stdin })) {
	try {
		console.log(JSON.stringify(await tab.evaluate((question) => window.ask(question), JSON.parse(line))));
	} catch (error) {
		console.log(JSON.stringify({ failed: error.message }));
	}
}
await browser.close();
