/* SPDX-License-Identifier: Apache-2.0 */
/* desktop_view.h - a session on the screen: picture, pointer, keyboard and mouse. Main thread. */
#ifndef GENKAN_THINCLIENT_DESKTOP_VIEW_H
#define GENKAN_THINCLIENT_DESKTOP_VIEW_H

#include <SDL2/SDL.h>
#include "thinclient/rdp_session.h"

struct desktop_view {
	SDL_Renderer *renderer;
	struct rdp_session *session;	/* borrowed; NULL between two */
	bool stale;			/* the picture is of the session before */
	bool paused;			/* something lies over it */
	bool reopen;			/* see desktop_view_wants_reopen() */
	int asked_width, asked_height;	/* of this session */
	SDL_Texture *texture;
	int width, height;		/* of the texture */
	unsigned resizes;
	SDL_Cursor *cursor;
	unsigned pointer_serial;
	int64_t resize_at_ms;		/* 0: no wish outstanding */
	char *desktop_text;		/* what the desktop last put into the clipboard */
	bool down[SDL_NUM_SCANCODES];	/* keys that the desktop believes to be pressed */
};

void desktop_view_init(struct desktop_view *view, SDL_Renderer *renderer,
		       struct rdp_session *session);
void desktop_view_done(struct desktop_view *view);
/* The session goes, or another comes: the last picture stays, dimmed, until there is a new one. */
void desktop_view_detach(struct desktop_view *view);
void desktop_view_attach(struct desktop_view *view, struct rdp_session *session);

/* Something of ours takes keyboard and mouse, or gives them back. */
void desktop_view_pause(struct desktop_view *view, bool paused);

/* Takes what is new from the session and shows it. The caller presents it. */
void desktop_view_draw(struct desktop_view *view);
/* Keyboard, mouse, focus and size. */
void desktop_view_event(struct desktop_view *view, const SDL_Event *event, int64_t now_ms);
/* Lets go of every key: the window loses the keyboard, or a hot key was meant for us. */
void desktop_view_release_keys(struct desktop_view *view);
/* Offers the present clipboard to the desktop, and puts the desktop's text into it. */
void desktop_view_offer_text(struct desktop_view *view);
void desktop_view_take_text(struct desktop_view *view);
/* Sends a wish for another size once the window rests. Milliseconds until then, or -1. */
int desktop_view_tick(struct desktop_view *view, int64_t now_ms);
/* True once when the window rests in a size that this session cannot take. */
bool desktop_view_wants_reopen(struct desktop_view *view);

#endif
