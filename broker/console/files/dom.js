// SPDX-License-Identifier: Apache-2.0
// Elements, and the small parts that every page uses. Text always goes in as text, never as markup.
import { t } from './i18n.js';

/** h('p.quiet', {id: 'x', onclick: fn}, 'text', child, [children]) */
export function h(what, ...rest) {
	const [name, ...classes] = what.split('.');
	const element = document.createElement(name || 'div');
	if (classes.length) element.className = classes.join(' ');
	for (const item of rest) put(element, item);
	return element;
}

function put(element, item) {
	if (item === null || item === undefined || item === false) return;
	if (Array.isArray(item)) item.forEach((one) => put(element, one));
	else if (item instanceof Node) element.append(item);
	else if (typeof item === 'object') Object.entries(item).forEach(([key, value]) => set(element, key, value));
	else element.append(String(item));
}

function set(element, key, value) {
	if (value === null || value === undefined || value === false) return;
	if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
	else if (key === 'style') Object.entries(value).forEach(([k, v]) => element.style.setProperty(k, v));
	else if (key in element && !key.startsWith('aria') && key !== 'list') element[key] = value;
	else element.setAttribute(key, value === true ? '' : value);
}

const SHAPES = {
	overview: 'M3 12h7V4H3zM14 9h7V4h-7zM14 20h7v-7h-7zM3 20h7v-4H3z',
	pools: 'M4 7h16v4H4zM4 15h16v4H4zM7 9h.01M7 17h.01',
	desktops: 'M3 4h18v12H3zM9 20h6M12 16v4',
	hosts: 'M5 3h14v18H5zM8 7h8M8 11h8M12 17h.01',
	sessions: 'M16 20v-1.5a4 4 0 0 0-4-4H7a4 4 0 0 0-4 4V20M9.5 10.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M17 11l2 2 3-4',
	denied: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M5.7 5.7l12.6 12.6',
	images: 'M12 3 3 7.5l9 4.5 9-4.5zM3 12l9 4.5 9-4.5M3 16.5 12 21l9-4.5',
	timings: 'M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
	audit: 'M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h7',
	explain: 'M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 18h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
	mine: 'M3 11 12 4l9 7M5 10v10h14V10M10 20v-6h4v6',
	menu: 'M4 7h16M4 12h16M4 17h16', close: 'M6 6l12 12M18 6 6 18',
	theme: 'M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9', language: 'M3 5h10M8 3v2M5 5c0 4 3 7 7 8M11 5c0 4-3 7-8 8M13 21l4-10 4 10M14.5 17.5h5',
	leave: 'M14 4h5v16h-5M4 12h11M11 8l4 4-4 4', refresh: 'M20 5v5h-5M4 19v-5h5M19 10a7.5 7.5 0 0 0-13-3M5 14a7.5 7.5 0 0 0 13 3',
};

export function icon(name) {
	const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
	const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
	const attributes = { viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': '1.8',
		'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' };
	for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
	path.setAttribute('d', SHAPES[name] ?? '');
	svg.append(path);
	return svg;
}

export function button(text, onclick, kind = '') {
	return h('button', { type: 'button', className: kind, onclick: (event) => busy(event.currentTarget, onclick) }, text);
}

/** Runs `work`; the button says so meanwhile and cannot be pressed twice. */
export async function busy(element, work) {
	if (element.getAttribute('aria-busy') === 'true') return;
	const slow = setTimeout(() => element.setAttribute('aria-busy', 'true'), 150);
	try {
		await work();
	} catch (problem) {
		alertToast(problem.message);
	} finally {
		clearTimeout(slow);
		element.removeAttribute('aria-busy');
	}
}

const GOOD = ['ready', 'active', 'connected', 'ok', 'in use', 'entitled_by_group', 'entitled_by_name', 'own_desktop',
	'push_taken', 'push_passed', 'spares_full'];
const WAITING = ['cloning', 'starting', 'stopping', 'migrating', 'draining', 'assigned', 'push_began', 'push_watched',
	'push_not_ready', 'desktop_starting', 'waiting_for_desktop', 'requested', 'spares_coming', 'fetching'];
const BAD = ['error', 'lost', 'fenced', 'failed', 'bad', 'missing', 'no_host', 'no_image', 'hosts_full', 'pool_full',
	'not_entitled', 'desktop_failed', 'denied'];

export function tag(word, kind) {
	const found = kind ?? (GOOD.includes(word) ? 'good' : WAITING.includes(word) ? 'info'
		: BAD.includes(word) || word.startsWith('push_') && word.includes('fail') ? 'bad' : '');
	return h('span.tag', { className: `tag ${found}` }, t(`word.${word}`, word.replaceAll('_', ' ')));
}

