// SPDX-License-Identifier: Apache-2.0
import { card, empty, h, table } from '../dom.js';
import { get } from '../api.js';
import { when } from '../format.js';
import { t, tf } from '../i18n.js';
import { head } from '../parts.js';
import { stacked } from '../charts.js';

const LOGIN = ['search', 'bind', 'groups', 'assign'];
const START = { clone: ['turn', 'disk', 'machine', 'memory', 'guest', 'rdp'], boot: ['turn', 'disk', 'machine', 'guest', 'rdp'] };
const COLOURS = { turn: 5, disk: 2, machine: 1, memory: 3, guest: 4, rdp: 6 };
const at = (sorted, part) => sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] : 0;
const ms = (value) => value < 10 ? `${value.toFixed(1)} ms` : value < 2000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;

function tiles(values, what) {
	const sorted = [...values].sort((a, b) => a - b);
	return h('div.tiles.plain', [[t('timings.median'), ms(at(sorted, .5))], [t('timings.p95'), ms(at(sorted, .95))], [what, values.length]]
		.map(([label, value]) => h('div.tile', h('span.label', label), h('span.value', value))));
}

/** Tiles, legend, chart and the same as a table. `series`: [{ label, colour, values }] in milliseconds, `rows`: with at_ms and total_ms. */
function stages(title, counted, described, series, rows, charts) {
	const long = Math.max(...rows.map((r) => r.total_ms)) >= 2000;
	const list = table(title, [{ label: t('time'), show: (i) => when(rows[i].at_ms) }, ...series.map((s) => ({ label: s.label, num: true, show: (i) => ms(s.values[i]) })),
		{ label: t('timings.all'), num: true, show: (i) => ms(rows[i].total_ms) }], (i) => i);
	const chart = h('div.chart', { role: 'img', 'aria-label': described });
	list.update(rows.map((r, i) => i).slice(-20).reverse());
	charts.push(() => stacked(chart, series.map((s) => ({ ...s, values: long ? s.values.map((v) => v / 1000) : s.values })), long ? 's' : 'ms'));
	return [tiles(rows.map((r) => r.total_ms), counted), series.length > 1 && h('div.legend', series.map((s) => h('span', { style: { '--key': `var(--c${s.colour})` } }, s.label))),
		chart, h('details', h('summary', t('timings.table')), list.element)];
}

function logins(rows, charts) {
	if (!rows.length) return empty('timings', t('timings.empty'), t('timings.emptyText'));
	const rest = rows.map((l) => Math.max(0, l.total_ms - LOGIN.reduce((sum, s) => sum + l[`${s}_ms`], 0)));
	const series = [...LOGIN.map((s, i) => ({ label: t(`timings.${s}`), colour: i + 1, values: rows.map((l) => l[`${s}_ms`]) })), { label: t('timings.rest'), colour: 5, values: rest }];
	return stages(t('timings.login'), t('timings.count'), tf('timings.chart', { count: rows.length }), series, rows, charts);
}

/** A fork takes a fraction of what a boot takes: each has a scale of its own. */
function starts(all, charts) {
	if (!all.length) return empty('desktops', t('timings.noStarts'), t('timings.noStartsText'));
	return Object.keys(START).map((way) => [way, all.filter((s) => s.way === way).sort((a, b) => a.at_ms - b.at_ms)]).filter(([, rows]) => rows.length).map(([way, rows]) => {
		const series = START[way].map((s) => ({ label: t(`timings.${s}`), colour: COLOURS[s], values: rows.map((r) => r[`${s}_ms`]) }));
		const title = t(`timings.${way}`);
		return h('section.stack', h('h3', title), stages(title, t('timings.starts'), tf('timings.startChart', { count: rows.length }), series, rows, charts));
	});
}

function sessions(all, charts) {
	const rows = all.filter((s) => s.active_at_ms).reverse().map((s) => ({ at_ms: s.began_at_ms, total_ms: Math.max(0, s.active_at_ms - s.began_at_ms) }));
	if (!rows.length) return empty('sessions', t('sessions.empty'), t('sessions.emptyText'));
	return [h('p.quiet.small', t('timings.sessionNote')), stages(t('timings.session'), t('nav.sessions'), tf('timings.sessionChart', { count: rows.length }),
		[{ label: t('timings.session'), colour: 1, values: rows.map((r) => r.total_ms) }], rows, charts)];
}

export async function show(body, context) {
	const parts = { login: h('div.card-body.stack'), start: h('div.card-body.stack'), session: h('div.card-body.stack') };
	body.append(head('timings'), ...Object.entries(parts).map(([name, part]) => card(t(`timings.${name}`), part)));
	let drawn = [], before = '';
	context.onLeave(() => drawn.forEach((c) => c.destroy()));
	const load = context.live(['session', 'desktop'], async () => {
		const [times, { sessions: list }] = await Promise.all([get('/v1/admin/timings'), get('/v1/admin/sessions?all=1&limit=200')]);
		const now = JSON.stringify([times, list.map((s) => [s.id, s.active_at_ms])]);
		if (now === before) return;
		before = now;
		const charts = [], open = Object.values(parts).map((part) => Boolean(part.querySelector('details[open]')));
		const made = { login: logins(times.logins, charts), start: starts(times.starts, charts), session: sessions(list, charts) };
		drawn.forEach((c) => c.destroy());
		Object.entries(parts).forEach(([name, part], i) => {
			part.replaceChildren(...[made[name]].flat(2).filter(Boolean));
			part.querySelectorAll('details').forEach((d) => { d.open = open[i]; });
		});
		drawn = charts.map((draw) => draw());
	});
	context.every(15000, load);
	await load();
}
