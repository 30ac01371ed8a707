// The browser that the tests drive. Chromium without its own windows takes half of the CPU time of
// the whole one, which matters where five tests run at a time.
import { existsSync } from "node:fs";

const installed = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

export const executablePath = process.env.CHROMIUM ?? installed.find((path) => existsSync(path)) ?? "/usr/bin/chromium";
