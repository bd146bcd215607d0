// SPDX-License-Identifier: Apache-2.0
// Begins: who is here, the frame around the pages, and which page is shown.
import { alertToast, ask, busy, h, icon } from './dom.js';
import { Events, Problem, call, get, whenExpired } from './api.js';
import { choose, language, t } from './i18n.js';

const PAGES = {
	overview: { roles: 'staff', group: 'nav.site' }, pools: { roles: 'staff', group: 'nav.site' }, desktops: { roles: 'staff', group: 'nav.site' },
	sessions: { roles: 'staff', group: 'nav.site' }, hosts: { roles: 'admin auditor helpdesk', group: 'nav.site' }, images: { roles: 'staff', group: 'nav.site' },
	timings: { roles: 'staff', group: 'nav.site' }, explain: { roles: 'staff', group: 'nav.site' },
	denied: { roles: 'admin auditor', group: 'nav.security' }, audit: { roles: 'admin auditor', group: 'nav.security' },
	mine: { roles: 'employee', group: 'nav.me' },
};

const app = document.getElementById('app');
let me = null, events = null, ownEvents = null, leavePage = () => {}, main = null;

const roles = () => new Set([...(me?.roles ? me.roles.split(' ').concat('staff') : []), ...(me?.employee ? ['employee'] : [])]);
const may = (page) => PAGES[page]?.roles.split(' ').some((role) => roles().has(role));

// ---- light and dark ----
const THEME = 'genkan.theme';
function applyTheme() {
	const chosen = localStorage.getItem(THEME);
	if (chosen) document.documentElement.dataset.theme = chosen;
	else delete document.documentElement.dataset.theme;
	document.dispatchEvent(new Event('themechange'));
}
function nextTheme() {
	const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
	localStorage.setItem(THEME, dark ? 'light' : 'dark');
	applyTheme();
}
applyTheme();

function languageButton() {
	return h('button', { type: 'button', lang: language() === 'ja' ? 'en' : 'ja', onclick: () => { choose(language() === 'ja' ? 'en' : 'ja'); begin(); } }, icon('language'), t('language'));
}
const themeButton = () => h('button.icon', { type: 'button', 'aria-label': t('theme'), title: t('theme'), onclick: nextTheme }, icon('theme'));

