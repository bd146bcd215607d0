// SPDX-License-Identifier: Apache-2.0
import { button, card, empty, h, problem, skeleton, table, tag, toast } from '../dom.js';
import { call, get } from '../api.js';
import { count } from '../format.js';
import { t, tf } from '../i18n.js';
import { head, why } from '../parts.js';
import { changes, definition, kept, poolFromYaml, poolToYaml } from '../yaml.js';
import { capacity, legend } from './overview.js';

const NEW = `pool: sales
title: Sales
entitled:
  groups: [sales]
image:
  name: debian-desktop
assignment: floating
size:
  max: 20
  spare: 2
desktop:
  cpus: 2
  memory: 2 GiB
policy:
  sound: allow
`;

export async function show(body, context) {
	const [name] = context.path;
	if (name) await edit(body, context, name === '+' ? '' : name);
	else await list(body, context);
}

const mayChange = (context) => context.roles.has('admin') || context.roles.has('pool-admin');

async function list(body, context) {
	const rows = table(t('nav.pools'), [
		{ label: t('pool'), show: (p) => h('div', h('div.main', h('a', { href: `#/pools/${p.pool}` }, p.title)), h('span.quiet.small', `${p.pool} · `, t(`word.${p.assignment}`))) },
		{ label: t('pools.capacity'), show: capacity },
		{ label: t('pools.inuse'), num: true, show: (p) => count(p.counts.assigned) },
		{ label: t('pools.spare'), num: true, show: (p) => count(p.counts.spare_ready) },
		{ label: t('pools.waiting'), num: true, show: (p) => p.counts.waiting ? tag(String(p.counts.waiting), 'warn') : '0' },
		{ label: t('pools.image'), show: (p) => p.push ? h('span', `${p.image.name}/${p.push.current} `, p.push.next || p.push.refused ? tag(p.push.code) : '') : h('span.quiet', p.image.name) },
		{ label: '', show: (p) => h('div.row-actions', why({ pool: p.pool }), h('a.button', { href: `#/desktops?pool=${p.pool}` }, t('pools.desktops')),
			mayChange(context) && h('a.button', { href: `#/pools/${p.pool}` }, t('pools.edit'))) },
	], (p) => p.pool);
	const holder = h('div', skeleton());
	body.append(head('pools', mayChange(context) && h('a.button', { href: '#/pools/+' }, t('pools.new'))), card(t('nav.pools'), holder, legend()));
	const load = context.live(['pool', 'desktop'], async () => {
		try {
			const { pools } = await get('/v1/admin/pools');
			rows.update(pools);
			if (!pools.length) holder.replaceChildren(empty('pools', t('pools.empty'), t('pools.emptyText')));
			else if (holder.firstChild !== rows.element) holder.replaceChildren(rows.element);
		} catch (found) {
			holder.replaceChildren(problem(found.message, load));
		}
	});
	await load();
}

async function edit(body, context, name) {
	const { pools } = await get('/v1/admin/pools');
	const before = pools.find((p) => p.pool === name);
	const text = h('textarea.code', { id: 'pool-file', rows: 26, spellcheck: false, value: before ? poolToYaml(definition(before)) : NEW, readOnly: !mayChange(context) });
	const result = h('div', { 'aria-live': 'polite' }, h('p.quiet', t('edit.wait')));
	const reason = h('input', { maxLength: 300, autocomplete: 'off' });
	let ready = null;
	const seen = (pool) => pools.find((p) => p.pool === pool.pool)?.version ?? 'new';
	const put = (pool, dry) => call('PUT', `/v1/admin/pools/${pool.pool}`, { pool, seen: seen(pool), dry_run: dry, reason: reason.value });
	const apply = button(t('edit.apply'), async () => {
		await put(ready, false);
		toast(t('edit.applied'));
		location.hash = '#/pools';
	}, 'primary');

	const forget = () => { ready = null; apply.disabled = true; };
	async function check() {
		forget();
		try {
			const read = poolFromYaml(text.value);
			const there = pools.find((p) => p.pool === read.pool);
			const pool = { ...(there ? kept(there) : {}), ...read };
			const { body: answer } = await put(pool, true);
			const change = answer.changes.find((c) => c.pool === pool.pool)?.action ?? 'none';
			const different = changes(there ? definition(there) : {}, pool);
			if (change === 'none') { result.replaceChildren(h('p.quiet', t('edit.none'))); return; }
			result.replaceChildren(change === 'create' ? h('p.hint', tf('edit.created', { pool: pool.pool })) : '',
				h('ul.changes', different.map((c) => h('li', h('strong', c.what), ': ', h('span.sr', t('edit.from')), h('del', c.before), ' → ', h('span.sr', t('edit.to')), h('ins', c.after)))));
			ready = pool;
			apply.disabled = false;
		} catch (found) {
			result.replaceChildren(problem(found.message));
		}
	}
	forget();
	text.addEventListener('input', forget);
	body.append(h('div.page-head', h('h1', { tabIndex: -1 }, name ? tf('edit.title', { pool: name }) : t('edit.new')), h('div.tools', name && why({ pool: name }), h('a.button', { href: '#/pools' }, t('cancel'))), h('p.lead', t('edit.lead'))),
		h('div.columns', h('section.card', h('div.card-body', h('label', { htmlFor: 'pool-file' }, t('edit.file')), text)),
			card(t('edit.changes'), h('div.card-body.stack', result, mayChange(context) && [h('label', `${t('reason')} – ${t('optional')}`, reason), h('div.row-actions', button(t('edit.check'), check), apply)]))));
}
