/* SPDX-License-Identifier: MIT */
/* The reference model of the dispatcher: reference.h. */
#include "reference.h"
#include <peal/dispatch.h>

#define EACH(c_) for (struct ref_connection *c_ = ref->all; c_ < ref->all + ref->count; c_++)

/* A name that is registered is its sender. */
static struct ref_connection resolved(const struct reference *ref, struct ref_connection like)
{
	like.sender += ref->named[like.name];
	like.name = ref->named[like.name] ? 0 : like.name;
	return like;
}

int ref_find(struct reference *ref, struct ref_connection like)
{
	like = resolved(ref, like);
	EACH(c)
	if (c->state <= REF_CONNECTED && c->signal == like.signal && c->sender == like.sender &&
	    c->name == like.name && c->uid == like.uid &&
	    (c->uid || (c->function == like.function && c->user == like.user)))
		return (int)(c - ref->all);
	return -1;
}

int ref_connect(struct reference *ref, struct ref_connection like, int *ret_id)
{
	if ((*ret_id = ref_find(ref, like)) >= 0)
		return PEAL_EXISTS;
	like = resolved(ref, like);
	like.state = like.name ? REF_PENDING : REF_CONNECTED;
	like.order = ref->next_order++;
	ref->all[ *ret_id = ref->count++] = like;
	return like.name ? PEAL_PENDING : PEAL_OK;
}

/* An ended connection that does not run is released, and so is its scope after the last of it. */
static void settle(struct reference *ref, struct ref_connection *conn, int scope)
{
	if (conn && conn->state == REF_ENDED && !conn->running) {
		conn->state = REF_RELEASED;
		if (conn->release)
			ref->released(conn->user);
	}
	EACH(c)
	if (c->scope == scope && c->state != REF_RELEASED)
		return;
	if (ref->ending[scope])
		ref->scope_ended(scope);
	ref->ending[scope] = false;
}

int ref_disconnect(struct reference *ref, int id, bool wait)
{
	if (wait && ref->depth)
		return PEAL_EDEADLK;
	if (id < 0 || ref->all[id].state > REF_CONNECTED)
		return PEAL_NOT_FOUND;
	ref->all[id].state = REF_ENDED;
	settle(ref, &ref->all[id], ref->all[id].scope);
	return ref->all[id].state == REF_RELEASED ? PEAL_OK : PEAL_RUNNING;
}

int ref_end_all(struct reference *ref, int signal, int sender, int scope)
{
	int count = 0;

	EACH(c)
	if (c->state <= REF_CONNECTED && (signal < 0 || c->signal == signal) &&
	    (sender < 0 || c->sender == sender) && (scope < 0 || c->scope == scope))
		count += ref_disconnect(ref, (int)(c - ref->all), false) >= 0;
	return count;
}

int ref_scope_end(struct reference *ref, int scope, bool wait)
{
	if (wait && ref->depth)
		return PEAL_EDEADLK;
	ref->ending[scope] = !wait;
	ref_end_all(ref, -1, -1, scope);
	settle(ref, NULL, scope);
	return ref->ending[scope] ? PEAL_RUNNING : PEAL_OK;
}

int ref_register(struct reference *ref, int name, int sender)
{
	if (ref->named[name])
		return ref->named[name] == sender ? PEAL_EXISTS : PEAL_EBUSY;
	ref->named[name] = sender;
	EACH(c)
	{
		if (c->state != REF_PENDING || c->name != name)
			continue;
		if (ref_find(ref, *c) >= 0) { /* made to the sender itself meanwhile */
			ref_disconnect(ref, (int)(c - ref->all), false);
			continue;
		}
		*c = resolved(ref, *c);
		c->state = REF_CONNECTED;
		c->order = ref->next_order++;
	}
	return PEAL_OK;
}

bool ref_covers(const struct ref_mute *mute, const struct ref_connection *conn, int sender)
{
	return mute->on && (mute->signal < 0 || mute->signal == conn->signal) &&
	       (mute->function < 0 || mute->function == conn->function) &&
	       (!mute->sender || mute->sender == sender) && (!mute->uid || mute->uid == conn->uid);
}

int ref_rank(const struct ref_connection *conn)
{
	return (conn->state == REF_PENDING ? 1 << 30 : 0) - conn->priority * 10000 + conn->order;
}

struct ref_connection *ref_next(struct reference *ref, int signal, int rank)
{
	struct ref_connection *best = NULL;

	EACH(c)
	if (c->signal == signal && c->state <= REF_CONNECTED && ref_rank(c) > rank &&
	    (!best || ref_rank(c) < ref_rank(best)))
		best = c;
	return best;
}

int ref_send(struct reference *ref, int signal, int sender, bool all, struct ref_answers *answers)
{
	struct ref_connection *conn = ref_next(ref, signal, REF_FIRST);
	int start = ref->next_order;
	int code = PEAL_OK;

	if (!conn || conn->state == REF_PENDING) /* nobody hears the signal, whoever sends */
		return PEAL_OK;
	if (ref->depth >= ref->depth_limit)
		return PEAL_EDEPTH;
	ref->depth++;
	for (; conn && (all || !code); conn = ref_next(ref, signal, ref_rank(conn))) {
		int muted = 0;

		if (conn->state == REF_PENDING || conn->order >= start ||
		    (conn->sender && conn->sender != sender))
			continue;
		for (struct ref_mute *mute = ref->mutes; mute < ref->mutes + REF_MUTES; mute++)
			if (ref_covers(mute, conn, sender))
				muted = ++mute->suppressed;
		if (muted)
			continue;
		conn->running++;
		code = ref->call((int)(conn - ref->all));
		conn->running--;
		settle(ref, conn, conn->scope);
		answers->ids[answers->count] = (int)(conn - ref->all);
		answers->codes[answers->count++] = code;
	}
	ref->depth--;
	return all ? PEAL_OK : code;
}
