// The browser that the tests drive. Chromium's headless shell takes much less CPU time than
// the whole browser, which matters where five tests run at a time.
import { existsSync } from "node:fs";

const installed = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

export const executablePath = process.env.CHROMIUM ?? installed.find((path) => existsSync(path)) ?? "/usr/bin/chromium";
