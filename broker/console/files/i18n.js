// SPDX-License-Identifier: Apache-2.0
// The words of the console, in English and Japanese. t('key') is the text in the language chosen.
import { texts } from './texts.js';

const KEY = 'genkan.language';
let chosen = localStorage.getItem(KEY) ?? (navigator.language.startsWith('ja') ? 'ja' : 'en');
document.documentElement.lang = chosen;

export const language = () => chosen;

export function choose(name) {
	chosen = name;
	localStorage.setItem(KEY, name);
	document.documentElement.lang = name;
}

/** `fallback` when the key is not known: a word of the API that is new stays readable. */
export function t(key, fallback) {
	const found = texts[key];
	if (!found) return fallback ?? key;
	return found[chosen === 'ja' ? 1 : 0];
}

/** With {name} filled in. */
export function tf(key, values) {
	return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), t(key));
}
