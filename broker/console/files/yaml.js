// SPDX-License-Identifier: Apache-2.0
// A pool as its file: the part of YAML that pool files are written in, and the units people use. What a
// value may be is decided by the broker; here is only what text means.
import { duration } from './format.js';
import { t } from './i18n.js';

export class YamlError extends Error {
	constructor(line, text) { super(t('yaml.line', '').replace('{line}', line).replace('{text}', text)); this.line = line; }
}

function scalar(text, line) {
	const s = text.trim();
	if (s.startsWith('[')) {
		if (!s.endsWith(']')) throw new YamlError(line, t('yaml.list'));
		const inner = s.slice(1, -1).trim();
		return inner ? inner.match(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,]+/g).map((part) => scalar(part, line)) : [];
	}
	if (s === '{}') return {};
	if (/^"(?:[^"\\]|\\.)*"$/.test(s)) return JSON.parse(s);
	if (/^'(?:[^']|'')*'$/.test(s)) return s.slice(1, -1).replaceAll("''", "'");
	if (/^["'{&*!|>%@`]/.test(s)) throw new YamlError(line, t('yaml.unknown'));
	return s;
}

function uncomment(text) {
	let quote = '';
	for (let i = 0; i < text.length; i++) {
		const c = text[i];
		if (quote) { if (c === quote && text[i - 1] !== '\\') quote = ''; }
		else if ((c === '"' || c === "'") && (i === 0 || /[\s:[,]/.test(text[i - 1]))) quote = c;
		else if (c === '#' && (i === 0 || /\s/.test(text[i - 1]))) return text.slice(0, i);
	}
	return text;
}

/** Maps, lists and scalars (all text) of one document. */
export function parseYaml(source) {
	const lines = source.split('\n').map((text, i) => ({ text: uncomment(text).trimEnd(), line: i + 1 }))
		.filter(({ text }) => text.trim() && text.trim() !== '---');
	let at = 0;
	const indent = (text) => text.length - text.trimStart().length;

	function block(depth) {
		const list = lines[at].text.trim().startsWith('- ');
		const out = list ? [] : {};
		while (at < lines.length && indent(lines[at].text) === depth) {
			const { text, line } = lines[at];
			if (text.includes('\t')) throw new YamlError(line, t('yaml.tab'));
			at++;
			if (list) {
				if (!text.trim().startsWith('- ')) throw new YamlError(line, t('yaml.mixed'));
				out.push(scalar(text.trim().slice(2), line));
				continue;
			}
			const found = /^\s*([A-Za-z_][\w-]*):(?:\s+(.*))?$/.exec(text);
			if (!found) throw new YamlError(line, t('yaml.key'));
			const [, key, value] = found;
			if (key in out) throw new YamlError(line, t('yaml.twice'));
			const deeper = at < lines.length && indent(lines[at].text) > depth;
			out[key] = value ? scalar(value, line) : deeper ? block(indent(lines[at].text)) : '';
		}
		if (at < lines.length && indent(lines[at].text) > depth) throw new YamlError(lines[at].line, t('yaml.indent'));
		return out;
	}
	if (!lines.length) throw new YamlError(1, t('yaml.empty'));
	const out = block(indent(lines[0].text));
	if (at < lines.length) throw new YamlError(lines[at].line, t('yaml.indent'));
	return out;
}

const SIZES = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const TIMES = { ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000 };

function unit(text, units, what) {
	const found = /^(\d+)\s*([A-Za-z]+)$/.exec(text);
	if (String(text) === '0') return 0;
	if (!found || !units[found[2]]) throw new Error(`${what}: ${t('yaml.unit')}`);
	return Number(found[1]) * units[found[2]];
}

const whole = (text, what) => {
	if (!/^\d+$/.test(text)) throw new Error(`${what}: ${t('yaml.number')}`);
	return Number(text);
};
const size = (text, what) => unit(text, SIZES, what);
const time = (text, what) => unit(text, TIMES, what);
const percent = (text, what) => whole(String(text).replace(/%$/, ''), what);

/* key of the file: [key of the API, how its text is read, how it is written] */
const SAME = [(v) => v, (v) => v];
const NUMBER = [whole, String];
const SIZE = [size, (v) => { for (const [u, f] of Object.entries(SIZES).reverse()) if (v && v % f === 0) return `${v / f} ${u}`; return `${Math.ceil(v / 1024)} KiB`; }];
const TIME = [time, (v) => v === 0 ? '0' : duration(v)];
const SHAPE = {
	pool: SAME, title: SAME,
	entitled: { groups: SAME, users: SAME },
	image: { name: SAME, channel: SAME, publication: NUMBER },
	assignment: SAME,
	size: { max: NUMBER, spare: NUMBER, start: NUMBER, grow: NUMBER },
	schedule: SAME, max_per_user: NUMBER, on_logoff: SAME,
	disconnect_timeout: [...TIME, 'disconnect_timeout_ms'], idle_timeout: [...TIME, 'idle_timeout_ms'], idle_action: SAME,
	self_service: { restart: SAME, reset: SAME },
	standard_clients: SAME, second_factor: SAME,
	user_disk: { size: [...SIZE, 'size_bytes'] },
	rollout: { canary: [percent, (v) => `${v}%`], window: [...TIME, 'window_ms'], max_failures: NUMBER },
	desktop: { cpus: NUMBER, memory: [...SIZE, 'memory_bytes'], disk: [...SIZE, 'disk_bytes'], overlay: [...SIZE, 'overlay_bytes'] },
	policy: Object.fromEntries(['sound', 'microphone', 'camera', 'clipboard', 'printers', 'smart_cards', 'webauthn', 'video', 'removable_storage'].map((k) => [k, SAME])),
};

function toApi(file, shape, path = '') {
	const out = {};
	for (const [key, value] of Object.entries(file)) {
		const rule = shape[key];
		if (!rule) throw new Error(`${path}${key}: ${t('yaml.nokey')}`);
		if (Array.isArray(rule)) out[rule[2] ?? key] = rule[0](value, path + key);
		else out[key] = toApi(value, rule, `${path}${key}.`);
	}
	return out;
}

export function poolFromYaml(text) {
	return toApi(parseYaml(text), SHAPE);
}

const quote = (v) => /^[\w\p{L}][\w\p{L} .()/*%+=-]*$/u.test(v) && !/\s$/.test(v) ? v : JSON.stringify(v);
const UNSAID = { 'size.start': 0, 'size.grow': 0, max_per_user: 0, 'desktop.disk_bytes': 0, 'desktop.overlay_bytes': 0, 'user_disk.size_bytes': 0,
	idle_timeout_ms: 0, 'idle_action': 'disconnect', 'self_service.restart': 'deny', 'self_service.reset': 'deny', standard_clients: 'deny', second_factor: 'none' };

function write(pool, shape, path, depth) {
	let out = '';
	for (const [key, rule] of Object.entries(shape)) {
		const name = Array.isArray(rule) ? rule[2] ?? key : key;
		const value = pool?.[name];
		if (value === undefined || UNSAID[path + name] === value) continue;
		const start = `${' '.repeat(depth)}${key}:`;
		if (!Array.isArray(rule)) {
			const inner = write(value, rule, `${path}${key}.`, depth + 2);
			if (inner) out += `${start}\n${inner}`;
		} else if (Array.isArray(value)) {
			if (value.length) out += `${start} [${value.map(quote).join(', ')}]\n`;
		} else {
			out += `${start} ${rule === SAME ? quote(value) : rule[1](value)}\n`;
		}
	}
	return out;
}

export const poolToYaml = (pool) => write(pool, SHAPE, '', 0);

/** The definition alone, as the API takes it back. */
export function definition(pool) {
	const { counts, troubles, push, version, ...rest } = pool;
	return rest;
}

/** What this page does not know of a pool stays as it is. */
export function kept(before) {
	return Object.fromEntries(Object.entries(definition(before)).filter(([key]) => !Object.entries(SHAPE).some(([name, rule]) => (Array.isArray(rule) ? rule[2] ?? name : name) === key)));
}

function flat(value, path, out) {
	for (const [key, inner] of Object.entries(value ?? {})) {
		if (inner && typeof inner === 'object' && !Array.isArray(inner)) flat(inner, `${path}${key}.`, out);
		else out[path + key] = Array.isArray(inner) ? inner.join(', ') : inner;
	}
	return out;
}

/** [{what, before, after}]: what is different, in the words and units of the file. */
export function changes(before, after) {
	const a = flat(before, '', {}), b = flat(after, '', {});
	const say = (key, v) => v === undefined || v === '' ? '–' : key.endsWith('_bytes') ? SIZE[1](v) : key.endsWith('_ms') ? TIME[1](v) : String(v);
	return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => b[key] !== undefined && String(a[key] ?? '') !== String(b[key] ?? ''))
		.map((key) => ({ what: t(`field.${key}`, key.replace(/_(ms|bytes)$/, '')), before: say(key, a[key]), after: say(key, b[key]) }));
}
