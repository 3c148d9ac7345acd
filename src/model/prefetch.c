/* SPDX-License-Identifier: MIT */
/*
 * Prefetching: the rows that relations lead to, by one more statement for each relation and some hundred keys.
 *
 * Each instance that rows were prefetched for owns a struct prefetched, which holds the rows that were loaded with its
 * own ones and knows which of them are its. What was loaded together ends with the last instance that holds it; since
 * these may be in different threads by then, its references are atomic.
 */
#include <stdlib.h>

#include "query_internal.h"

#define KEYS 500 /* in one statement */

struct prefetched {
	const struct peal__column *columns[2]; /* see relation_columns() */
	struct peal_rows *loaded;
	struct peal_rows part; /* of these, the instance's own */
};

/* What tells a relation from all others of its model. */
static void relation_columns(const struct peal__relation *relation,
			     const struct peal__column *columns[2])
{
	const struct peal__many *many = &relation->many;

	columns[0] = many->field         ? &many->through->columns[many->source]
		     : relation->forward ? relation->forward
					 : relation->backward;
	columns[1] = many->field ? &many->through->columns[many->target] : NULL;
}

static bool is_same(const struct peal__relation *a, const struct peal__relation *b)
{
	const struct peal__column *of_a[2], *of_b[2];

	relation_columns(a, of_a);
	relation_columns(b, of_b);
	return of_a[0] == of_b[0] && of_a[1] == of_b[1];
}

/* ---- Building --------------------------------------------------------------------------------------------------------- */

/* The relation's place in the tree; made if need be. */
static struct peal__prefetch *node_get(struct peal_query *query, struct peal__prefetch **at,
				       const struct peal__relation *relation, bool *ret_is_new)
{
	while (*at && !is_same(&(*at)->relation, relation))
		at = &(*at)->next;
	*ret_is_new = !*at;
	if (!*ret_is_new)
		return *at;
	*at = peal__arena_alloc(&query->arena, sizeof(**at));
	if (*at)
		(*at)->relation = *relation;
	else
		peal__query_no_memory(query);
	return *at;
}

/* All relations of a path become part of the query's tree; the last one, or NULL and the query's error is set. */
static struct peal__prefetch *add_path(struct peal_query *query, const char *path, bool *ret_is_new)
{
	const struct peal__model_state *state = query->state;
	struct peal__prefetch **list = &query->prefetches, *node = NULL;
	const char *rest = path;

	do {
		struct peal__relation relation;
		size_t size = peal__path_step(path, &rest);
		int r = peal__relation_find(state, path, size, &relation, &query->error);

		if (r < 0) {
			struct peal_error error = query->error;

			peal_error_set(&query->error, r, "prefetch: %s", error.message);
			return NULL;
		}
		node = node_get(query, list, &relation, ret_is_new);
		if (!node)
			return NULL;
		list = &node->children;
		state = relation.other;
		path = rest;
	} while (*rest);
	return node;
}

void peal_query_prefetch_names(struct peal_query *query, const struct peal_names *names)
{
	bool is_new;

	for (size_t i = 0; query && !query->error.code && i < names->count; i++)
		add_path(query, names->items[i], &is_new);
}

static const char *why_not(const struct peal__prefetch *node, const struct peal_query *related,
			   bool is_new)
{
	if (!is_new)
		return "is prefetched already: give the path with the query first, and once";
	if (related->state != node->relation.other)
		return "leads to another model than that of the query";
	if (related->distinct && peal__query_is_sliced(related))
		return "cannot have a slice of distinct rows";
	return NULL;
}

void peal_query_prefetch_query(struct peal_query *query, const char *path,
			       const struct peal_query *related)
{
	struct peal__prefetch *node;
	const char *reason;
	bool is_new;

	if (!query || query->error.code)
		return;
	if (!related || related->error.code) {
		if (related)
			query->error = related->error;
		else
			peal__query_no_memory(query);
		return;
	}
	node = add_path(query, path, &is_new);
	if (!node)
		return;
	reason = why_not(node, related, is_new);
	if (reason)
		peal_error_set(&query->error, PEAL_EINVAL, "prefetch: %s: \"%s\" %s",
			       query->state->label, path, reason);
	else
		node->query = peal__query_adopt(query, related);
}