export function toast(text) { show('toasts', text, 5000); }
export function alertToast(text) { show('alerts', text, 9000); }

function show(where, text, ms) {
	const note = h('div.toast', text);
	document.getElementById(where).append(note);
	setTimeout(() => note.remove(), ms);
}

export function empty(name, title, text, action) {
	return h('div.empty', icon(name), h('strong', title), h('p', text), action);
}

export function skeleton(lines = 6) {
	return h('div.skeleton', { 'aria-hidden': 'true' }, Array.from({ length: lines }, () => h('i')));
}

export function problem(text, again) {
	return h('div.problem', { role: 'alert' }, h('span', text), again && button(t('again'), again));
}

export function card(title, body, ...tools) {
	return h('section.card', h('div.card-head', h('h2', title), tools.length ? h('div.tools', tools) : null), body);
}

export function facts(pairs) {
	return h('dl.facts', pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
		.map(([name, value]) => [h('dt', name), h('dd', value)]));
}

export function meter(parts, total, label) {
	return h('div.meter', { role: 'img', 'aria-label': label },
		parts.map(([value, kind]) => value > 0 ? h('i', { className: kind, style: { width: `${Math.min(100, 100 * value / Math.max(1, total))}%` } }) : null));
}

/** A table whose rows are kept by key: what has not changed is not touched, so nothing jumps. */
export function table(caption, columns, key) {
	const body = h('tbody', { role: 'rowgroup' });
	const element = h('div.table-wrap', { tabIndex: 0, role: 'region', 'aria-label': caption }, h('table', { role: 'table' }, h('caption.sr', caption),
		h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((c) => h('th', { role: 'columnheader', scope: 'col', className: c.num ? 'num' : '' },
			c.label || h('span.sr', t('actions')))))), body));
	let known = new Map();

	function make(row) {
		return h('tr', { role: 'row' }, columns.map((c, i) => h('td', { role: 'cell', 'data-label': c.label || null,
			className: [c.num && 'num', i === 0 && 'lead-cell', !c.label && 'action-cell'].filter(Boolean).join(' ') }, c.show(row))));
	}

	function update(rows) {
		const next = new Map();
		let at = body.firstChild;
		const first = known.size === 0;
		for (const row of rows) {
			const id = String(key(row));
			const text = JSON.stringify(row);
			const old = known.get(id);
			let tr = old?.tr;
			if (!old || old.text !== text) {
				tr = make(row);
				if (!old && !first) tr.classList.add('fresh');
				if (old) { keepFocus(old.tr, tr); if (at === old.tr) at = tr; old.tr.replaceWith(tr); }
			}
			next.set(id, { tr, text });
			if (tr === at) at = at.nextSibling;
			else body.insertBefore(tr, at);
		}
		for (const [id, { tr }] of known) if (!next.has(id)) tr.remove();
		known = next;
	}
	return { element, update };
}

function keepFocus(before, after) {
	const spot = [...before.querySelectorAll('button, a')].indexOf(document.activeElement);
	if (spot >= 0) requestAnimationFrame(() => after.querySelectorAll('button, a')[spot]?.focus());
}

/** Asks, with fields; resolves to their values, or null when it was called off. */
export function ask({ title, text, fields = [], yes, danger = false, body }) {
	return new Promise((resolve) => {
		const inputs = fields.map((f) => ({ name: f.name, input: f.kind === 'area'
			? h('textarea', { rows: 4, required: f.required, maxLength: 1000 })
			: f.kind === 'check' ? h('input', { type: 'checkbox' }) : f.kind === 'select'
				? h('select', f.choices.map(([value, label]) => h('option', { value }, label)))
				: h('input', { type: f.kind ?? 'text', required: f.required, maxLength: 400, value: f.value ?? '', autocomplete: f.kind === 'password' ? f.name === 'password' ? 'current-password' : 'new-password' : 'off' }), label: f.label, kind: f.kind }));
		const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, h('form', { method: 'dialog', onsubmit: (event) => {
			event.preventDefault();
			const values = Object.fromEntries(inputs.map(({ name, input }) => [name, input.type === 'checkbox' ? input.checked : input.value]));
			dialog.close();
			resolve(values);
		} }, h('h2', { id: 'dialog-title' }, title), text && h('p.quiet', text), body,
		inputs.map(({ label, input, kind }) => kind === 'check' ? h('label.check', input, label) : h('label', label, input)),
		h('div.buttons', h('button', { type: 'button', onclick: () => dialog.close() }, yes ? t('cancel') : t('close')),
			yes && h('button', { type: 'submit', className: danger ? 'danger' : 'primary' }, yes))));
		dialog.addEventListener('close', () => { dialog.remove(); resolve(null); });
		document.body.append(dialog);
		dialog.showModal();
	});
}
