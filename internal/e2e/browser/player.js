// A player with the settings that it has by default, and what is seen of it:
// player.html?player=<hls.js|shaka-player>&src=<playlist>[&position=<seconds>][&options=<JSON>]
//
// With &persist=yes it does not take a network error for the end, which a site
// has to tell hls.js: it begins to load again, once a second.

const video = document.querySelector("video");
const query = new URLSearchParams(location.search);
const position = Number(query.get("position") ?? -1);
const options = JSON.parse(query.get("options") ?? "{}");

// What happened, for the test to read. All times are milliseconds of the clock.
const report = {
	errors: [], fatal: [],
	back: 0, // steps of the position backwards that nobody asked for
	stalls: [], // [from, to, media at hand, position] of every pause of the position, once it has begun to move
	stills: [], // [from, to] of every pause of the picture
	behind: [], // [at, milliseconds] behind the dates of the media, once a second
	started: false, played: 0, pictures: 0, duration: 0,
};
const shortestPause = 250;

const players = {
	"hls.js": async () => {
		await script("hls.js");
		const hls = new Hls({ enableWorker: true, startPosition: position, ...options });
		hls.on(Hls.Events.ERROR, (_, data) => {
			const status = data.response?.code ? " " + data.response.code : "";
			const again = data.fatal && data.type === Hls.ErrorTypes.NETWORK_ERROR && query.get("persist") === "yes";
			if (again) setTimeout(() => hls.startLoad(), 1000);
			note(data.fatal && !again, data.type + " " + data.details + (data.reason ? " " + data.reason : "") + status);
		});
		hls.loadSource(query.get("src"));
		hls.attachMedia(video);
		return () => hls.playingDate;
	},
	"shaka-player": async () => {
		await script("shaka-player.js");
		shaka.polyfill.installAll();
		const player = new shaka.Player();
		player.configure(options);
		const failed = (error) => note(error.severity === shaka.util.Error.Severity.CRITICAL,
			error.code ? ["shaka", error.code, ...error.data.slice(0, 2)].join(" ") : String(error));
		player.addEventListener("error", (event) => failed(event.detail));
		await player.attach(video);
		player.load(query.get("src"), position < 0 ? null : position).catch(failed);
		return () => player.getPlayheadTimeAsDate();
	},
};

function script(src) {
	return new Promise((resolve, reject) => {
		const element = document.createElement("script");
		element.src = src;
		element.onload = resolve;
		element.onerror = () => reject(new Error(src + " cannot be loaded"));
		document.head.append(element);
	});
}

function note(fatal, text) {
	const list = fatal ? report.fatal : report.errors;
	if (list.length < 1000 && list.at(-1) !== text) list.push(text);
}

video.addEventListener("error", () => note(true, "video " + video.error.message));

// pauses notes when a number that should rise does not. Only what was seen counts: a page that
// had no time to look does not know that there was a pause.
function pauses(list) {
	let last = -1, moved = 0, looked = 0, hand = 0, position = 0;
	return {
		at(now, value) {
			if (value !== last) {
				if (report.started && looked - moved > shortestPause) list.push([moved, now, hand, position]);
				last = value;
				moved = now;
				hand = atHand();
				position = Math.round((video.currentTime - first) * 1000);
			}
			looked = now;
		},
		// open is the pause that has not ended yet.
		open(now) {
			return report.started && now - moved > shortestPause ? [[moved, now, hand, position]] : [];
		},
		// forget what was, when a jump was asked for.
		forget(now) {
			last = -1;
			moved = looked = now;
		},
	};
}

// atHand is how many milliseconds of media the player has ahead of the position.
function atHand() {
	const at = video.currentTime;
	for (let i = 0; i < video.buffered.length; i++) {
		if (video.buffered.start(i) <= at && at <= video.buffered.end(i)) {
			return Math.round((video.buffered.end(i) - at) * 1000);
		}
	}
	return 0;
}

const stalls = pauses(report.stalls), stills = pauses(report.stills);
let last = 0, first = 0, asked = false;

function look(playingDate) {
	const now = Date.now(), at = video.currentTime;
	if (asked) {
		stalls.forget(now);
		stills.forget(now);
		last = at;
		return;
	}
	// Once it has run dry, a browser may put its clock right by a frame or two.
	if (at < last - 0.1) report.back++;
	if (at > last && last > 0 && !report.started) {
		report.started = true;
		first = at;
		// It stood where it was to begin until then: that is no pause.
		stalls.forget(now);
		stills.forget(now);
	}
	last = at;
	report.played = at;
	report.duration = video.duration;
	report.pictures = video.getVideoPlaybackQuality().totalVideoFrames;
	stalls.at(now, at);
	stills.at(now, report.pictures);
	const date = playingDate();
	if (date && now - (report.behind.at(-1)?.[0] ?? 0) >= 1000) report.behind.push([now, now - date]);
}

// What the test asks for: {"seek": <seconds>}, answered when the picture moves
// again, or {}.
window.ask = async ({ seek }) => {
	let took = 0;
	if (seek !== undefined) {
		const begun = performance.now(), pictures = () => video.getVideoPlaybackQuality().totalVideoFrames;
		asked = true;
		video.currentTime = seek;
		let before = pictures();
		while (video.seeking || video.currentTime < seek + 0.2 || pictures() < before + 3) {
			await new Promise((resolve) => setTimeout(resolve, 20));
			if (video.seeking) before = pictures();
			if (performance.now() - begun > 20000) throw new Error("no picture 20 s after a seek to " + seek);
		}
		took = Math.round(performance.now() - begun);
		asked = false;
	}
	const now = Date.now();
	return {
		...report, took, paused: video.paused, ended: video.ended,
		stalls: [...report.stalls, ...stalls.open(now)], stills: [...report.stills, ...stills.open(now)],
	};
};

const playingDate = await players[query.get("player") ?? "hls.js"]();
setInterval(look, 20, playingDate);
window.ready = () => report.started || report.fatal.length > 0;
