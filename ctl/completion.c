/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/completion.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------- what the tables say */

enum kind { KIND_FLAG, KIND_TEXT, KIND_FILE, KIND_FOLDER, KIND_WORD };

/* Options of which all values are known. */
static const struct {
	const char *option, *words;
} known[] = {
	{ "--channel", "stable canary" },
	{ "--device", "drive" },
};

static const char *words_of(const struct option *option)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i].option, option->name) == 0)
			return known[i].words;
	return NULL;
}

static enum kind kind_of(const struct option *option)
{
	if (!option->value)
		return KIND_FLAG;
	if (words_of(option))
		return KIND_WORD;
	return strcmp(option->value, "FILE") == 0  ? KIND_FILE
	       : strcmp(option->value, "DIR") == 0 ? KIND_FOLDER
						   : KIND_TEXT;
}

static bool takes_files(const struct command *command)
{
	return strstr(command->usage, "FILE") != NULL;
}

/* "bash|zsh|fish" is all there is; "FILE|FOLDER..." and "ID|NAME" stand for something else. */
static bool takes_words(const struct command *command)
{
	return strchr(command->usage, '|') && command->usage[0] >= 'a' && command->usage[0] <= 'z';
}

static bool is_first_of_noun(size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(commands[k].noun, commands[i].noun) == 0)
			return false;
	return true;
}

/* "'it'\''s'" */
static void put_quoted(struct buf *out, const char *text, const char *quote)
{
	buf_put_u8(out, '\'');
	for (; *text; text++)
		if (*text == '\'')
			buf_put_text(out, quote);
		else
			buf_put_u8(out, (uint8_t)*text);
	buf_put_u8(out, '\'');
}

/* "--ca|--key", those of one kind, as the patterns of a case; nothing when there is none. */
static void put_pattern(struct buf *out, enum kind kind, bool or_any_value)
{
	const struct option *option;
	bool first = true;

	for (size_t i = 0; (option = arguments_option(i)); i++) {
		enum kind is = kind_of(option);

		if (is == KIND_FLAG || (!or_any_value && is != kind))
			continue;
		buf_printf(out, "%s%s", first ? "" : "|", option->name);
		first = false;
	}
}

static void put_words_cases(struct buf *out, const char *open, const char *before,
			    const char *after)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		buf_printf(out, "	%s%s)%s%s%s", open, known[i].option, before, known[i].words,
			   after);
}

static void put_bars_as_spaces(struct buf *out, const char *usage)
{
	for (; *usage; usage++)
		buf_put_u8(out, *usage == '|' ? ' ' : (uint8_t)*usage);
}

/* -------------------------------------------------------------------------------------- bash */

static void put_bash_words(struct buf *out)
{
	buf_put_text(out, "\tcase \"$noun $verb\" in\n\t' ') next='");
	for (size_t i = 0; i < command_count; i++)
		if (is_first_of_noun(i))
			buf_printf(out, "%s%s", i ? " " : "", commands[i].noun);
	buf_put_text(out, "' ;;\n");
	for (size_t i = 0; i < command_count; i++) {
		if (!commands[i].verb || !is_first_of_noun(i))
			continue;
		buf_printf(out, "\t'%s ') next='", commands[i].noun);
		for (size_t k = i; k < command_count; k++)
			if (strcmp(commands[k].noun, commands[i].noun) == 0)
				buf_printf(out, "%s%s", k == i ? "" : " ", commands[k].verb);
		buf_put_text(out, "' ;;\n");
	}
	buf_put_text(out, "\tesac\n");
}