static int tree_copy(struct peal_query *copy, struct peal__prefetch **list,
		     const struct peal__prefetch *from)
{
	int r = 0;

	for (; from && r == 0; from = from->next, list = &(*list)->next) {
		*list = peal__arena_alloc(&copy->arena, sizeof(**list));
		if (!*list)
			return peal__query_no_memory(copy);
		(*list)->relation = from->relation;
		if (from->query) {
			(*list)->query = peal__query_adopt(copy, from->query);
			r = copy->error.code;
		}
		if (r == 0)
			r = tree_copy(copy, &(*list)->children, from->children);
	}
	return r;
}

int peal__prefetch_copy(struct peal_query *copy, const struct peal_query *query)
{
	return tree_copy(copy, &copy->prefetches, query->prefetches);
}

/* The keys of forward relations must be loaded: nothing is loaded behind the program's back. */
static int check_level(const struct peal__prefetch *first, const struct peal_query *query,
		       struct peal_error *error)
{
	int r = 0;

	for (const struct peal__prefetch *node = first; node && r == 0; node = node->next) {
		size_t i = node->relation.forward
				   ? (size_t)(node->relation.forward - query->state->columns)
				   : query->state->key;

		if (query->deferred[i / 64] >> (i % 64) & 1)
			return peal_error_set(error, PEAL_EINVAL,
					      "prefetch: %s.%s is deferred, and needed for it",
					      query->state->label, query->state->columns[i].name);
		if (node->query)
			r = check_level(node->children, node->query, error);
		if (r == 0 && node->query)
			r = peal__prefetch_check(node->query, error);
	}
	return r;
}

int peal__prefetch_check(const struct peal_query *query, struct peal_error *error)
{
	return check_level(query->prefetches, query, error);
}

/* ---- What an instance has ----------------------------------------------------------------------------------------------- */

static struct prefetched *prefetched_find(const struct peal_instance *instance,
					  const struct peal__relation *relation)
{
	const struct peal__column *columns[2];
	struct prefetched *at = NULL;

	relation_columns(relation, columns);
	while ((at = peal__owned_next(instance, PEAL__OWNED_PREFETCHED, at)))
		if (at->columns[0] == columns[0] && at->columns[1] == columns[1])
			break;
	return at;
}

void peal__prefetch_forget(struct peal_instance *instance, const struct peal__relation *relation)
{
	struct prefetched *prefetched = prefetched_find(instance, relation);

	if (prefetched)
		peal__owned_remove(instance, prefetched);
}

static void loaded_release(struct peal_rows *loaded)
{
	if (loaded && atomic_fetch_sub(&loaded->references, 1) == 1)
		peal_rows_free(loaded);
}

void peal__prefetched_fini(void *prefetched)
{
	loaded_release(((struct prefetched *)prefetched)->loaded);
}

/* The instance holds what was loaded; of which count rows from the first on are its own. */
static int prefetched_add(struct peal_instance *instance, const struct peal__relation *relation,
			  struct peal_rows *loaded, size_t first, size_t count,
			  struct peal_error *error)
{
	struct prefetched *prefetched =
		peal__owned_alloc(instance, PEAL__OWNED_PREFETCHED, sizeof(*prefetched));

	if (!prefetched)
		return peal__no_memory(error);
	relation_columns(relation, prefetched->columns);
	prefetched->loaded = loaded;
	if (!loaded)
		return 0;
	atomic_fetch_add(&loaded->references, 1);
	prefetched->part.items = count ? loaded->items + first : NULL;
	prefetched->part.count = count;
	return 0;
}

const struct peal_rows *peal_prefetched(const struct peal_instance *instance, const char *name)
{
	struct peal__relation relation;
	struct prefetched *prefetched;

	if (!instance->model || peal__relation_find(peal__state(instance->model), name,
						    strlen(name), &relation, NULL) != 0)
		return NULL;
	prefetched = relation.forward ? NULL : prefetched_find(instance, &relation);
	return prefetched ? &prefetched->part : NULL;
}

struct peal_instance *peal_prefetched_one(const struct peal_instance *instance, const char *name)
{
	struct peal__relation relation;

