/* SPDX-License-Identifier: MIT */
/*
 * Those who are to be called later: settled when the thing happens, as a send settles it when it
 * begins. Whoever is connected from then on is too late, whoever was muted then stays out; and who
 * is disconnected meanwhile is not called, as ever.
 */
#include "internal.h"
#include "alloc.h"

static uint64_t count_chain(const list_t *chain)
{
	uint64_t count = 0;

	for (; chain; chain = chain->levels)
		count += chain->live;
	return count;
}

/* Adds those of a chain that this thread's mutes cover; absent has room for all. */
static void find_absent(struct peal__audience *audience, struct peal_signal *signal,
			const void *sender, const list_t *chain)
{
	for (; chain; chain = chain->levels) {
		const array_t *array = chain->array;

		for (uint32_t i = 0; array && i < array->count; i++) {
			const conn_t *conn = array->entry[i];

			if (conn->state == CONN_CONNECTED &&
			    peal__muted(signal, sender, conn, conn->function))
				audience->absent[audience->absent_count++] = conn->serial;
		}
	}
}

static int mutes_apply(struct peal__audience *audience, struct peal_signal *signal,
		       const void *sender, list_t *const chains[2], size_t count)
{
	audience->absent = peal__alloc(count * sizeof(*audience->absent));
	audience->absent_room = count;
	if (!audience->absent)
		return PEAL_ENOMEM;
	for (unsigned i = 0; i < 2; i++)
		find_absent(audience, signal, sender, chains[i]);
	return audience->absent_count < count ? PEAL_OK : PEAL_NOT_FOUND;
}

int peal__audience_take(struct peal_signal *signal, const void *sender,
			struct peal__audience *ret_audience)
{
	struct peal_signal *later = signal->after_commit;
	struct peal__audience audience = { .before = 0 };
	int code = PEAL_NOT_FOUND;
	list_t *chains[2];
	size_t count;

	if (!peal_signal_is_heard(later))
		return PEAL_NOT_FOUND;
	if (!peal__thread_get())
		return PEAL_ENOMEM;
	peal__lock();
	chains[0] = &later->any;
	chains[1] = later->senders && sender ? table_find(later->senders, sender) : NULL;
	count = (size_t)(count_chain(chains[0]) + count_chain(chains[1]));
	audience.before = peal__next_serial;
	if (count)
		code = peal__mutes ? mutes_apply(&audience, signal, sender, chains, count)
				   : PEAL_OK;
	peal__unlock();
	if (code == PEAL_OK)
		*ret_audience = audience;
	else
		peal__audience_fini(&audience);
	return code;
}

void peal__audience_fini(struct peal__audience *audience)
{
	peal__free(audience->absent, audience->absent_room * sizeof(*audience->absent));
	*audience = (struct peal__audience){ .before = 0 };
}

bool peal__is_absent(const struct peal__audience *audience, uint64_t serial)
{
	for (size_t i = 0; i < audience->absent_count; i++)
		if (audience->absent[i] == serial)
			return true;
	return false;
}
