// SPDX-License-Identifier: Apache-2.0
import { h, tag } from '../dom.js';
import { when } from '../format.js';
import { t } from '../i18n.js';
import { choiceFilter, head, pagedList, poolNames, textFilter, why } from '../parts.js';

export async function show(body, context) {
	const filters = { user: textFilter(t('user')), pool: choiceFilter(t('pool'), await poolNames()) };
	const list = pagedList({
		path: '/v1/admin/audit?denied=1', member: 'audit', key: (r) => r.id, filters, context, kinds: ['denied'], name: 'denied', caption: t('nav.denied'), limit: 50,
		columns: [
			{ label: t('denied.what'), show: (r) => h('div', h('div.main', t(`word.${r.what}`, r.what.replaceAll('_', ' '))), h('span.quiet.small', r.subject)) },
			{ label: t('user'), show: (r) => r.who || h('span.quiet', '–') },
			{ label: t('denied.rule'), show: (r) => tag(r.details.rule || r.code, 'bad') },
			{ label: t('denied.count'), num: true, show: (r) => r.details.count ?? 1 },
			{ label: t('desktop'), show: (r) => r.details.desktop ? h('div', r.details.desktop, h('div.quiet.small', r.details.pool)) : h('span.quiet', '–') },
			{ label: t('denied.source'), show: (r) => h('span.mono', r.source) },
			{ label: t('time'), show: (r) => when(r.at_ms) },
			{ label: '', show: (r) => h('div.row-actions', r.who && r.details.pool && why({ user: r.who })) },
		],
	});
	body.append(head('denied'), list.element);
	await list.load();
}
