// SPDX-License-Identifier: Apache-2.0
// Numbers, sizes and times as people read them.
import { language } from './i18n.js';

export function bytes(value) {
	if (!value) return '0';
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
	const step = Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
	const number = value / 2 ** (10 * step);
	return `${number >= 100 || step === 0 ? Math.round(number) : number.toFixed(1).replace(/\.0$/, '')} ${units[step]}`;
}

export const count = (value) => new Intl.NumberFormat(language()).format(value ?? 0);

export function when(ms) {
	if (!ms) return '–';
	const far = Math.abs(Date.now() - ms) > 20 * 3600000;
	return new Intl.DateTimeFormat(language(), far ? { dateStyle: 'medium', timeStyle: 'short' } : { timeStyle: 'medium' }).format(ms);
}

export function ago(ms) {
	if (!ms) return '–';
	const seconds = Math.round((ms - Date.now()) / 1000);
	const format = new Intl.RelativeTimeFormat(language(), { numeric: 'auto', style: 'short' });
	for (const [unit, size] of [['day', 86400], ['hour', 3600], ['minute', 60]])
		if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
	return format.format(seconds > -1 ? 0 : seconds, 'second');
}

export function duration(ms) {
	if (ms >= 86400000 && ms % 86400000 === 0) return `${ms / 86400000}d`;
	if (ms >= 3600000 && ms % 3600000 === 0) return `${ms / 3600000}h`;
	if (ms >= 60000 && ms % 60000 === 0) return `${ms / 60000}m`;
	return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

export function span(ms) {
	const minutes = Math.floor(ms / 60000);
	return minutes < 1 ? `${Math.max(0, Math.round(ms / 1000))} s` : minutes < 60 ? `${minutes} min`
		: `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
