// What the buttons of the demo are made of.

export function element(name, className, text = "") {
	const e = document.createElement(name);
	e.className = className;
	e.textContent = text;
	return e;
}

export function button(text, press) {
	const b = element("button", "demo-button", text);
	b.type = "button";
	b.addEventListener("click", press);
	return b;
}
