// SPDX-License-Identifier: Apache-2.0
// Drives the web console in a real Chromium, as people would. What happens outside the browser is asked
// of the test that started this: a line of JSON out, a line of JSON back.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
/** Has the test do something, and gives back what it says. */
const outside = async (what, more = {}) => { say({ do: what, ...more }); return read(); };

const config = await read();
mkdirSync(config.profile, { recursive: true });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, env: { ...process.env, HOME: config.profile, XDG_CONFIG_HOME: config.profile },
	args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'] });
const took = {};
const faults = [];

async function open({ dark = false, phone = false, locale = 'en-GB' } = {}) {
	const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: config.url, locale, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce',
		viewport: phone ? { width: 390, height: 844 } : { width: 1360, height: 860 }, deviceScaleFactor: 1 });
	const page = await context.newPage();
	page.setDefaultTimeout(config.patience_ms ?? 30000);
	page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
	page.on('console', (message) => { if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) faults.push(`console: ${message.text()}`); });
	page.on('request', (request) => { if (!request.url().startsWith(config.url) && !/^(data|blob):/.test(request.url())) faults.push(`elsewhere: ${request.url()}`); });
	return page;
}

async function login(page, user, password) {
	await page.goto('/');
	await page.locator('input[name=user]').fill(user);
	await page.locator('input[name=password]').fill(password);
	await page.keyboard.press('Enter');
	await page.locator('main h1').first().waitFor();
	await page.locator('.frame').waitFor();
}

async function go(page, name) {
	await page.evaluate((where) => { location.hash = where; }, `#/${name}`);
	await page.locator(`nav a[data-page="${name.split(/[/?]/)[0]}"][aria-current=page]`).waitFor({ state: 'attached' });
	await page.waitForFunction(() => !document.querySelector('.skeleton'));
}

