/* SPDX-License-Identifier: MIT */
/* SQL of the application's own: peal_db_exec() and cursors. */
#include "connection.h"

#include "heap.h"

struct peal_cursor {
	struct peal__statement *statement;
	struct peal__arena
		arena; /* the texts of the parameters, which the statement reads at every step */
	bool done;
	struct peal_value values[];
};

int peal_db_exec(const char *database, const char *sql, const struct peal_params *params,
		 int64_t *ret_changes, struct peal_error *error)
{
	struct peal__connection *c;
	int r = peal__connection_get(database, &c, error);

	if (r != 0)
		return r;
	r = peal__connection_run(c, sql, params ? params->items : NULL, params ? params->count : 0,
				 ret_changes, error);
	if (r < 0 && r != PEAL_ETRANSACTION)
		peal__transaction_break(c);
	return r;
}

static int cursor_bind(struct peal_cursor *cursor, const struct peal_params *params,
		       struct peal_error *error)
{
	for (size_t i = 0; params && i < params->count; i++) {
		struct peal_value value = params->items[i];
		int r;

		if (value.kind == PEAL_VALUE_TEXT || value.kind == PEAL_VALUE_BYTES) {
			value.as.text.data = peal__arena_text(&cursor->arena, value.as.text.data,
							      value.as.text.size);
			if (!value.as.text.data)
				return peal__no_memory(error);
		}
		r = peal__statement_bind(cursor->statement, i, &value, error);
		if (r < 0)
			return r;
	}
	return 0;
}

int peal_db_query(const char *database, const char *sql, const struct peal_params *params,
		  struct peal_cursor **ret_cursor, struct peal_error *error)
{
	struct peal__connection *c;
	struct peal__statement *s;
	struct peal_cursor *cursor;
	int r = peal__connection_get(database, &c, error);

	if (r != 0)
		return r;
	r = peal__statement_get(c, sql, strlen(sql), &s, error);
	if (r < 0)
		return r;
	cursor = peal__db_alloc(sizeof(*cursor) + (s->width + 1) * sizeof(cursor->values[0]));
	if (!cursor) {
		peal__statement_put(s);
		return peal__no_memory(error);
	}
	cursor->statement = s;
	s->reading = PEAL__READ_AS_THEY_COME;
	r = cursor_bind(cursor, params, error);
	if (r < 0) {
		peal_cursor_free(cursor);
		return r;
	}
	*ret_cursor = cursor;
	return 0;
}

int peal_cursor_next(struct peal_cursor *cursor, const struct peal_value **ret_values,
		     struct peal_error *error)
{
	int r = cursor->done ? PEAL_DONE
			     : peal__statement_step(cursor->statement, NULL, cursor->values, error);

	if (r == 0)
		*ret_values = cursor->values;
	else
		cursor->done = true;
	return r;
}

size_t peal_cursor_width(const struct peal_cursor *cursor)
{
	return cursor->statement->width;
}

const char *peal_cursor_name(const struct peal_cursor *cursor, size_t column)
{
	struct peal__statement *s = cursor->statement;

	return column < s->width ? s->connection->db->driver->column_name(s, column) : NULL;
}

void peal_cursor_free(struct peal_cursor *cursor)
{
	if (!cursor)
		return;
	peal__statement_put(cursor->statement);
	peal__arena_fini(&cursor->arena);
	peal__db_free(cursor);
}