	if (!instance->model || peal__relation_find(peal__state(instance->model), name,
						    strlen(name), &relation, NULL) != 0)
		return NULL;
	if (relation.forward)
		return peal__object_get(relation.forward, peal__row(instance));
	return peal_rows_at(peal_prefetched(instance, name), 0);
}

/* ---- Loading ------------------------------------------------------------------------------------------------------------ */

/* One relation of some instances. */
struct loading {
	const struct peal__prefetch *node;
	struct peal_instance *const *instances;
	size_t count;
	struct peal_db *db;
	struct key *keys; /* ascending */
	size_t key_count;
	size_t *ends; /* of the rows of each different key, which begin where those before end */
	struct peal_rows *loaded;
	struct peal_error *error;
};

/* An instance that wants rows, by the key that these have. */
struct key {
	struct peal_value value;
	struct peal_instance *instance;
	size_t group; /* the number of the different key */
};

static int compare_keys(const void *a, const void *b)
{
	return peal__key_compare(((const struct key *)a)->value, ((const struct key *)b)->value);
}

/* The key that an instance wants rows for; null: none, or it has them. */
static struct peal_value wanted_key(const struct peal__relation *relation,
				    const struct peal_instance *instance)
{
	const char *row = peal__row(instance);

	if (!relation->forward)
		return prefetched_find(instance, relation) ? peal_value_null() : peal_key(instance);
	return peal__object_get(relation->forward, row) ? peal_value_null()
							: peal__member_read(relation->forward, row);
}

/* The key of a forward relation was not loaded. */
static bool is_unknown(const struct peal__relation *relation, const struct peal_instance *instance)
{
	size_t i = relation->forward
			   ? (size_t)(relation->forward - peal__state(instance->model)->columns)
			   : 0;

	return relation->forward && instance->deferred[i / 64] >> (i % 64) & 1 &&
	       !peal__object_get(relation->forward, peal__row(instance));
}

static int find_keys(struct loading *loading)
{
	size_t count = 0, group = 0;

	loading->keys = peal__db_alloc((loading->count + 1) * sizeof(*loading->keys));
	if (!loading->keys)
		return peal__no_memory(loading->error);
	for (size_t i = 0; i < loading->count; i++) {
		struct key *key = &loading->keys[count];

		if (is_unknown(&loading->node->relation, loading->instances[i]))
			return peal_error_set(loading->error, PEAL_EINVAL,
					      "prefetch: %s.%s is deferred, and needed for it",
					      peal_model_label(loading->instances[i]->model),
					      loading->node->relation.forward->name);
		key->value = wanted_key(&loading->node->relation, loading->instances[i]);
		key->instance = loading->instances[i];
		count += key->value.kind != PEAL_VALUE_NULL;
	}
	qsort(loading->keys, count, sizeof(*loading->keys), compare_keys);
	for (size_t i = 0; i < count; i++) {
		if (i && compare_keys(&loading->keys[i - 1], &loading->keys[i]) != 0)
			group++;
		loading->keys[i].group = group;
	}
	loading->key_count = count;
	return 0;
}

static size_t group_count(const struct loading *loading)
{
	return loading->key_count ? loading->keys[loading->key_count - 1].group + 1 : 0;
}

/* The rows of all keys: where the column that the keys are compared with is, and whom a row belongs to. */
static struct peal_query *query_of(const struct loading *loading, struct peal__place *ret_place)
{
	const struct peal__relation *relation = &loading->node->relation;
	const struct peal__model_state *other = relation->other;
	const struct peal_query *own = loading->node->query;
	struct peal_query *query = own ? peal_query_copy(own) : peal_query_new(other->model);

	if (!query || query->error.code)
		return query;
	if (!query->alias && loading->db)
		peal_query_using(query, loading->db->alias);
	*ret_place = (struct peal__place){ .column = &other->columns[other->key] };
	if (relation->backward)
		ret_place->column = relation->backward;
	if (relation->many.field) {
		peal__join_many(query, &relation->many, ret_place);
		/* An explicit table may have several rows for a pair. */
		query->distinct |= !relation->many.through->link && !peal__query_is_sliced(query);
	}
	query->owner = *ret_place;
	return query;
}

