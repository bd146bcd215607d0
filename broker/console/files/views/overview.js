// SPDX-License-Identifier: Apache-2.0
import { card, empty, h, meter, problem, skeleton, table, tag } from '../dom.js';
import { get } from '../api.js';
import { bytes, count } from '../format.js';
import { t, tf } from '../i18n.js';
import { head, why } from '../parts.js';

function tile(label, value, note, href) {
	return h(`${href ? 'a' : 'div'}.card.tile`, href ? { href } : {}, h('span.label', label), h('span.value', value), h('span.note', note));
}

function tiles(o, pools) {
	const sum = (name) => pools.reduce((all, p) => all + p.counts[name], 0);
	const desktops = Object.values(o.desktops).reduce((a, b) => a + b, 0);
	const hosts = Object.entries(o.hosts ?? {});
	const all = hosts.reduce((n, [, x]) => n + x.count, 0), active = o.hosts?.active?.count ?? 0;
	const memory = o.hosts?.active?.memory_bytes ?? 0, free = o.hosts?.active?.memory_free_bytes ?? 0;
	return [
		tile(t('overview.sessions'), count(o.sessions), t('overview.now'), '#/sessions'),
		tile(t('overview.ready'), count(o.desktops.ready ?? 0), [tf('overview.of', { count: count(desktops) }), o.desktops.error ? ` · ${tf('overview.failed', { count: count(o.desktops.error) })}` : ''], '#/desktops'),
		tile(t('overview.waiting'), count(sum('waiting')), t(sum('waiting') ? 'overview.waitingSome' : 'overview.waitingNone'), '#/pools'),
		o.hosts && tile(t('overview.hosts'), count(active), all > active ? tf('overview.hostsNote', { count: count(all - active) }) : t('overview.hostsGood'), '#/hosts'),
		o.hosts && tile(t('overview.memory'), memory ? `${Math.round(100 * (memory - free) / memory)} %` : '–', tf('hosts.used', { used: bytes(memory - free), all: bytes(memory) }), '#/hosts'),
		'denied_day' in o && tile(t('overview.denied'), count(o.denied_day), t('overview.deniedNote'), '#/denied'),
	];
}

export function capacity(p) {
	const c = p.counts;
	const label = tf('pools.capacityLabel', { used: c.assigned, spare: c.spare_ready, coming: c.spare_coming, failed: c.failed, max: p.size.max });
	return h('div.meter-cell', meter([[c.assigned, ''], [c.spare_ready, 'b'], [c.spare_coming, 'c'], [c.failed, 'd']], p.size.max, label),
		h('span.small.quiet', { 'aria-hidden': 'true' }, `${c.assigned} + ${c.spare_ready} / ${p.size.max}`));
}

export function legend() {
	return h('div.legend', { 'aria-hidden': 'true' }, h('span.k1', t('pools.inuse')), h('span.k2', t('pools.spare')), h('span.k3', t('pools.coming')), h('span.k5', t('pools.failed')));
}

export async function show(body, context) {
	const numbers = h('div.tiles', Array.from({ length: 6 }, () => h('div.card', skeleton(3))));
	const list = table(t('overview.pools'), [
		{ label: t('pool'), show: (p) => h('div', h('div.main', h('a', { href: `#/pools/${p.pool}` }, p.title)), h('span.quiet.small', p.pool)) },
		{ label: t('pools.capacity'), show: capacity },
		{ label: t('pools.waiting'), num: true, show: (p) => count(p.counts.waiting) },
		{ label: t('pools.image'), show: (p) => p.push ? h('span', `${p.image.name}/${p.push.current} `, p.push.next ? tag(p.push.code) : '') : h('span.quiet', p.image.name) },
		{ label: '', show: (p) => h('div.row-actions', why({ pool: p.pool })) },
	], (p) => p.pool);
	const holder = h('div', skeleton());
	body.append(head('overview'), numbers, card(t('overview.pools'), holder, legend()));

	const load = context.live(['pool', 'desktop', 'session', 'host', 'denied'], async () => {
		try {
			const [o, { pools }] = await Promise.all([get('/v1/admin/overview'), get('/v1/admin/pools')]);
			numbers.replaceChildren(...tiles(o, pools).filter(Boolean));
			list.update(pools);
			if (!pools.length) holder.replaceChildren(empty('pools', t('pools.empty'), t('pools.emptyText')));
			else if (holder.firstChild !== list.element) holder.replaceChildren(list.element);
		} catch (problemFound) {
			if (holder.firstChild !== list.element) holder.replaceChildren(problem(problemFound.message, load));
			else throw problemFound;
		}
	});
	await load();
}
