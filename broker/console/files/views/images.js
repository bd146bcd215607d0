// SPDX-License-Identifier: Apache-2.0
import { ask, button, card, empty, h, skeleton, table, tag, toast } from '../dom.js';
import { get, post } from '../api.js';
import { bytes, when } from '../format.js';
import { t, tf } from '../i18n.js';
import { head, why } from '../parts.js';

async function move(image, publication, what) {
	const values = await ask({ title: tf(`images.${what}Ask`, { image, publication }), text: t(`images.${what}Text`), fields: [{ name: 'reason', label: `${t('reason')} – ${t('optional')}` }], yes: t(`images.${what}`) });
	if (!values) return;
	const answer = await post(`/v1/admin/images/${image}/${what}`, { publication, reason: values.reason });
	toast(tf('images.moved', { publication: answer.to }));
}

function gate(image) {
	if (!image.pools.length) return h('p.quiet', t('images.nopools'));
	return h('ul.steps', image.pools.map((p) => h('li', h('div', tag(p.code)), h('div', h('strong', p.pool), ' ',
		[tf('images.current', { current: p.current }), p.next ? tf('images.next', { next: p.next }) : '', p.refused ? tf('images.refused', { refused: p.refused }) : ''].filter(Boolean).join(' · '),
		p.next || p.refused ? h('div.small.quiet', tf('images.gateHealth', p.health)) : '', p.detail ? h('div.small.quiet', p.detail) : '', why({ pool: p.pool })))));
}

function publications(image, context) {
	const stable = image.publications.find((p) => p.stable)?.publication ?? 0;
	const rows = table(image.image, [
		{ label: t('images.publication'), show: (p) => h('div.main', `${image.image}/${p.publication}`) },
		{ label: t('images.channels'), show: (p) => h('span', p.stable ? tag('stable', 'good') : '', ' ', p.canary ? tag('canary', 'info') : '') },
		{ label: t('images.published'), show: (p) => when(p.published_at_ms) },
		{ label: t('images.size'), num: true, show: (p) => bytes(p.size_bytes) },
		{ label: t('images.hosts'), show: (p) => h('span', p.hosts.length ? p.hosts.slice(0, 6).map((x) => [h('span.small', x.host, ' '), tag(x.state), x.state === 'fetching' ? ` ${x.percent} %` : '', ' ']) : h('span.quiet', '–')) },
		{ label: '', show: (p) => h('div.row-actions', context.roles.has('admin') && p.publication > stable && button(t('images.promote'), () => move(image.image, p.publication, 'promote'), 'primary'),
			context.roles.has('admin') && p.publication < stable && button(t('images.rollback'), () => move(image.image, p.publication, 'rollback'))) },
	], (p) => p.publication);
	rows.update(image.publications);
	return rows.element;
}

function history(image) {
	return h('details', h('summary', t('images.moves')), h('ul.changes', image.moves.map((m) => h('li', `${when(m.at_ms)} · ${m.kind} · ${m.channel} ${m.from} → ${m.to} · ${m.who}${m.reason ? ` · ${m.reason}` : ''}`))));
}

export async function show(body, context) {
	const list = h('div.stack', h('section.card', skeleton()));
	let before = '';
	body.append(head('images'), list);
	const load = context.live(['image', 'pool', 'host'], async () => {
		const names = [...new Set((await get('/v1/admin/images')).images.map((i) => i.name))];
		const images = await Promise.all(names.map((name) => get(`/v1/admin/images/${name}`)));
		const now = JSON.stringify(images);
		if (now === before) return;
		before = now;
		const spot = [...list.querySelectorAll('button')].indexOf(document.activeElement);
		list.replaceChildren(...(images.length ? images.map((image) => card(image.image, h('div', publications(image, context),
			h('div.card-body.stack', { style: { 'padding-top': 'var(--s4)' } }, h('h3', t('images.gate')), gate(image), history(image))))) : [h('section.card', empty('images', t('images.empty'), t('images.emptyText')))]));
		if (spot >= 0) list.querySelectorAll('button')[spot]?.focus();
	});
	await load();
}
