// SPDX-License-Identifier: Apache-2.0
import { ask, button, h, tag, toast } from '../dom.js';
import { post } from '../api.js';
import { ago, bytes, span, when } from '../format.js';
import { t, tf } from '../i18n.js';
import { checkFilter, choiceFilter, head, pagedList, poolNames, textFilter, why } from '../parts.js';

const REASON = () => ({ name: 'reason', label: `${t('reason')} – ${t('optional')}` });

async function end(s) {
	const values = await ask({ title: tf('sessions.endAsk', { user: s.user }), text: t('sessions.endText'), fields: [REASON()], yes: t('sessions.end'), danger: true });
	if (!values) return;
	await post(`/v1/admin/sessions/${s.id}/disconnect`, values);
	toast(t('sessions.endedNow'));
}

async function logoff(s) {
	const values = await ask({ title: tf('sessions.logoffAsk', { user: s.user }), text: t('sessions.logoffText'), fields: [REASON()], yes: t('sessions.logoff'), danger: true });
	if (!values) return;
	await post(`/v1/admin/sessions/${s.id}/logoff`, values);
	toast(t('done'));
}

async function message(s) {
	const values = await ask({ title: tf('sessions.messageAsk', { user: s.user }), fields: [{ name: 'text', label: t('sessions.text'), kind: 'area', required: true }, { name: 'banner', label: t('sessions.banner'), kind: 'check' }], yes: t('sessions.message') });
	if (!values) return;
	await post(`/v1/admin/sessions/${s.id}/message`, values);
	toast(t('sessions.sent'));
}

export async function show(body, context) {
	const helps = ['admin', 'helpdesk', 'pool-admin'].some((role) => context.roles.has(role));
	const filters = { text: textFilter(t('desktops.search'), context.values.text), pool: choiceFilter(t('pool'), await poolNames()), all: checkFilter(t('sessions.ended')) };
	const list = pagedList({
		path: '/v1/admin/sessions', member: 'sessions', key: (s) => s.id, filters, context, kinds: ['session'], name: 'sessions', caption: t('nav.sessions'),
		columns: [
			{ label: t('user'), show: (s) => h('div', h('div.main', s.user), h('span.quiet.small', s.client_address)) },
			{ label: t('desktop'), show: (s) => h('div', s.desktop_name, h('div.quiet.small', `${s.pool} · ${s.host}`)) },
			{ label: t('state'), show: (s) => tag(s.ended_at_ms ? 'ended' : s.active_at_ms ? 'active' : 'opening') },
			{ label: t('sessions.began'), show: (s) => h('span', { title: when(s.began_at_ms) }, ago(s.began_at_ms)) },
			{ label: t('sessions.idle'), num: true, show: (s) => s.idle_ms === undefined ? h('span.quiet', '–') : span(s.idle_ms) },
			{ label: t('sessions.rtt'), num: true, show: (s) => s.rtt_us ? `${(s.rtt_us / 1000).toFixed(s.rtt_us < 10000 ? 1 : 0)} ms` : h('span.quiet', '–') },
			{ label: t('sessions.traffic'), num: true, show: (s) => s.bytes_from_desktop === undefined ? h('span.quiet', '–') : `↓ ${bytes(s.bytes_from_desktop)}` },
			{ label: '', show: (s) => h('div.row-actions', why({ user: s.user }), helps && !s.ended_at_ms && [button(t('sessions.message'), () => message(s)),
				button(t('sessions.logoff'), () => logoff(s)), button(t('sessions.end'), () => end(s), 'danger')]) },
		],
	});
	body.append(head('sessions'), list.element);
	context.every(10000, list.load);
	await list.load();
}
