// SPDX-License-Identifier: Apache-2.0
import { busy, card, h, problem } from '../dom.js';
import { t } from '../i18n.js';
import { choiceFilter, explanation, head, poolNames, textFilter } from '../parts.js';

function question(title, input, ask) {
	const result = h('div', { 'aria-live': 'polite' });
	const go = h('button.primary', { type: 'submit' }, t('explain.do'));
	const form = h('form.filters', { onsubmit: (event) => {
		event.preventDefault();
		busy(go, async () => {
			if (!input.value.trim()) { result.replaceChildren(h('p.quiet', t('explain.nobody'))); return; }
			try { result.replaceChildren(await explanation(ask(input.value.trim()))); } catch (found) { result.replaceChildren(problem(found.message)); }
		});
	} }, input.parentElement, go);
	return card(title, h('div', form, h('div.card-body', { style: { 'padding-top': 'var(--s4)' } }, result)));
}

export async function show(body) {
	body.append(head('explain'), h('div.columns', question(t('explain.userTitle'), textFilter(t('login.user')), (user) => ({ user })),
		question(t('explain.poolTitle'), choiceFilter(t('pool'), await poolNames()), (pool) => ({ pool }))));
}
