// SPDX-License-Identifier: Apache-2.0
import { ask, button, card, empty, h, meter, table, tag, toast } from '../dom.js';
import { get, post } from '../api.js';
import { ago, bytes, count } from '../format.js';
import { t, tf } from '../i18n.js';
import { choiceFilter, head, pagedList, textFilter, why } from '../parts.js';

function load(used, all) {
	return h('div.meter-cell', meter([[used, used > all * .9 ? 'd' : used > all * .75 ? 'c' : '']], all, tf('hosts.used', { used: bytes(used), all: bytes(all) })),
		h('span.small.quiet', { 'aria-hidden': 'true' }, tf('hosts.used', { used: bytes(used), all: bytes(all) })));
}

async function addHost() {
	const values = await ask({ title: t('hosts.token'), text: t('hosts.emptyText'), fields: [{ name: 'name', label: t('hosts.tokenName'), required: true }], yes: t('hosts.token') });
	if (!values) return;
	const { token } = await post('/v1/admin/host-tokens', { name: values.name });
	ask({ title: values.name, text: t('hosts.tokenText'), body: h('code.mono', token) });
}

async function act(host, what) {
	const values = await ask({ title: tf(`hosts.${what}Ask`, { name: host.name }), text: t(`hosts.${what}Text`), yes: t(`hosts.${what}`), danger: what === 'remove',
		fields: what === 'undrain' ? [] : [{ name: 'reason', label: `${t('reason')} – ${t('optional')}` }] });
	if (!values) return;
	await post(`/v1/admin/hosts/${host.name}/${what}`, { reason: values.reason ?? '' });
	toast(t('done'));
}

function actions(host, context) {
	const admin = context.roles.has('admin'), drains = host.state === 'draining';
	return h('div.row-actions', why({ host: host.name }), admin && !drains && button(t('hosts.drain'), () => act(host, 'drain')),
		admin && drains && button(t('hosts.undrain'), () => act(host, 'undrain')), admin && drains && host.desktops === 0 && button(t('hosts.remove'), () => act(host, 'remove'), 'danger'));
}

export async function show(body, context) {
	const filters = { text: textFilter(t('name')), state: choiceFilter(t('state'), ['active', 'draining', 'maintenance', 'lost', 'fenced']) };
	const list = pagedList({
		path: '/v1/admin/hosts', member: 'hosts', key: (x) => x.name, filters, context, kinds: ['host'], name: 'hosts', caption: t('nav.hosts'),
		columns: [
			{ label: t('host'), show: (x) => h('div', h('div.main', x.name), h('span.quiet.small', `${x.cpus} × CPU · ${x.accel}`)) },
			{ label: t('state'), show: (x) => tag(x.state) },
			{ label: t('hosts.memory'), show: (x) => load(x.memory_bytes - x.memory_free_bytes, x.memory_bytes) },
			{ label: t('hosts.disk'), show: (x) => x.disk_bytes ? load(x.disk_bytes - x.disk_free_bytes, x.disk_bytes) : h('span.quiet', '–') },
			{ label: t('hosts.desktops'), num: true, show: (x) => h('a', { href: `#/desktops?host=${x.name}` }, count(x.desktops)) },
			{ label: t('hosts.seen'), show: (x) => ago(x.last_seen_ms) },
			{ label: '', show: (x) => actions(x, context) },
		],
	});
	const templates = table(t('hosts.templatesTitle'), [
		{ label: t('host'), show: (x) => h('div.main', x.host) },
		{ label: t('state'), show: (x) => tag(x.state ?? 'none') },
		{ label: t('pools.image'), show: (x) => h('span.mono', String(x.image_sha256 ?? x.sha256 ?? x.id ?? '').slice(0, 12)) },
		{ label: t('hosts.memory'), num: true, show: (x) => bytes(x.bytes ?? x.memory_bytes ?? x.ram_bytes ?? 0) },
	], (x) => `${x.host}/${JSON.stringify(x)}`);
	const holder = h('div');
	body.append(head('hosts', context.roles.has('admin') && button(t('hosts.token'), addHost)), list.element, card(t('hosts.templatesTitle'), holder));
	const loadTemplates = context.live(['host'], async () => {
		const { templates: rows } = await get('/v1/admin/templates');
		templates.update(rows.slice(0, 200));
		if (rows.length) { if (holder.firstChild !== templates.element) holder.replaceChildren(templates.element); }
		else holder.replaceChildren(empty('images', t('hosts.templatesEmpty'), t('hosts.templatesEmptyText')));
	});
	await Promise.all([list.load(), loadTemplates()]);
}
