// SPDX-License-Identifier: Apache-2.0
import { ask, button, facts, h, tag, toast } from '../dom.js';
import { post } from '../api.js';
import { ago, bytes, count, when } from '../format.js';
import { t, tf } from '../i18n.js';
import { choiceFilter, head, pagedList, poolNames, textFilter, why } from '../parts.js';

async function act(d, what) {
	const sure = await ask({ title: tf(`desktops.${what}Ask`, { name: d.name }), text: t(`desktops.${what}Text`), yes: t(`desktops.${what}`), danger: what !== 'restart' });
	if (!sure) return;
	await post(`/v1/admin/desktops/${d.id}/${what}`);
	toast(t('done'));
}

function details(d, context) {
	const helps = ['admin', 'helpdesk', 'pool-admin'].some((role) => context.roles.has(role));
	const order = (what) => button(t(`desktops.${what}`), async () => { document.querySelector('dialog[open]')?.close(); await act(d, what); }, what === 'restart' ? '' : 'danger');
	return button(t('desktops.more'), () => { ask({ title: d.name, body: h('div.stack', facts([
		[t('state'), h('span', tag(d.state), ' ', d.state !== 'ready' ? `${d.stage} ${d.percent} %` : '')], [t('reason'), d.reason], [t('user'), d.user], [t('desktops.use'), tag(d.use)], [t('pool'), d.pool], [t('host'), d.host],
		[t('desktops.memory'), bytes(d.pss_bytes)], ['Overlay', d.overlay_max_bytes ? `${bytes(d.overlay_bytes)} / ${bytes(d.overlay_max_bytes)}` : bytes(d.overlay_bytes)],
		['IP', d.address], ['ID', h('span.mono', d.id)], [t('desktops.since'), when(d.created_at_ms)]]),
	h('div.row-actions', d.user && why({ user: d.user }), helps && order('restart'), helps && order('reset'), (context.roles.has('admin') || context.roles.has('pool-admin')) && order('delete'))) }); });
}

export async function show(body, context) {
	const filters = {
		text: textFilter(t('desktops.search'), context.values.text),
		pool: choiceFilter(t('pool'), await poolNames(), context.values.pool),
		state: choiceFilter(t('state'), ['ready', 'cloning', 'starting', 'stopping', 'suspended', 'error'], context.values.state),
	};
	if (context.values.host) filters.host = textFilter(t('host'), context.values.host);
	const list = pagedList({
		path: '/v1/admin/desktops', member: 'desktops', key: (d) => d.id, filters, context, kinds: ['desktop'], name: 'desktops', caption: t('nav.desktops'),
		columns: [
			{ label: t('name'), show: (d) => h('div', h('div.main', d.name), h('span.quiet.small', d.pool)) },
			{ label: t('user'), show: (d) => d.user || h('span.quiet', '–') },
			{ label: t('state'), show: (d) => h('span', tag(d.state), d.state === 'cloning' || d.state === 'starting' ? h('span.quiet.small', ` ${d.percent} %`) : '') },
			{ label: t('desktops.use'), show: (d) => tag(d.use) },
			{ label: t('host'), show: (d) => d.host },
			{ label: t('desktops.memory'), num: true, show: (d) => d.pss_bytes ? bytes(d.pss_bytes) : h('span.quiet', '–') },
			{ label: t('desktops.since'), show: (d) => h('span', { title: when(d.created_at_ms) }, ago(d.created_at_ms)) },
			{ label: '', show: (d) => h('div.row-actions', why(d.user ? { user: d.user } : { pool: d.pool }), details(d, context)) },
		],
	});
	body.append(head('desktops'), list.element);
	await list.load();
}
