// SPDX-License-Identifier: Apache-2.0
// What several pages have: their head, their lists page by page, and the answer to "why?".
import { alertToast, ask, button, card, empty, facts, h, problem, skeleton, table, tag } from './dom.js';
import { get, query } from './api.js';
import { bytes, count, when } from './format.js';
import { t, tf } from './i18n.js';

export function head(page, ...tools) {
	return h('div.page-head', h('h1', { tabIndex: -1 }, t(`nav.${page}`)), tools.length ? h('div.tools', tools) : null, h('p.lead', t(`${page}.lead`)));
}

/** A list from the API, a page at a time, kept up to date. `filters` are inputs made by filter(). */
export function pagedList({ path, member, columns, key, filters = {}, context, kinds, name, caption, limit = 100 }) {
	const rows = table(caption, columns, key);
	const foot = h('div.table-foot');
	const holder = h('div', skeleton());
	let wanted = limit;

	async function page(limitNow) {
		const values = Object.fromEntries(Object.entries(filters).map(([k, input]) => [k, input.type === 'checkbox' ? input.checked : input.value.trim()]));
		let found = [], next = '';
		do {
			const answer = await get(query(path, { ...values, limit: Math.min(limitNow - found.length, 500), cursor: next }));
			found = found.concat(answer[member]);
			next = answer.next ?? '';
		} while (next && found.length < limitNow);
		return { found, next };
	}

	async function load() {
		try {
			const { found, next } = await page(wanted);
			if (!found.length) {
				rows.update([]);
				holder.replaceChildren(empty(name, t(`${name}.empty`), t(`${name}.emptyText`)));
				foot.replaceChildren();
				return;
			}
			rows.update(found);
			if (holder.firstChild !== rows.element) holder.replaceChildren(rows.element, foot);
			foot.replaceChildren(h('span', tf('shown', { count: count(found.length) })), next ? button(t('more'), async () => { wanted += limit; await load(); }) : '');
		} catch (why) {
			if (holder.firstChild === rows.element) alertToast(why.message);
			else holder.replaceChildren(problem(why.message, load));
		}
	}
	const run = context.live(kinds, load);
	let timer;
	for (const input of Object.values(filters)) input.addEventListener(input.tagName === 'INPUT' && input.type !== 'checkbox' ? 'input' : 'change', () => {
		clearTimeout(timer);
		timer = setTimeout(() => { wanted = limit; load(); }, 200);
	});
	const bar = Object.keys(filters).length ? h('div.filters', Object.values(filters).map((input) => input.parentElement)) : null;
	return { element: h('section.card', bar, holder), load: run };
}

export function textFilter(label, value = '') {
	const input = h('input', { type: 'search', value, autocomplete: 'off' });
	h('label', label, input);
	return input;
}

export function choiceFilter(label, choices, value = '') {
	const input = h('select', h('option', { value: '' }, t('all')), choices.map((word) => h('option', { value: word }, t(`word.${word}`, word))));
	input.value = value;
	h('label', label, input);
	return input;
}

export function checkFilter(label) {
	const input = h('input', { type: 'checkbox' });
	h('label.check', input, label);
	return input;
}

export async function poolNames() {
	return (await get('/v1/admin/pools')).pools.map((p) => p.pool);
}

// ---- why ----
const code = (word) => [tag(word), ' ', h('code.quiet', word)];

function explainUser(a) {
	return h('div.stack', h('p', tf('explain.who', { name: a.display_name || a.user, count: a.groups.length })), h('p.quiet.small', a.groups.join(', ')),
		h('ul.steps', a.pools.map((p) => h('li', h('div', tag(p.entitled ? p.desktop?.code ?? p.waiting?.code ?? p.code : p.code)),
			h('div', h('strong', p.title), ' ', h('code.quiet', p.pool), h('div.small.quiet', p.entitled ? [tf('explain.through', { principal: p.principal }), ' · ',
				p.desktop ? tf('explain.has', { name: p.desktop.name, host: p.desktop.host }) : p.waiting ? tf('explain.waits', { position: p.waiting.position }) : t('explain.noDesktop'),
				p.desktop?.reason ? ` · ${p.desktop.reason}` : ''] : code(p.code)))))));
}

function explainPool(a) {
	return h('div.stack', h('p', code(a.code)), h('p', tf('explain.wants', { spare: a.spare, max: a.max })),
		facts([[t('pools.inuse'), a.counts.assigned], [t('pools.spare'), a.counts.spare_ready], [t('pools.coming'), a.counts.spare_coming], [t('pools.waiting'), a.counts.waiting], [t('pools.failed'), a.counts.failed],
			[t('images.gate'), a.push ? [tag(a.push.code), ' ', a.push.detail] : null]]),
		a.troubles.length ? h('ul.changes', a.troubles.map((x) => h('li', `${x.host}: ${x.reason} (×${x.failures})`))) : null,
		h('h3', t('explain.hosts')), h('ul.steps', a.hosts.map((x) => h('li', h('div', tag(x.code)), h('div', h('strong', x.host),
			h('div.small.quiet', tf('explain.hostFree', { free: bytes(x.memory_free_bytes), need: bytes(x.memory_needed_bytes) })))))));
}

function explainHost(a) {
	return h('div.stack', h('p', tag(a.state), ' ', code(a.code)),
		a.drained && h('p', tf('explain.drained', { by: a.drained.by, when: when(a.drained.at_ms) }), a.drained.reason ? `: ${a.drained.reason}` : ''),
		a.desktops.length ? h('ul.steps', a.desktops.slice(0, 200).map((d) => h('li', h('div', tag(d.use)), h('div', h('strong', d.name), ' ', d.user || '', h('div.small.quiet', t(`waits.${d.waits_for}`, d.waits_for)))))) : h('p', t('explain.hostEmpty')));
}

export async function explanation({ user, pool, host }) {
	const answer = await get(query('/v1/admin/explain', { user, pool, host }));
	return user ? explainUser(answer) : pool ? explainPool(answer) : explainHost(answer);
}

/** The question that is one click away everywhere. */
export function why(what, label = t('explain')) {
	return button(label, async () => {
		const body = await explanation(what);
		const [kind] = ['user', 'pool', 'host'].filter((name) => what[name]);
		ask({ title: `${t(`explain.${kind}Title`)}: ${what[kind]}`, body });
	}, 'plain');
}

export { card };