static int read_some(struct loading *loading, const struct peal_query *all,
		     const struct peal__place *place, const struct peal_value *keys, size_t count)
{
	struct peal_query *some = peal_query_copy(all);
	struct peal__connection *c;
	int r;

	peal__query_filter_place_in(some, place, keys, count);
	r = peal__query_ready(some, &c, loading->error);
	if (r == 0)
		r = peal__rows_read(some, loading->loaded, c, loading->error);
	peal_query_free(some);
	return r;
}

static int read_all(struct loading *loading)
{
	struct peal__place place = { 0 };
	struct peal_query *query = query_of(loading, &place);
	struct peal_value keys[KEYS];
	size_t count = 0;
	int r = query ? 0 : peal__no_memory(loading->error);

	peal__query_order_by_default(query);

	for (size_t i = 0; i < loading->key_count && r == 0; i++) {
		const struct key *key = &loading->keys[i];
		bool is_last = i + 1 == loading->key_count;

		if (i == 0 || key[-1].group != key->group)
			keys[count++] = key->value;
		if (count == KEYS || (is_last && count)) {
			r = read_some(loading, query, &place, keys, count);
			count = 0;
		}
	}
	peal_query_free(query);
	return r;
}

/* ---- Giving the rows out --------------------------------------------------------------------------------------------- */

static const struct key *key_find(const struct loading *loading, struct peal_value value)
{
	const struct key wanted = { .value = value };

	return bsearch(&wanted, loading->keys, loading->key_count, sizeof(wanted), compare_keys);
}

/* The rows group by group, in the order of their keys; within one they stay as they came. */
static int group_rows(struct loading *loading)
{
	struct peal_rows *loaded = loading->loaded;
	size_t groups = group_count(loading);
	struct peal_instance **items =
		peal__db_alloc((loaded->count + 1) * sizeof(struct peal_instance *));
	size_t *group_of = peal__arena_alloc(&loaded->arena, (loaded->count + 1) * sizeof(size_t));
	size_t *ends = loading->ends = peal__db_alloc((groups + 2) * sizeof(size_t));

	if (!items || !group_of || !ends) {
		peal__db_free(items);
		return peal__no_memory(loading->error);
	}
	for (size_t i = 0; i < loaded->count; i++) {
		const struct key *key = key_find(loading, loaded->owners[i]);

		/* Behind the others, what the database thinks equal and we do not. */
		group_of[i] = key ? key->group : groups;
		ends[group_of[i] + 1]++;
	}
	for (size_t i = 1; i <= groups; i++)
		ends[i] += ends[i - 1];
	for (size_t i = 0; i < loaded->count; i++)
		items[ends[group_of[i]]++] = loaded->items[i];
	peal__db_free(loaded->items);
	loaded->items = items;
	loaded->capacity = loaded->count + 1;
	return 0;
}

static int attach(struct loading *loading, const struct key *key, size_t first, size_t end)
{
	const struct peal__relation *relation = &loading->node->relation;
	int r;

	if (first == end)
		return 0;
	r = prefetched_add(key->instance, relation, loading->loaded, 0, 0, loading->error);
	if (r == 0)
		peal__object_set(relation->forward, peal__row(key->instance),
				 loading->loaded->items[first]);
	return r;
}

static int give(struct loading *loading, const struct key *key, size_t first, size_t end)
{
	const struct peal__relation *relation = &loading->node->relation;

	if (prefetched_find(key->instance, relation))
		return 0; /* the instance was given twice */
	for (size_t i = first; i < end && relation->backward; i++) {
		char *row = peal__row(loading->loaded->items[i]);

		if (!peal__object_get(relation->backward, row))
			peal__object_set(relation->backward, row, key->instance);
	}
	return prefetched_add(key->instance, relation, loading->loaded, first, end - first,
			      loading->error);
}

static int give_all(struct loading *loading)
{
	int r = group_rows(loading);

	for (size_t i = 0; i < loading->key_count && r == 0; i++) {
		const struct key *key = &loading->keys[i];
		size_t first = key->group ? loading->ends[key->group - 1] : 0;

		if (loading->node->relation.forward)
			r = attach(loading, key, first, loading->ends[key->group]);
		else
			r = give(loading, key, first, loading->ends[key->group]);
	}
	return r;
}

