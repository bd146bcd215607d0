// SPDX-License-Identifier: Apache-2.0
// The broker's API, as this page may use it: with its cookie, and the header that no other site's page
// can add. And the stream of hints about what has changed.
import { t } from './i18n.js';

export class Problem extends Error {
	constructor(status, body) {
		super(body.detail ? (body.code ? `${t(`code.${body.code}`, body.detail)}` : body.detail) : t('problem.network'));
		this.status = status;
		this.code = body.code ?? '';
		this.detail = body.detail ?? '';
		this.body = body;
		this.retryAfterMs = body.retry_after_ms ?? 0;
	}
}

let onExpired = () => {};
export function whenExpired(fn) { onExpired = fn; }

export async function call(method, path, body, headers = {}) {
	let answer;
	try {
		answer = await fetch(path, { method, credentials: 'same-origin', cache: 'no-store',
			headers: { 'X-Genkan-Console': '1', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
			body: body === undefined ? undefined : JSON.stringify(body) });
	} catch {
		throw new Problem(0, {});
	}
	const json = (answer.headers.get('Content-Type') ?? '').includes('json');
	const content = answer.status === 204 ? {} : json ? await answer.json() : await answer.blob();
	if (!answer.ok) {
		const found = new Problem(answer.status, json ? content : {});
		if (found.code === 'session_expired') onExpired();
		throw found;
	}
	return { body: content, etag: answer.headers.get('ETag'), status: answer.status, answer };
}

export const get = async (path) => (await call('GET', path)).body;
export const post = async (path, body = {}) => (await call('POST', path, body)).body;

export function query(path, values) {
	const parts = Object.entries(values).filter(([, v]) => v !== '' && v !== null && v !== undefined && v !== false)
		.map(([k, v]) => `${k}=${encodeURIComponent(v === true ? 1 : v)}`);
	return parts.length ? `${path}${path.includes('?') ? '&' : '?'}${parts.join('&')}` : path;
}

/** Hints "kind, id": gathered for a moment, then told to whoever looks. */
export class Events {
	constructor(employee) {
		this.employee = employee;
		this.listeners = new Set();
		this.kinds = new Set();
		this.state = 'off';
	}

	open() {
		this.source = new EventSource(this.employee ? '/v1/events?as=employee' : '/v1/events');
		this.source.addEventListener('hello', () => this.say('on'));
		this.source.addEventListener('change', (event) => this.note(JSON.parse(event.data)));
		this.source.onerror = () => {
			this.say('off');
			if (this.source.readyState === EventSource.CLOSED) this.again = setTimeout(() => this.open(), 5000);
		};
	}

	close() {
		clearTimeout(this.again);
		this.source?.close();
	}

	say(state) {
		this.state = state;
		this.onState?.(state);
	}

	note(hint) {
		this.kinds.add(hint.kind);
		this.timer ??= setTimeout(() => {
			const kinds = this.kinds;
			this.kinds = new Set();
			this.timer = null;
			for (const tell of this.listeners) tell(kinds);
		}, 250);
	}

	/** `fn` is called when one of these kinds changed; returns how to stop. */
	on(kinds, fn) {
		const tell = (changed) => { if (changed.has('all') || kinds.some((kind) => changed.has(kind))) fn(); };
		this.listeners.add(tell);
		return () => this.listeners.delete(tell);
	}
}