static void put_bash_commands(struct buf *out)
{
	const struct option *option;

	buf_put_text(out, "\tcase \"$noun $verb\" in\n");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];

		buf_printf(out, "\t'%s %s'%s)", c->noun, c->verb ? c->verb : "",
			   c->verb ? "" : "*");
		if (takes_files(c))
			buf_put_text(out, " files=1");
		if (takes_words(c)) {
			buf_put_text(out, " next='");
			put_bars_as_spaces(out, c->usage);
			buf_put_u8(out, '\'');
		}
		buf_put_text(out, " options+='");
		for (size_t k = 0; (option = arguments_option(k)); k++)
			if (!option->common && arguments_takes(c, option))
				buf_printf(out, " %s", option->name);
		buf_put_text(out, "' ;;\n");
	}
	buf_put_text(out, "\tesac\n");
}

static void write_bash(struct buf *out)
{
	const struct option *option;

	buf_put_text(out, "# Made by genkanctl completion bash\n"
			  "_genkanctl() {\n"
			  "\tlocal cur prev words cword\n"
			  "\t_init_completion || return\n"
			  "\tlocal i noun='' verb='' next='' files='' options='");
	for (size_t i = 0; (option = arguments_option(i)); i++)
		if (option->common)
			buf_printf(out, "%s%s", i ? " " : "", option->name);
	buf_put_text(out, "'\n\tcase $prev in\n\t");
	put_pattern(out, KIND_FILE, false);
	buf_put_text(out, ") _filedir; return ;;\n\t");
	put_pattern(out, KIND_FOLDER, false);
	buf_put_text(out, ") _filedir -d; return ;;\n");
	put_words_cases(out, "", " mapfile -t COMPREPLY < <(compgen -W '",
			"' -- \"$cur\"); return ;;\n");
	buf_put_u8(out, '\t');
	put_pattern(out, KIND_TEXT, false);
	buf_put_text(out, ") return ;;\n\tesac\n"
			  "\tfor ((i = 1; i < cword; i++)); do\n"
			  "\t\tcase ${words[i]} in\n\t\t");
	put_pattern(out, KIND_TEXT, true);
	buf_put_text(out, ") ((i++)) ;;\n"
			  "\t\t-*) ;;\n"
			  "\t\t*) if [ -z \"$noun\" ]; then noun=${words[i]}; "
			  "else verb=${verb:-${words[i]}}; fi ;;\n"
			  "\t\tesac\n\tdone\n");
	put_bash_words(out);
	put_bash_commands(out);
	buf_put_text(out, "\tif [[ $cur == -* ]]; then\n"
			  "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
			  "\telif [ -n \"$files\" ]; then\n"
			  "\t\t_filedir\n"
			  "\telse\n"
			  "\t\tmapfile -t COMPREPLY < <(compgen -W \"$next\" -- \"$cur\")\n"
			  "\tfi\n"
			  "} && complete -F _genkanctl genkanctl\n");
}

/* --------------------------------------------------------------------------------------- zsh */

/* 'name:what it is' */
static void put_zsh_item(struct buf *out, const char *name, const char *help)
{
	OWNED(buf_done) struct buf item = { 0 };

	buf_printf(&item, "%s:%s", name, help);
	buf_put_u8(out, ' ');
	put_quoted(out, buf_text(&item), "'\\''");
}

/* What stands behind a noun: its help, or its verbs. */
static void put_noun_help(struct buf *out, size_t first)
{
	const char *noun = commands[first].noun;

	if (!commands[first].verb) {
		buf_put_text(out, commands[first].help);
		return;
	}
	for (size_t i = first; i < command_count; i++)
		if (strcmp(commands[i].noun, noun) == 0)
			buf_printf(out, "%s%s", i == first ? "" : ", ", commands[i].verb);
}

static void put_zsh_words(struct buf *out)
{
	buf_put_text(out, "\tcase \"$noun $verb\" in\n\t(' ') next=(");
	for (size_t i = 0; i < command_count; i++) {
		OWNED(buf_done) struct buf help = { 0 };

		if (!is_first_of_noun(i))
			continue;
		put_noun_help(&help, i);
		put_zsh_item(out, commands[i].noun, buf_text(&help));
	}
	buf_put_text(out, ") ;;\n");
	for (size_t i = 0; i < command_count; i++) {
		if (!commands[i].verb || !is_first_of_noun(i))
			continue;
		buf_printf(out, "\t('%s ') next=(", commands[i].noun);
		for (size_t k = i; k < command_count; k++)
			if (strcmp(commands[k].noun, commands[i].noun) == 0)
				put_zsh_item(out, commands[k].verb, commands[k].help);
		buf_put_text(out, ") ;;\n");
	}
	buf_put_text(out, "\tesac\n");
}

