// Making and changing elements. Whatever comes from outside goes in as text.

export function el(tag, attributes = {}, ...children) {
	const e = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (value === undefined || value === false) continue;
		e.setAttribute(name, value === true ? "" : value);
	}
	e.append(...children.filter((c) => c !== undefined));
	return e;
}

// put changes a text only if it is another one: what stays the same is not read out
// again, and a selection in it stays.
export function put(e, text) {
	if (e.textContent !== text) e.textContent = text;
}

export function mark(e, level) {
	if (level) e.dataset.mark = level;
	else delete e.dataset.mark;
}

// rows keeps the children of an element in line with a list, by key.
export function rows(parent, list, key, make, change) {
	const old = new Map([...parent.children].map((c) => [c.dataset.key, c]));
	list.forEach((item, i) => {
		const k = String(key(item));
		const e = old.get(k) ?? make(item);
		old.delete(k);
		e.dataset.key = k;
		if (parent.children[i] !== e) parent.insertBefore(e, parent.children[i] ?? null);
		change?.(e, item);
	});
	for (const e of old.values()) e.remove();
}