// ---- login ----
function showLogin(text = '') {
	leavePage();
	leavePage = () => {};
	events?.close();
	ownEvents?.close();
	const wrong = h('p.field-error', { id: 'login-error', role: 'alert' }, text);
	const user = h('input', { name: 'user', autocomplete: 'username', required: true, autocapitalize: 'none', spellcheck: false });
	const password = h('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
	const code = h('input', { name: 'code', autocomplete: 'one-time-code', inputMode: 'numeric' });
	const codeLabel = h('label', { hidden: true }, t('login.code'), code);
	const enrolment = h('div.stack', { hidden: true });
	let challenge = '';
	function askPassword() {
		challenge = '';
		codeLabel.hidden = enrolment.hidden = true;
		first.forEach((label) => { label.hidden = false; });
	}
	/* The password was right; now a code, and at the very first time what an app needs to make them. */
	function askCode(told) {
		challenge = told.challenge;
		first.forEach((label) => { label.hidden = true; });
		codeLabel.hidden = false;
		enrolment.hidden = !told.secret;
		if (told.secret) enrolment.replaceChildren(h('p', t('login.enrol')), told.qr_svg ? h('img.qr', { alt: t('login.qr'), src: `data:image/svg+xml,${encodeURIComponent(told.qr_svg)}` }) : '',
			h('p.small.quiet', t('login.byHand')), h('code.mono', told.secret));
		code.focus();
	}
	const go = h('button.primary', { type: 'submit' }, t('login.do'));
	const first = [h('label', t('login.user'), user), h('label', t('login.password'), password)];
	const form = h('form', { 'aria-labelledby': 'login-title', onsubmit: (event) => {
		event.preventDefault();
		busy(go, async () => {
			wrong.textContent = '';
			try {
				const client = { name: 'console', version: '1' };
				const answer = challenge ? await call('POST', '/v1/console/session/second-factor', { challenge, code: code.value.trim(), client })
					: await call('POST', '/v1/console/session', { user: user.value.trim(), password: password.value, client });
				me = answer.body;
				password.value = code.value = '';
				start();
				if (me.recovery_codes) showRecovery(me.recovery_codes);
			} catch (problem) {
				if (problem.body?.challenge) { askCode(problem.body); return; }
				if (problem.code === 'challenge_over') askPassword();
				password.value = code.value = '';
				wrong.textContent = problem.message;
				(challenge ? code : password).focus();
			}
		});
	} }, h('div.brand', h('img', { src: 'icon.svg', alt: '' }), h('h1', { id: 'login-title' }, 'Genkan')), h('p.quiet.small', t('login.hint')),
	first, enrolment, codeLabel, wrong, go);
	app.replaceChildren(h('main.login', { id: 'main', tabIndex: -1 }, h('div', h('div.card', form), h('div.tools', languageButton(), themeButton()))));
	document.title = `${t('login.title')} – Genkan`;
	user.focus();
}

function showRecovery(codes) {
	ask({ title: t('login.recovery'), text: t('login.recoveryText'), body: h('pre.mono', codes.join('\n')) });
}

async function leave() {
	try { await call('DELETE', '/v1/console/session'); } catch { /* it has ended already */ }
	me = null;
	localStorage.removeItem('genkan.here');
	showLogin();
}

// ---- the frame ----
function navigation() {
	const groups = Map.groupBy ? Map.groupBy(Object.keys(PAGES).filter(may), (page) => PAGES[page].group)
		: Object.keys(PAGES).filter(may).reduce((map, page) => map.set(PAGES[page].group, [...(map.get(PAGES[page].group) ?? []), page]), new Map());
	return h('nav', { 'aria-label': t('nav.main') }, [...groups].map(([group, pages]) => [groups.size > 1 && h('h2', t(group)),
		h('ul', pages.map((page) => h('li', h('a', { href: `#/${page}`, 'data-page': page }, icon(page), t(`nav.${page}`)))))]));
}

function frame() {
	const live = () => h('span.live', { 'data-state': 'off' }, t('reconnecting'));
	const side = h('div.side', { id: 'side' },
		h('a.brand', { href: '#/' }, h('img', { src: 'icon.svg', alt: '' }), 'Genkan'),
		h('button.icon.only-small', { type: 'button', 'aria-label': t('close'), onclick: () => { delete side.dataset.open; }, style: { position: 'absolute', right: '1rem', top: '1rem' } }, icon('close')),
		navigation(),
		h('div.side-foot', live(), h('div.who', h('strong', me.display_name || me.user), h('span.quiet.small', [me.user, me.roles].filter(Boolean).join(' · '))),
			h('div.side-tools', languageButton(), themeButton()),
			h('button', { type: 'button', onclick: leave }, icon('leave'), t('logout'))));
	const menu = h('button.icon', { type: 'button', 'aria-label': t('menu'), 'aria-controls': 'side', onclick: () => { side.dataset.open = 'true'; side.querySelector('a').focus(); } }, icon('menu'));
	main = h('main', { id: 'main', tabIndex: -1 });
	side.addEventListener('click', (event) => { if (event.target.closest('a')) delete side.dataset.open; });
	side.addEventListener('keydown', (event) => { if (event.key === 'Escape' && side.dataset.open) { delete side.dataset.open; menu.focus(); } });
	document.getElementById('skip').textContent = t('skip');
	app.replaceChildren(h('header.topbar', menu, h('strong', 'Genkan'), live()), h('div.frame', side, main));
}

function sayLive(state) {
	for (const element of document.querySelectorAll('.live')) {
		element.dataset.state = state;
		element.textContent = t(state === 'on' ? 'live' : 'reconnecting');
	}
}

// ---- pages ----
async function route() {
	const [, name, ...rest] = location.hash.split('?')[0].split('/').map(decodeURIComponent);
	const page = may(name) ? name : Object.keys(PAGES).find(may);
	const values = Object.fromEntries(new URLSearchParams(location.hash.split('?')[1] ?? ''));

	leavePage();
	const stops = [];
	let gone = false;
	leavePage = () => { gone = true; stops.forEach((stop) => stop()); };
	for (const link of document.querySelectorAll('nav a')) {
		if (link.dataset.page === page) link.setAttribute('aria-current', 'page');
		else link.removeAttribute('aria-current');
	}
	document.title = `${t(`nav.${page}`)} – Genkan`;
	const context = {
		me, roles: roles(), path: rest, values,
		/** `load` runs now, when one of these kinds changes, and when the line was cut. */
		live(kinds, load) {
			let running = false, again = false;
			const run = async () => {
				if (running) { again = true; return; }
				running = true;
				try { if (!gone) await load(); } catch (problem) { if (!gone) alertToast(problem.message); }
				running = false;
				if (again) { again = false; setTimeout(run, 300); }
			};
			stops.push((PAGES[page].roles === 'employee' ? ownEvents : events)?.on(kinds, run) ?? (() => {}));
			return run;
		},
		every(ms, fn) { const timer = setInterval(fn, ms); stops.push(() => clearInterval(timer)); },
		onLeave(fn) { stops.push(fn); },
	};
	const { show } = await import(`./views/${page}.js`);
	if (gone) return;
	const body = h('div.stack');
	main.replaceChildren(body);
	await show(body, context);
	if (!gone && route.moved) main.querySelector('h1')?.focus();
	route.moved = true;
	scrollTo(0, 0);
}

function start() {
	localStorage.setItem('genkan.here', '1');
	frame();
	if (me.roles) { events = new Events(false); events.onState = sayLive; events.open(); }
	if (me.employee) { ownEvents = new Events(true); if (!me.roles) ownEvents.onState = sayLive; ownEvents.open(); }
	route();
}

async function begin() {
	events?.close();
	ownEvents?.close();
	if (!localStorage.getItem('genkan.here')) { showLogin(); return; }
	try {
		me = await get('/v1/console/session');
		start();
	} catch (problem) {
		showLogin(problem instanceof Problem && problem.code !== 'session_expired' ? problem.message : '');
	}
}

whenExpired(() => { if (me) { me = null; localStorage.removeItem('genkan.here'); showLogin(t('login.over')); } });
addEventListener('hashchange', () => { if (me) route(); });
begin();