static int load(struct loading *loading)
{
	const struct peal__prefetch *node = loading->node;
	int r;

	loading->loaded = peal__rows_new(loading->error);
	if (!loading->loaded)
		return PEAL_ENOMEM;
	atomic_init(&loading->loaded->references, 1);
	r = read_all(loading);
	if (r == 0)
		r = give_all(loading);
	if (r == 0 && node->query)
		r = peal__prefetch_run(node->query->prefetches, loading->loaded->items,
				       loading->loaded->count, loading->error);
	loaded_release(loading->loaded);
	return r;
}

/* ---- The next relation of a path --------------------------------------------------------------------------------------- */

static size_t related_count(const struct peal__relation *relation,
			    const struct peal_instance *instance)
{
	const struct prefetched *prefetched = prefetched_find(instance, relation);

	if (relation->forward)
		return peal__object_get(relation->forward, peal__row(instance)) != NULL;
	return prefetched ? prefetched->part.count : 0;
}

static size_t related_copy(const struct peal__relation *relation,
			   const struct peal_instance *instance, struct peal_instance **to)
{
	size_t count = related_count(relation, instance);

	if (count && relation->forward)
		*to = peal__object_get(relation->forward, peal__row(instance));
	else if (count)
		memcpy(to, prefetched_find(instance, relation)->part.items,
		       count * sizeof(struct peal_instance *));
	return count;
}

/* The rows that the instances have now, loaded or attached before. */
static int go_on(const struct peal__prefetch *node, struct peal_instance *const *instances,
		 size_t count, struct peal_error *error)
{
	struct peal_instance **related;
	size_t total = 0, at = 0;
	int r;

	for (size_t i = 0; i < count; i++)
		total += related_count(&node->relation, instances[i]);
	related = peal__db_alloc((total + 1) * sizeof(struct peal_instance *));
	if (!related)
		return peal__no_memory(error);
	for (size_t i = 0; i < count; i++)
		at += related_copy(&node->relation, instances[i], related + at);
	r = peal__prefetch_run(node->children, related, total, error);
	peal__db_free(related);
	return r;
}

int peal__prefetch_run(const struct peal__prefetch *node, struct peal_instance *const *instances,
		       size_t count, struct peal_error *error)
{
	int r = 0;

	for (; node && count && r == 0; node = node->next) {
		struct loading loading = { .node = node,
					   .instances = instances,
					   .count = count,
					   .db = instances[0]->db,
					   .error = error };

		r = find_keys(&loading);
		if (r == 0 && loading.key_count)
			r = load(&loading);
		peal__db_free(loading.keys);
		peal__db_free(loading.ends);
		if (r == 0 && node->children)
			r = go_on(node, instances, count, error);
	}
	return r;
}

/* ---- For instances that are there -------------------------------------------------------------------------------------- */

static int instances_check(struct peal_instance *const *instances, size_t count,
			   struct peal_error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct peal_instance *instance = instances[i];
		const char *reason = !instance->model ? "was never begun, or has ended"
				     : instance->model != instances[0]->model
					     ? "is of another model than the first"
				     : peal_key(instance).kind == PEAL_VALUE_NULL ? "has no key"
				     : instance->db != instances[0]->db
					     ? "is in another database than the first"
					     : NULL;

		if (reason)
			return peal_error_set(error, PEAL_EINVAL, "prefetch: instance %zu %s", i,
					      reason);
	}
	return 0;
}

int peal_prefetch(struct peal_instance *const *instances, size_t count,
		  const struct peal_names *paths, struct peal_error *error)
{
	struct peal__connection *c;
	struct peal_query *query;
	int r = instances_check(instances, count, error);

	if (r != 0 || !count)
		return r;
	query = peal_query_new(instances[0]->model);
	if (instances[0]->db)
		peal_query_using(query, instances[0]->db->alias);
	peal_query_prefetch_names(query, paths);
	r = peal__query_ready(query, &c, error);
	if (r == 0)
		r = peal__prefetch_run(query->prefetches, instances, count, error);
	peal_query_free(query);
	return r;
}

int peal_rows_prefetch(struct peal_rows *rows, const struct peal_names *paths,
		       struct peal_error *error)
{
	return peal_prefetch(rows->items, rows->count, paths, error);
}