static void put_zsh_commands(struct buf *out)
{
	const struct option *option;

	buf_put_text(out, "\tcase \"$noun $verb\" in\n");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];

		buf_printf(out, "\t('%s %s'%s)", c->noun, c->verb ? c->verb : "",
			   c->verb ? "" : "*");
		if (takes_files(c))
			buf_put_text(out, " files=1");
		if (takes_words(c)) {
			buf_put_text(out, " next=(");
			put_bars_as_spaces(out, c->usage);
			buf_put_u8(out, ')');
		}
		buf_put_text(out, " options+=(");
		for (size_t k = 0; (option = arguments_option(k)); k++)
			if (!option->common && arguments_takes(c, option))
				put_zsh_item(out, option->name, option->help);
		buf_put_text(out, " ) ;;\n");
	}
	buf_put_text(out, "\tesac\n");
}

static void write_zsh(struct buf *out)
{
	const struct option *option;

	buf_put_text(out, "#compdef genkanctl\n"
			  "# Made by genkanctl completion zsh\n"
			  "_genkanctl() {\n"
			  "\tlocal i noun='' verb='' files=''\n"
			  "\tlocal -a next options\n"
			  "\toptions=(");
	for (size_t i = 0; (option = arguments_option(i)); i++)
		if (option->common)
			put_zsh_item(out, option->name, option->help);
	buf_put_text(out, " )\n\tcase $words[CURRENT-1] in\n\t(");
	put_pattern(out, KIND_FILE, false);
	buf_put_text(out, ") _files; return ;;\n\t(");
	put_pattern(out, KIND_FOLDER, false);
	buf_put_text(out, ") _files -/; return ;;\n");
	put_words_cases(out, "(", " compadd ", "; return ;;\n");
	buf_put_text(out, "\t(");
	put_pattern(out, KIND_TEXT, false);
	buf_put_text(out, ") return ;;\n\tesac\n"
			  "\tfor ((i = 2; i < CURRENT; i++)); do\n"
			  "\t\tcase $words[i] in\n\t\t(");
	put_pattern(out, KIND_TEXT, true);
	buf_put_text(out, ") ((i++)) ;;\n"
			  "\t\t(-*) ;;\n"
			  "\t\t(*) if [[ -z $noun ]]; then noun=$words[i]; "
			  "else verb=${verb:-$words[i]}; fi ;;\n"
			  "\t\tesac\n\tdone\n");
	put_zsh_words(out);
	put_zsh_commands(out);
	buf_put_text(out, "\tif [[ $words[CURRENT] == -* ]]; then\n"
			  "\t\t_describe -o option options\n"
			  "\telif [[ -n $files ]]; then\n"
			  "\t\t_files\n"
			  "\telif (( $#next )); then\n"
			  "\t\t_describe command next\n"
			  "\tfi\n"
			  "}\n"
			  "_genkanctl \"$@\"\n");
}

/* -------------------------------------------------------------------------------------- fish */

static void put_fish_help(struct buf *out, const char *help)
{
	buf_put_text(out, " -d ");
	put_quoted(out, help, "\\'");
	buf_put_u8(out, '\n');
}

