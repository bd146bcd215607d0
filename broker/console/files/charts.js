// SPDX-License-Identifier: Apache-2.0
// Bars, one on top of the other, in the colours of the page.
import uPlot from './vendor/uplot.js';

const FEWEST = 12;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(series, unit, width) {
	const bars = uPlot.paths.bars({ size: [.8, 22] });
	const axis = { stroke: colour('--ink-3'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
	return {
		width, height: 240, legend: { show: false }, cursor: { show: false }, padding: [12, 12, 4, 0],
		scales: { x: { time: false, range: (u, min, max) => [min - .6, max + .6] }, y: { range: (u, min, max) => [0, Math.max(1, max * 1.1)] } },
		axes: [{ ...axis, grid: { show: false }, values: () => [], size: 12 }, { ...axis, size: 62, values: (u, ticks) => ticks.map((v) => `${v} ${unit}`) }],
		/* from the top of the stack down: each covers what is below it */
		series: [{}, ...[...series].reverse().map((s) => ({ label: s.label, fill: colour(`--c${s.colour}`), stroke: colour(`--c${s.colour}`), width: 0, paths: bars, points: { show: false } }))],
	};
}

/** series: [{label, colour, values}] of equal length, from the foot of the stack up; returns { destroy }. */
export function stacked(holder, series, unit) {
	const sums = series[0].values.map(() => 0);
	const layers = series.map((s) => s.values.map((v, i) => (sums[i] += v))).reverse();
	/* a few bars stand at the left, each in a place of its own */
	const places = Array.from({ length: Math.max(FEWEST, sums.length) }, (_, i) => i);
	const data = [places, ...layers.map((l) => places.map((i) => l[i] ?? null))];
	let plot = null;

	function draw() {
		plot?.destroy();
		plot = new uPlot(options(series, unit, Math.max(200, holder.clientWidth)), data, holder);
	}
	const resize = new ResizeObserver(() => plot?.setSize({ width: Math.max(200, holder.clientWidth), height: 240 }));
	const scheme = matchMedia('(prefers-color-scheme: dark)');
	draw();
	resize.observe(holder);
	document.addEventListener('themechange', draw);
	scheme.addEventListener('change', draw);
	return { destroy() { resize.disconnect(); document.removeEventListener('themechange', draw); scheme.removeEventListener('change', draw); plot.destroy(); } };
}
