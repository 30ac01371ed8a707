// Plays a stream in headless Chromium until standard input is closed, then prints
// what the player saw as JSON: node watch.js <page>
import { chromium } from "playwright-core";

const [page] = process.argv.slice(2);
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
	args: [
		"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding",
	],
});
const tab = await browser.newPage();
await tab.goto(page);
await tab.waitForFunction(() => window.report().started || window.report().fatal.length > 0, null, { timeout: 60000 });
console.log("playing");
process.stdin.resume();
await new Promise((resolve) => process.stdin.on("end", resolve));
console.log(JSON.stringify(await tab.evaluate(() => window.report())));
await browser.close();