/** No fault that axe calls serious or critical. */
async function accessible(page, where) {
	await page.evaluate(axe);
	const found = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ['violations'] })).violations
		.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`));
	faults.push(...found.map((text) => `${where}: ${text}`));
}

/** Of the page's head, or of what stands at `where`. */
async function shot(page, name, where) {
	if (!config.pictures) return;
	await page.evaluate(() => { document.getElementById('toasts').replaceChildren(); scrollTo(0, 0); });
	if (where) await where.evaluate((e) => scrollBy(0, e.getBoundingClientRect().top - 24));
	await page.waitForTimeout(150);
	await page.screenshot({ path: `${config.pictures}/console-${name}.png` });
}

const row = (page, text) => page.locator('tbody tr', { hasText: text }).first();
const dialog = (page) => page.locator('dialog[open]');

async function time(name, work) {
	const began = performance.now();
	const answer = await work();
	took[name] = Math.round(performance.now() - began);
	return answer;
}

const stories = {
	async admin() {
		const page = await open();
		await page.goto('/');
		await page.locator('input[name=user]').waitFor();
		await accessible(page, 'login');
		await shot(page, 'login');
		await page.locator('input[name=user]').fill(config.admin.user);
		await page.locator('input[name=password]').fill('wrong');
		await page.keyboard.press('Enter');
		await page.getByText('Name or password is wrong.').waitFor();
		await time('login_to_first_view', async () => { await page.locator('input[name=password]').fill(config.admin.password); await page.keyboard.press('Enter'); await page.locator('.tile .value').first().waitFor(); });
		await page.locator('.live[data-state=on]').first().waitFor({ state: 'attached' });
		const cookies = await page.context().cookies();
		if (!cookies.length || cookies.some((c) => !c.httpOnly || !c.secure || c.sameSite !== 'Strict')) faults.push(`cookies: ${JSON.stringify(cookies.map((c) => c.name))}`);
		if (await page.evaluate(() => document.cookie)) faults.push('a script can read the cookie');

		// a pool is changed, and what that does is seen coming
		await go(page, 'pools/sales');
		const file = page.locator('#pool-file');
		await file.fill((await file.inputValue()).replace(/spare: \d+/, 'spare: 1'));
		await page.getByRole('button', { name: 'Show differences' }).click();
		await page.getByText('Spare desktops').waitFor();
		await accessible(page, 'edit');
		await shot(page, 'pool-edit');
		await go(page, 'desktops');
		const before = await page.locator('tbody tr').count();
		await go(page, 'pools/sales');
		await page.locator('#pool-file').fill((await page.locator('#pool-file').inputValue()).replace(/spare: \d+/, `spare: ${config.spares}`));
		await page.getByRole('button', { name: 'Show differences' }).click();
		await page.getByRole('button', { name: 'Apply' }).click();
		await page.getByText('Applied.').waitFor();
		await go(page, 'desktops');
		await page.waitForFunction((n) => document.querySelectorAll('tbody tr').length > n, before);
		await page.locator('input[type=search]').first().fill('sales');
		await row(page, 'sales').waitFor();

		// the other pages, as they come
		for (const name of ['overview', 'pools', 'desktops', 'hosts', 'sessions', 'images', 'timings', 'denied', 'audit', 'explain']) {
			await go(page, name);
			await page.waitForTimeout(200);
			await accessible(page, name);
		}
		await page.locator('select').first().selectOption('sales');
		await page.getByRole('button', { name: 'Explain' }).last().click();
		await page.getByText(/spares, may have/).waitFor();
		await stories.session(page);
		await stories.rollout(page);
		await stories.host(page);
		await stories.pictures(page);
		// the keyboard alone is enough
		await page.evaluate(() => { location.hash = '#/overview'; });
		await page.locator('.tile').first().waitFor();
		await page.keyboard.press('Tab');
		for (let i = 0; i < 60 && !(await page.evaluate(() => document.activeElement.dataset.page === 'hosts')); i++) await page.keyboard.press('Tab');
		await page.keyboard.press('Enter');
		await page.locator('h1', { hasText: 'Hosts' }).waitFor();
		await page.waitForFunction(() => document.activeElement.tagName === 'H1', null, { timeout: 5000 })
			.catch(() => faults.push('the heading of a new page does not get the focus'));
		await page.getByRole('button', { name: 'Log out' }).click();
		await page.locator('input[name=user]').waitFor();
		if ((await page.context().cookies()).length) faults.push('cookies are left after the log-out');
		await page.context().close();
	},

	async session(page) {
		const { user } = await outside('session');
		await go(page, 'sessions');
		await row(page, user).waitFor();
		await row(page, user).getByRole('button', { name: 'Message' }).click();
		await dialog(page).locator('textarea').fill('The site closes at six.');
		await accessible(page, 'dialog');
		await dialog(page).getByRole('button', { name: 'Message' }).click();
		await page.getByText('The message is on its way.').waitFor();
		await shot(page, 'sessions');

		// a stick is refused, and the page knows at once
		await go(page, 'denied');
		await page.locator('.live[data-state=on]').first().waitFor({ state: 'attached' });
		const { at } = await outside('drive');
		await row(page, config.drive).waitFor();
		took.denied_seen = Date.now() - at;
		if (took.denied_seen > 2000) faults.push(`the denied drive was seen after ${took.denied_seen} ms`);
		await accessible(page, 'denied');
		await shot(page, 'denied');

		await go(page, 'sessions');
		await row(page, user).getByRole('button', { name: 'End' }).click();
		await dialog(page).getByRole('button', { name: 'End' }).click();
		await page.getByText('The session ends.').waitFor();
		await page.locator('tbody tr', { hasText: user }).waitFor({ state: 'detached' });
		const { ended } = await outside('session_ended');
		if (!ended) faults.push('the session goes on');
	},

	async rollout(page) {
		const { image, publication } = await outside('canary');
		await go(page, 'images');
		await row(page, `${image}/${publication}`).getByRole('button', { name: 'Promote' }).click();
		await dialog(page).locator('input').fill('tested by the helpdesk');
		await dialog(page).getByRole('button', { name: 'Promote' }).click();
		await page.getByText(`points to publication ${publication}`).waitFor();
		await row(page, `${image}/${publication}`).locator('.tag', { hasText: 'stable' }).waitFor();
		await shot(page, 'images');
		await row(page, `${image}/${publication - 1}`).getByRole('button', { name: 'Roll back' }).click();
		await dialog(page).getByRole('button', { name: 'Roll back' }).click();
		await row(page, `${image}/${publication - 1}`).locator('.tag', { hasText: 'stable' }).waitFor();
		await accessible(page, 'images');
	},

	/* a host is emptied, its reason is asked for, and it is used again */
	async host(page) {
		await go(page, 'hosts');
		await row(page, config.host).getByRole('button', { name: 'Drain' }).click();
		await dialog(page).locator('input').fill('new memory');
		await dialog(page).getByRole('button', { name: 'Drain' }).click();
		await row(page, config.host).locator('.tag', { hasText: 'draining' }).waitFor();
		await row(page, config.host).getByRole('button', { name: 'Explain' }).click();
		await dialog(page).getByText('new memory').waitFor();
		await accessible(page, 'explain host');
		await page.keyboard.press('Escape');
		await row(page, config.host).getByRole('button', { name: 'Use again' }).click();
		await dialog(page).getByRole('button', { name: 'Use again' }).click();
		await row(page, config.host).locator('.tag', { hasText: 'active' }).waitFor();
	},

	async pictures(page) {
		for (const name of ['overview', 'pools', 'desktops', 'hosts', 'timings', 'audit']) {
			await go(page, name);
			await page.waitForTimeout(200);
			await shot(page, name);
		}
		for (const [name, options, where, language] of [['dark', { dark: true }, 'overview'], ['phone', { phone: true }, 'pools'], ['phone-dark', { phone: true, dark: true }, 'desktops'], ['japanese', { locale: 'ja-JP' }, 'overview'], ['dark-timings', { dark: true }, 'timings']]) {
			const other = await open(options);
			await login(other, config.admin.user, config.admin.password);
			await go(other, where);
			await other.waitForTimeout(250);
			await accessible(other, name);
			const wide = await other.evaluate(() => document.documentElement.scrollWidth - innerWidth);
			if (wide > 0) faults.push(`${name}: the page is ${wide} px wider than the screen`);
			await shot(other, name);
			await other.context().close();
		}
	},

	async employee() {
		const page = await open({ phone: true });
		await login(page, config.employee.user, config.employee.password);
		await page.locator('.desk-card h2').first().waitFor();
		if (await page.locator('nav a').count() !== 1) faults.push('an employee sees pages of the staff');
		await accessible(page, 'mine');
		await shot(page, 'mine-phone');
		await page.getByRole('button', { name: 'Restart' }).click();
		await dialog(page).getByRole('button', { name: 'Restart' }).click();
		await page.getByText('Done.').waitFor();
		const { restarted } = await outside('restarted');
		if (!restarted) faults.push('the desktop was not restarted');
		if (config.rdp) {
			const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download .rdp' }).click()]);
			const text = readFileSync(await download.path(), 'utf8');
			if (!text.includes('full address:s:') || !text.includes('signature:s:')) faults.push(`the .rdp file is not a signed one: ${JSON.stringify(text.slice(0, 200))}`);
		}
		await page.getByRole('button', { name: 'Change password' }).click();
		await accessible(page, 'password');
		await dialog(page).locator('input').nth(0).fill('not it');
		await dialog(page).locator('input').nth(1).fill('Fresh-Pw-77');
		await dialog(page).locator('input').nth(2).fill('Fresh-Pw-77');
		await dialog(page).getByRole('button', { name: 'Change password' }).click();
		await page.locator('#alerts .toast').first().waitFor();
		await page.context().close();
		const wide = await open();
		await login(wide, config.employee.user, config.employee.password);
		await wide.locator('.desk-card h2').first().waitFor();
		await shot(wide, 'mine');
		await wide.context().close();
	},

	/* a desktop that really boots, and a session that a real client has; no page is loaded anew */
	async desktop() {
		const page = await open();
		await login(page, config.admin.user, config.admin.password);
		await page.evaluate(() => { globalThis.same = true; });

		await go(page, 'pools/sales');
		const file = page.locator('#pool-file');
		await file.fill((await file.inputValue()).replace(/spare: \d+/, 'spare: 1').replace(/max: \d+/, 'max: 1'));
		await page.getByRole('button', { name: 'Show differences' }).click();
		await page.getByRole('button', { name: 'Apply' }).click();
		await page.getByText('Applied.').waitFor();
		await go(page, 'desktops');
		await page.locator('.live[data-state=on]').first().waitFor({ state: 'attached' });
		await time('desktop_appears', () => row(page, 'sales').waitFor());
		await row(page, 'sales').locator('.tag', { hasText: /starting|cloning/ }).first().waitFor();
		await shot(page, 'desktop-boots');
		await time('desktop_ready', () => row(page, 'sales').locator('.tag', { hasText: 'ready' }).waitFor());

		// whose it is, is seen by its user, too
		const phone = await open({ phone: true });
		await login(phone, config.employee.user, config.employee.password);
		await phone.locator('.desk-card h2').first().waitFor();

		await go(page, 'denied');
		await page.locator('.live[data-state=on]').first().waitFor({ state: 'attached' });
		await page.evaluate((name) => { globalThis.seen = new Promise((found) => {
			const look = () => { if (document.querySelector('tbody')?.textContent.includes(name)) { watch.disconnect(); found(Date.now()); } };
			const watch = new MutationObserver(look);
			watch.observe(document.body, { childList: true, subtree: true, characterData: true });
		}); }, config.drive);
		const { desktop } = await outside('login');
		await row(page, config.drive).waitFor();
		const { after_ms: after } = await outside('refused', { seen_ms: await page.evaluate(() => globalThis.seen) });
		took.denied_seen = after;
		if (!(after <= 2000)) faults.push(`the denied drive was seen after ${after} ms`);
		await row(page, config.drive).getByText(desktop).waitFor();
		await shot(page, 'desktop-denied');
		await phone.locator('.desk-card .tag', { hasText: 'ready' }).first().waitFor();
		await accessible(phone, 'mine with a desktop');
		await shot(phone, 'desktop-mine-phone');
		await phone.context().close();

		const { shown } = await outside('shown');
		if (!shown) faults.push('the client has no picture');
		await go(page, 'sessions');
		await row(page, config.employee.user).locator('.tag', { hasText: 'active' }).waitFor();
		await shot(page, 'desktop-session');
		await row(page, config.employee.user).getByRole('button', { name: 'End' }).click();
		await dialog(page).getByRole('button', { name: 'End' }).click();
		await time('session_gone', () => page.locator('tbody tr', { hasText: config.employee.user }).waitFor({ state: 'detached' }));
		const { words } = await outside('told');
		if (words !== 'ERRINFO_RPC_INITIATED_DISCONNECT') faults.push(`the client was told ${words}`);
		if (!await page.evaluate(() => globalThis.same)) faults.push('the page was loaded anew');
		await go(page, 'timings');
		await page.getByRole('img', { name: 'newest 1 starts' }).locator('canvas').waitFor();
		await page.getByRole('img', { name: 'of 1 sessions' }).locator('canvas').waitFor();
		await accessible(page, 'timings with a session');
		await shot(page, 'desktop-timings', page.locator('.card').nth(1));
		for (const [name, options, where] of [['desktop-dark', { dark: true }, 'timings'], ['desktop-japanese', { locale: 'ja-JP' }, 'denied'], ['desktop-phone', { phone: true, dark: true }, 'denied']]) {
			if (!config.pictures) break;
			const other = await open(options);
			await login(other, config.admin.user, config.admin.password);
			await go(other, where);
			await other.waitForTimeout(250);
			await shot(other, name, where === 'timings' && other.locator('.card').nth(1));
			await other.context().close();
		}
		await page.context().close();
	},

	/* a site of any size: the first view, and that updates do not hold the page up */
	async large() {
		const page = await open();
		await login(page, config.admin.user, config.admin.password);
		for (const name of ['overview', 'desktops', 'hosts', 'pools']) {
			await page.goto('about:blank');
			await time(`first_${name}`, async () => { await page.goto(`/console/#/${name}`); await page.locator(name === 'overview' ? '.tile .value' : 'tbody tr').first().waitFor(); });
			await shot(page, `large-${name}`);
		}
		await go(page, 'desktops');
		await page.evaluate(() => {
			globalThis.longest = 0;
			let before = performance.now();
			const look = (now) => { globalThis.longest = Math.max(globalThis.longest, now - before); before = now; requestAnimationFrame(look); };
			requestAnimationFrame(look);
		});
		await outside('churn');
		took.longest_frame_ms = Math.round(await page.evaluate(() => globalThis.longest));
		await page.context().close();
	},
};

let failure = '';
try {
	for (const name of config.stories) await time(`story_${name}`, () => stories[name]());
} catch (error) {
	failure = error.stack ?? String(error);
	for (const context of browser.contexts()) for (const page of context.pages()) {
		failure += `\n${page.url()}\n${await page.locator('body').innerText().catch(() => '')}`.slice(0, 3000);
		await page.screenshot({ path: `${config.profile}/failure.png` }).catch(() => {});
	}
}
await browser.close();
say({ done: true, took, faults, failure });
process.exit(0);
