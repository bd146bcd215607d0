// SPDX-License-Identifier: Apache-2.0
import { ask, button, empty, h, problem, skeleton, tag, toast } from '../dom.js';
import { call, get, post } from '../api.js';
import { t, tf } from '../i18n.js';
import { head } from '../parts.js';

async function act(d, what) {
	const sure = await ask({ title: tf(`desktops.${what}Ask`, { name: d.title }), text: t(`mine.${what}Text`), yes: t(`mine.${what}`), danger: what === 'reset' });
	if (!sure) return;
	await post(`/v1/desktops/${d.id}/${what}`);
	toast(t('done'));
}

async function download(d) {
	const { body } = await call('GET', `/v1/desktops/${d.id}/rdp?wait_ms=30000`);
	const link = h('a', { href: URL.createObjectURL(body), download: `${d.pool}.rdp` });
	document.body.append(link);
	link.click();
	link.remove();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
	toast(t('mine.rdpText'));
}

async function changePassword(user) {
	const values = await ask({ title: t('mine.password'), yes: t('mine.password'), fields: [
		{ name: 'password', label: t('mine.passwordNow'), kind: 'password', required: true },
		{ name: 'fresh', label: t('mine.passwordNew'), kind: 'password', required: true },
		{ name: 'again', label: t('mine.passwordAgain'), kind: 'password', required: true }] });
	if (!values) return;
	if (values.fresh !== values.again) throw new Error(t('mine.passwordDiffer'));
	await post('/v1/password', { user, password: values.password, new_password: values.fresh });
	toast(t('mine.passwordDone'));
}

function deskCard(d) {
	const own = d.state !== 'none';
	return h('section.card.desk-card', { className: `card desk-card ${own ? '' : 'idle'}` }, h('div.screen', { 'aria-hidden': 'true' }),
		h('div', h('h2', d.title), h('p.quiet.small', d.pool)), h('div', tag(d.state), own ? '' : h('span.quiet.small', ` ${t('mine.none')}`)),
		h('div.buttons', d.may?.rdp && button(t('mine.rdp'), () => download(d), 'primary'), own && d.may?.restart && button(t('mine.restart'), () => act(d, 'restart')),
			own && d.may?.reset && button(t('mine.reset'), () => act(d, 'reset'), 'danger')));
}

export async function show(body, context) {
	const list = h('div.desk-cards', h('div.card', skeleton(4)));
	let before = '';
	body.append(head('mine', button(t('mine.password'), () => changePassword(context.me.user))), list);
	const load = context.live(['desktop'], async () => {
		try {
			const { desktops } = await get('/v1/desktops');
			const now = JSON.stringify(desktops);
			if (now === before) return;
			before = now;
			list.replaceChildren(...(desktops.length ? desktops.map(deskCard) : [h('section.card', empty('mine', t('mine.empty'), t('mine.emptyText')))]));
		} catch (found) {
			if (!before) list.replaceChildren(problem(found.message, load));
			else throw found;
		}
	});
	context.every(15000, load);
	await load();
}