static void put_fish_option(struct buf *out, const char *where, const struct option *option)
{
	static const char *const takes[] = {
		[KIND_FLAG] = "",     [KIND_TEXT] = " -x",
		[KIND_FILE] = " -rF", [KIND_FOLDER] = " -x -a '(__fish_complete_directories)'",
		[KIND_WORD] = " -x",
	};

	buf_printf(out, "complete -c genkanctl%s -l %s%s", where, option->name + 2,
		   takes[kind_of(option)]);
	if (words_of(option))
		buf_printf(out, " -a '%s'", words_of(option));
	put_fish_help(out, option->help);
}

static void put_fish_command(struct buf *out, const struct command *c)
{
	OWNED(buf_done) struct buf where = { 0 };
	const struct option *option;

	buf_printf(&where, " -n '__genkanctl_in %s%s%s'", c->noun, c->verb ? " " : "",
		   c->verb ? c->verb : "");
	if (c->verb) {
		buf_printf(out, "complete -c genkanctl -n '__genkanctl_at %s' -a %s", c->noun,
			   c->verb);
		put_fish_help(out, c->help);
	}
	if (takes_files(c))
		buf_printf(out, "complete -c genkanctl%s -F\n", buf_text(&where));
	if (takes_words(c)) {
		buf_printf(out, "complete -c genkanctl -n '__genkanctl_at %s' -a '", c->noun);
		put_bars_as_spaces(out, c->usage);
		buf_put_text(out, "'\n");
	}
	for (size_t i = 0; (option = arguments_option(i)); i++)
		if (!option->common && arguments_takes(c, option))
			put_fish_option(out, buf_text(&where), option);
}

static void write_fish(struct buf *out)
{
	const struct option *option;

	buf_put_text(out, "# Made by genkanctl completion fish\n"
			  "function __genkanctl_words\n"
			  "\tset -l skip\n"
			  "\tfor word in (commandline -opc)[2..-1]\n"
			  "\t\tif set -q skip[1]\n"
			  "\t\t\tset -e skip\n"
			  "\t\telse if contains -- $word ");
	for (size_t i = 0; (option = arguments_option(i)); i++)
		if (option->value)
			buf_printf(out, "%s ", option->name);
	buf_put_text(out, "\n\t\t\tset skip 1\n"
			  "\t\telse if not string match -q -- '-*' $word\n"
			  "\t\t\techo $word\n"
			  "\t\tend\n\tend\nend\n"
			  "function __genkanctl_at\n"
			  "\tset -l words (__genkanctl_words)\n"
			  "\ttest \"$argv\" = \"$words\"\n"
			  "end\n"
			  "function __genkanctl_in\n"
			  "\tset -l words (__genkanctl_words)\n"
			  "\tset -l n (count $argv)\n"
			  "\ttest (count $words) -ge $n; and test \"$argv\" = \"$words[1..$n]\"\n"
			  "end\n"
			  "complete -c genkanctl -f\n");
	for (size_t i = 0; (option = arguments_option(i)); i++)
		if (option->common)
			put_fish_option(out, "", option);
	for (size_t i = 0; i < command_count; i++) {
		OWNED(buf_done) struct buf help = { 0 };

		if (is_first_of_noun(i)) {
			put_noun_help(&help, i);
			buf_printf(out, "complete -c genkanctl -n '__genkanctl_at' -a %s",
				   commands[i].noun);
			put_fish_help(out, buf_text(&help));
		}
		put_fish_command(out, &commands[i]);
	}
}

/* -------------------------------------------------------------------------------------- all of
 * them */

static const struct {
	const char *name;
	void (*write)(struct buf *out);
} shells[] = {
	{ "bash", write_bash },
	{ "zsh", write_zsh },
	{ "fish", write_fish },
};

int completion_write(const char *shell, struct buf *out, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(shells); i++)
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].write(out);
			return 0;
		}
	return error_set(err, EINVAL, "%s: not one of bash, zsh and fish", shell);
}

int completion_print(struct ctl *ctl, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	int rc = completion_write(ctl->args.values[0], &text, err);

	if (rc == 0 && fputs(buf_text(&text), stdout) < 0)
		return error_errno(err, "write");
	return rc;
}
