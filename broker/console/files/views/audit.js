// SPDX-License-Identifier: Apache-2.0
import { ask, button, facts, h, tag } from '../dom.js';
import { when } from '../format.js';
import { t } from '../i18n.js';
import { checkFilter, choiceFilter, head, pagedList, poolNames, textFilter } from '../parts.js';

function details(r) {
	return button(t('desktops.more'), () => { ask({ title: r.what, body: facts([['#', r.id], [t('time'), when(r.at_ms)], [t('audit.who'), r.who], [t('audit.source'), r.source], [t('audit.subject'), r.subject], [t('audit.code'), r.code],
		...Object.entries(r.details).map(([k, v]) => [k, h('span.mono', typeof v === 'object' ? JSON.stringify(v) : String(v))])]) }); });
}

export async function show(body, context) {
	const filters = { user: textFilter(t('audit.who')), pool: choiceFilter(t('pool'), await poolNames()), denied: checkFilter(t('audit.deniedOnly')) };
	const list = pagedList({
		path: '/v1/admin/audit', member: 'audit', key: (r) => r.id, filters, context, kinds: ['denied', 'session', 'pool', 'image', 'exception'], name: 'audit', caption: t('nav.audit'),
		columns: [
			{ label: t('audit.what'), show: (r) => h('div', h('div.main', r.what.replaceAll('_', ' ')), h('span.quiet.small', r.subject)) },
			{ label: t('audit.who'), show: (r) => r.who || h('span.quiet', '–') },
			{ label: t('audit.code'), show: (r) => tag(r.code, r.denied ? 'bad' : 'good') },
			{ label: t('audit.source'), show: (r) => h('span.mono', r.source) },
			{ label: t('time'), show: (r) => when(r.at_ms) },
			{ label: '', show: (r) => h('div.row-actions', details(r)) },
		],
	});
	body.append(head('audit'), list.element);
	await list.load();
}
