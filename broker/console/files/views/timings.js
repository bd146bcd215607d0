// SPDX-License-Identifier: Apache-2.0
import { card, empty, h, table } from '../dom.js';
import { get } from '../api.js';
import { when } from '../format.js';
import { t, tf } from '../i18n.js';
import { head } from '../parts.js';
import { stacked } from '../charts.js';

const STAGES = ['search', 'bind', 'groups', 'assign'];
const at = (sorted, part) => sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] : 0;
const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

function tiles(values, format, what) {
	const sorted = [...values].sort((a, b) => a - b);
	return h('div.tiles', [[t('timings.median'), format(at(sorted, .5))], [t('timings.p95'), format(at(sorted, .95))], [what, values.length]]
		.map(([label, value]) => h('div.tile', h('span.label', label), h('span.value', value))));
}

export async function show(body, context) {
	const login = h('div.card-body.stack'), session = h('div.card-body.stack');
	body.append(head('timings'), card(t('timings.login'), login), card(t('timings.session'), session));
	let charts = [];
	context.onLeave(() => charts.forEach((c) => c.destroy()));
	const load = context.live(['session', 'desktop'], async () => {
		const [{ logins }, { sessions }] = await Promise.all([get('/v1/admin/timings'), get('/v1/admin/sessions?all=1&limit=200')]);
		charts.forEach((c) => c.destroy());
		charts = [];
		drawLogins(login, logins, charts);
		drawSessions(session, sessions.filter((s) => s.active_at_ms).reverse(), charts);
	});
	context.every(15000, load);
	await load();
}

function drawLogins(holder, logins, charts) {
	if (!logins.length) { holder.replaceChildren(empty('timings', t('timings.empty'), t('timings.emptyText'))); return; }
	const rest = logins.map((l) => Math.max(0, l.total_ms - STAGES.reduce((sum, s) => sum + l[`${s}_ms`], 0)));
	const series = [...STAGES.map((s) => ({ label: t(`timings.${s}`), values: logins.map((l) => l[`${s}_ms`]) })), { label: t('timings.rest'), values: rest }];
	const rows = table(t('timings.login'), [{ label: t('time'), show: (l) => when(l.at_ms) }, ...STAGES.map((s) => ({ label: t(`timings.${s}`), num: true, show: (l) => ms(l[`${s}_ms`]) })), { label: 'Σ', num: true, show: (l) => ms(l.total_ms) }], (l) => `${l.at_ms}/${l.total_ms}`);
	rows.update(logins.slice(-20).reverse());
	const chart = h('div.chart', { role: 'img', 'aria-label': tf('timings.chart', { count: logins.length }) });
	holder.replaceChildren(tiles(logins.map((l) => l.total_ms), ms, t('timings.count')), h('div.legend', series.map((s, i) => h(`span.k${i === 4 ? 6 : i + 1}`, s.label))), chart, h('details', h('summary', t('timings.table')), rows.element));
	charts.push(stacked(chart, series, 'ms'));
}

function drawSessions(holder, sessions, charts) {
	if (!sessions.length) { holder.replaceChildren(empty('sessions', t('sessions.empty'), t('sessions.emptyText'))); return; }
	const seconds = sessions.map((s) => Math.max(0, s.active_at_ms - s.began_at_ms) / 1000);
	const chart = h('div.chart', { role: 'img', 'aria-label': tf('timings.sessionChart', { count: sessions.length }) });
	holder.replaceChildren(h('p.quiet.small', t('timings.sessionNote')), tiles(seconds, (v) => `${v.toFixed(1)} s`, t('nav.sessions')), chart);
	charts.push(stacked(chart, [{ label: t('timings.session'), values: seconds }], 's'));
}
