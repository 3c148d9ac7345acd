/* SPDX-License-Identifier: MIT */
#include "query_ops.h"

#include <peal/bulk.h>
#include <peal/query.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The table, in the database and here ----------------------------------------------------------------------------- */

struct thing {
	struct peal_instance instance;
	int64_t id;
	bool has_number;
	int32_t number;
	const char *text;
	const char *name;
	double real;
	bool flag;
	struct peal_date day;
	struct peal_decimal price;
	int64_t at;
	int64_t parent_id;
	struct thing *parent;
};
PEAL_MODEL_DECLARE(thing_model, struct thing);

static const struct peal_field thing_fields[] = {
	PEAL_ID(struct thing, id),
	PEAL_INTEGER(struct thing, number, .null = true, .has = PEAL_HAS(struct thing, has_number)),
	PEAL_LONG_TEXT(struct thing, text, .null = true),
	PEAL_CHAR(struct thing, name, .max_length = 20),
	PEAL_FLOAT(struct thing, real),
	PEAL_BOOLEAN(struct thing, flag),
	PEAL_DATE(struct thing, day, .null = true),
	PEAL_DECIMAL(struct thing, price, .max_digits = 8, .decimal_places = 2),
	PEAL_DATETIME(struct thing, at, .null = true),
	PEAL_FOREIGN_KEY(struct thing, parent, thing_model, PEAL_CASCADE, .null = true,
			 .related_name = "children"),
};
PEAL_MODEL_DEFINE(thing_model, struct thing, .app = "fuzz", .name = "Thing",
		  .fields = PEAL_FIELDS(thing_fields));

enum {
	ID,
	NUMBER,
	TEXT,
	NAME,
	REAL,
	FLAG,
	DAY,
	PRICE,
	AT,
	PARENT,
	COLUMNS,
	ROWS = 24,
};

static const char *const names[COLUMNS] = { "id",   "number", "text",  "name", "real",
					    "flag", "day",    "price", "at",   "parent_id" };

static struct peal_value table[ROWS][COLUMNS]; /* row i has the key i + 1 */
static query_ops_fail *fail_with;
static bool nulls_last;

static char words[8192];
static size_t words_size;

static void say(const char *format, ...) PEAL_PRINTF(1, 2);
static void say(const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(words + words_size, sizeof(words) - words_size, format, args);
	va_end(args);
	if (size > 0)
		words_size += (size_t)size;
	if (words_size >= sizeof(words))
		words_size = sizeof(words) - 1;
}

const char *query_ops_words(void)
{
	return words;
}

static void fail(const char *format, ...) PEAL_PRINTF(1, 2);
static void fail(const char *format, ...)
{
	char message[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	fail_with(message);
}

static struct peal_value make(int row, int column)
{
	static const char *const texts[] = { "",   "a",   "A",     "ab", "aB",
					     "b",  "%",   "a%b",   "_",  "a_b",
					     "\\", "a\\", "abc",   "'",  "\"b\"",
					     "Ba", "ba",  " a b ", "cd", "\xc3\xa9t\xc3\xa9",
					     "zz" };
	unsigned n = (unsigned)(row * 7 + column * 13 + row * row % 5);

	switch (column) {
	case ID:
		return PEAL_INT(row + 1);
	case NUMBER:
		return n % 4 == 0 ? PEAL_NULL : PEAL_INT((int)(n % 9) - 4);
	case TEXT:
		return n % 5 == 0 ? PEAL_NULL : PEAL_TEXT(texts[n % PEAL_COUNTOF(texts)]);
	case NAME:
		return PEAL_TEXT(texts[(n + 3) % PEAL_COUNTOF(texts)]);
	case REAL:
		return PEAL_REAL(((int)(n % 7) - 3) * 0.5);
	case FLAG:
		return PEAL_BOOL(n % 3 == 0);
	case DAY:
		return n % 3 == 1 ? PEAL_NULL
				  : peal_value_date(peal_date_from_days((int)(n % 6) * 300 - 1));
	case PRICE:
		return peal_value_decimal((struct peal_decimal){ (int)(n % 11) * 125 - 500, 2 });
	case AT:
		return n % 4 == 1
			       ? PEAL_NULL
			       : PEAL_TIME(((int)(n % 5) - 2) * INT64_C(86400000000) + 1 + n % 2);
	default:
		return row < 4 || n % 4 == 0 ? PEAL_NULL : PEAL_INT(n % (unsigned)row + 1);
	}
}

static void insert(int row)
{
	struct peal_error error = { 0 };
	struct peal_instance *instance;
	int r = peal_new(&thing_model, NULL, &instance, &error);

	for (int i = 0; i < COLUMNS && r == 0; i++) {
		table[row][i] = make(row, i);
		r = peal_field_set(instance, names[i], table[row][i], &error);
	}
	if (r == 0)
		r = PEAL_SAVE(instance, &error, .force_insert = true);
	if (r != 0)
		fail("row %d: %s", row, error.message);
	peal_free(instance);
}

void query_ops_begin(query_ops_fail *how)
{
	struct peal_error error = { 0 };

	fail_with = how;
	nulls_last = strcmp(peal_db_vendor(peal_db_get(NULL)), "postgresql") == 0;
	if (PEAL_MODELS_REGISTER(&error, &thing_model) != 0 ||
	    peal_models_create_tables(NULL, &error) != 0)
		fail("%s", error.message);
	for (int i = 0; i < ROWS; i++)
		insert(i);
}

/* ---- Queries, from bytes --------------------------------------------------------------------------------------------- */

enum path {
	OWN,
	FORWARD,
	FORWARD_TWICE,
	BACKWARD, /* children */
	SIBLINGS, /* children of the parent */
	PATHS,
};

static const char *const paths[PATHS] = { "", "parent__", "parent__parent__", "children__",
					  "parent__children__" };

enum lookup {
	EXACT,
	GT,
	GTE,
	LT,
	LTE,
	ISNULL,
	IN,
	RANGE,
	IEXACT,
	CONTAINS,
	ICONTAINS,
	STARTSWITH,
	ISTARTSWITH,
	ENDSWITH,
	IENDSWITH,
	LOOKUPS,
};

static const char *const lookups[LOOKUPS] = { "",
					      "__gt",
					      "__gte",
					      "__lt",
					      "__lte",
					      "__isnull",
					      "__in",
					      "__range",
					      "__iexact",
					      "__contains",
					      "__icontains",
					      "__startswith",
					      "__istartswith",
					      "__endswith",
					      "__iendswith" };

#define NODES_MAX 40
#define CALLS_MAX 4
#define WIDTH 3

struct question;

/* A condition, or a group of them. */
struct node {
	uint32_t operation; /* 0: a condition */
	int children[WIDTH + 1], count;
	enum path path;
	int column;
	enum lookup lookup;
	struct peal_value values[WIDTH];
	int value_count;
	int operand; /* a column of the same row, or -1 */
	int plus;
	struct question *inner; /* IN */
	int inner_column;
	bool negated;
	/* for Peal */
	char name[64];
	struct peal_expression sum;
	struct peal_named named[WIDTH + 2];
};

struct question {
	struct node nodes[NODES_MAX];
	int node_count;
	int roots[CALLS_MAX], root_count;
	struct {
		enum path path;
		int column;
		bool descending;
		char name[40];
	} order[3];
	int order_count;
	bool distinct;
	int64_t offset, limit;
	struct peal_query *query;
};

struct bytes {
	const uint8_t *at, *end;
};

static unsigned take(struct bytes *bytes, unsigned below)
{
	return bytes->at < bytes->end ? *bytes->at++ % below : 0;
}

static struct peal_value pick(struct bytes *bytes, int column)
{
	struct peal_value value = table[take(bytes, ROWS)][column];

	if (value.kind == PEAL_VALUE_INT && take(bytes, 4) == 0)
		value.as.integer += (int)take(bytes, 5) - 2;
	if (column == ID || column == PARENT)
		return value.kind ? value : PEAL_INT(1);
	return value;
}

static bool is_text(int column)
{
	return column == TEXT || column == NAME;
}

static int condition_build(struct bytes *bytes, struct question *q, struct node *node, int depth);

static void condition_values(struct bytes *bytes, struct node *node)
{
	int count = node->lookup == IN      ? (int)take(bytes, WIDTH + 1)
		    : node->lookup == RANGE ? 2
					    : 1;

	for (int i = 0; i < count; i++) {
		struct peal_value value = pick(bytes, node->column);

		while (value.kind == PEAL_VALUE_NULL && node->lookup != EXACT)
			value = make((int)take(bytes, ROWS) + i + ROWS + node->value_count++,
				     node->column);
		if (node->column == PARENT && value.kind == PEAL_VALUE_NULL)
			value = PEAL_INT(1);
		node->values[i] = value;
	}
	node->value_count = count;
	if (node->lookup == ISNULL)
		node->values[0] = PEAL_BOOL(take(bytes, 2));
}

static void question_build(struct bytes *bytes, struct question *q, int depth);

static int node_build(struct bytes *bytes, struct question *q, bool negated, int depth)
{
	static const uint32_t operations[] = { 0, 0, 0, PEAL_ANY_OF, PEAL_ALL_OF, PEAL_NOT_ALL_OF };
	struct node *node = &q->nodes[q->node_count];
	int index = q->node_count++;

	memset(node, 0, sizeof(*node));
	node->operand = -1;
	node->negated = negated;
	if (depth < 3 && q->node_count < NODES_MAX - 8)
		node->operation = operations[take(bytes, PEAL_COUNTOF(operations))];
	if (!node->operation) {
		condition_build(bytes, q, node, depth);
		return index;
	}
	negated |= node->operation == PEAL_NOT_ALL_OF;
	for (unsigned n = take(bytes, WIDTH) + 1; n; n--)
		node->children[node->count++] = node_build(bytes, q, negated, depth + 1);
	return index;
}

static int condition_build(struct bytes *bytes, struct question *q, struct node *node, int depth)
{
	node->path = take(bytes, 3) ? OWN : (enum path)take(bytes, PATHS);
	node->column = (int)take(bytes, COLUMNS);
	node->lookup = (enum lookup)take(bytes, is_text(node->column) ? LOOKUPS : IEXACT);
	if (node->lookup <= LTE && node->column == NUMBER && node->path == OWN &&
	    take(bytes, 3) == 0) {
		node->operand = take(bytes, 2) ? ID : NUMBER;
		node->plus = (int)take(bytes, 4);
	} else if (node->lookup == IN && (node->column == ID || node->column == PARENT) &&
		   depth < 10 && take(bytes, 2)) {
		node->inner = calloc(1, sizeof(*node->inner));
		node->inner_column = take(bytes, 2) ? ID : PARENT;
		question_build(bytes, node->inner, 10);
	} else {
		condition_values(bytes, node);
	}
	(void)q;
	return 0;
}

static void order_build(struct bytes *bytes, struct question *q)
{
	for (unsigned n = take(bytes, 3); n; n--) {
		q->order[q->order_count].path = take(bytes, 4) ? OWN : FORWARD;
		q->order[q->order_count].column = (int)take(bytes, COLUMNS);
		q->order[q->order_count++].descending = take(bytes, 2);
	}
	q->order[q->order_count].path = OWN;
	q->order[q->order_count].column = ID;
	q->order[q->order_count++].descending = take(bytes, 2);
}

static void question_build(struct bytes *bytes, struct question *q, int depth)
{
	q->limit = INT64_MAX;
	q->distinct = take(bytes, 4) == 0;
	for (unsigned n = take(bytes, depth ? 2 : CALLS_MAX); n; n--) {
		/* The call itself: filter, exclude, filter_any. */
		static const uint32_t calls[] = { PEAL_ALL_OF, PEAL_NOT_ALL_OF, PEAL_ANY_OF };
		struct node *node = &q->nodes[q->node_count];
		int index = q->node_count++;

		memset(node, 0, sizeof(*node));
		node->operation = calls[take(bytes, 3)];
		for (unsigned m = take(bytes, WIDTH) + 1; m; m--)
			node->children[node->count++] = node_build(
				bytes, q, node->operation == PEAL_NOT_ALL_OF, depth ? 10 : 1);
		q->roots[q->root_count++] = index;
	}
	order_build(bytes, q);
	if (take(bytes, 4) == 0) {
		q->offset = take(bytes, 6);
		if (take(bytes, 2))
			q->limit = take(bytes, 12);
	}
}

static void question_free(struct question *q)
{
	for (int i = 0; i < q->node_count; i++) {
		if (q->nodes[i].inner) {
			question_free(q->nodes[i].inner);
			free(q->nodes[i].inner);
		}
	}
	peal_query_free(q->query);
}

/* ---- The same as a query of Peal ------------------------------------------------------------------------------------- */

static struct peal_query *query_of(struct question *q);

static void say_value(struct peal_value value)
{
	char text[100];

	say("%s", peal_value_format(value, text, sizeof(text)));
}

static struct peal_named leaf_named(struct node *node)
{
	struct peal_named named = { .name = node->name };

	snprintf(node->name, sizeof(node->name), "%s%s%s", paths[node->path], names[node->column],
		 lookups[node->lookup]);
	say("%s ", node->name);
	if (node->inner) {
		named.operation = PEAL_OF_QUERY;
		say("%s of (", names[node->inner_column]);
		named.query = query_of(node->inner);
		say(")");
		named.value = peal_value_text(names[node->inner_column]);
	} else if (node->operand >= 0) {
		node->sum = (struct peal_expression){ .operation = PEAL_ADD,
						      .left = peal__value_field(
							      0, names[node->operand]),
						      .right = PEAL_INT(node->plus) };
		named.value = peal__value_expression(&node->sum);
		say("%s + %d", names[node->operand], node->plus);
	} else if (node->lookup == IN || node->lookup == RANGE) {
		named.list = node->values;
		named.count = (size_t)node->value_count;
		for (int i = 0; i < node->value_count; i++) {
			say(i ? ", " : "");
			say_value(node->values[i]);
		}
	} else {
		named.value = node->values[0];
		say_value(named.value);
	}
	return named;
}

static struct peal_named named_of(struct question *q, struct node *node)
{
	static const char *const operations[] = {
		[PEAL_ANY_OF] = "any(", [PEAL_ALL_OF] = "all(", [PEAL_NOT_ALL_OF] = "not("
	};

	if (!node->operation)
		return leaf_named(node);
	say("%s", operations[node->operation]);
	for (int i = 0; i < node->count; i++) {
		say(i ? "; " : "");
		node->named[i] = named_of(q, &q->nodes[node->children[i]]);
	}
	say(")");
	return (struct peal_named){ .operation = node->operation, .conditions = node->named };
}

static void call(struct question *q, struct node *node)
{
	struct peal_named_list list = { node->named, (size_t)node->count };

	named_of(q, node);
	say(" ");
	if (node->operation == PEAL_ALL_OF)
		peal_query_filter(q->query, &list);
	else if (node->operation == PEAL_ANY_OF)
		peal_query_filter_any(q->query, &list);
	else
		peal_query_exclude(q->query, &list);
}

static struct peal_query *query_of(struct question *q)
{
	const char *order[3];

	q->query = peal_query_new(&thing_model);
	for (int i = 0; i < q->root_count; i++)
		call(q, &q->nodes[q->roots[i]]);
	for (int i = 0; i < q->order_count; i++) {
		snprintf(q->order[i].name, sizeof(q->order[i].name), "%s%s%s",
			 q->order[i].descending ? "-" : "", paths[q->order[i].path],
			 names[q->order[i].column]);
		order[i] = q->order[i].name;
		say("%s%s", i ? ", " : "by ", order[i]);
	}
	peal_query_order_by_names(q->query,
				  &(const struct peal_names){ order, (size_t)q->order_count });
	if (q->distinct) {
		peal_query_distinct(q->query);
		say(" distinct");
	}
	if (q->offset || q->limit != INT64_MAX) {
		peal_query_slice(q->query, q->offset, q->limit);
		say(" from %" PRId64 " take %" PRId64, q->offset, q->limit);
	}
	return q->query;
}

/* ---- The same in C --------------------------------------------------------------------------------------------------- */

/* A row, and the ones that the joins of one call have put beside it; -1: none. */
struct beside {
	int row, child, sibling;
};

static int parent_of(int row)
{
	return row >= 0 && table[row][PARENT].kind == PEAL_VALUE_INT
		       ? (int)table[row][PARENT].as.integer - 1
		       : -1;
}

static struct peal_value cell(int row, int column)
{
	return row < 0 ? PEAL_NULL : table[row][column];
}

static double number_of(struct peal_value value)
{
	switch (value.kind) {
	case PEAL_VALUE_BOOL:
		return value.as.boolean;
	case PEAL_VALUE_REAL:
		return value.as.real;
	case PEAL_VALUE_DECIMAL:
		return (double)value.as.decimal.coefficient;
	case PEAL_VALUE_DATE:
		return (double)peal_date_to_days(value.as.date);
	default:
		return (double)value.as.integer;
	}
}

/* Both have one kind, and are not null. */
static int compare(struct peal_value a, struct peal_value b)
{
	double x, y;

	if (a.kind == PEAL_VALUE_TEXT)
		return strcmp(a.as.text.data, b.as.text.data);
	x = number_of(a);
	y = number_of(b);
	return (x > y) - (x < y);
}

static void fold(const char *text, char *folded)
{
	do
		*folded++ = (char)((unsigned char)*text < 0x80 ? tolower(*text) : *text);
	while (*text++);
}

static bool matches(enum lookup lookup, const char *text, const char *part)
{
	char folded[2][64];
	size_t size = strlen(text), part_size = strlen(part);

	if (lookup == IEXACT || lookup == ICONTAINS || lookup == ISTARTSWITH ||
	    lookup == IENDSWITH) {
		fold(text, folded[0]);
		fold(part, folded[1]);
		text = folded[0];
		part = folded[1];
	}
	switch (lookup) {
	case IEXACT:
		return strcmp(text, part) == 0;
	case CONTAINS:
	case ICONTAINS:
		return strstr(text, part) != NULL;
	case STARTSWITH:
	case ISTARTSWITH:
		return strncmp(text, part, part_size) == 0;
	default:
		return size >= part_size && strcmp(text + size - part_size, part) == 0;
	}
}

static size_t answer(struct question *q, int *rows);

static bool is_among(const struct node *node, struct peal_value value)
{
	for (int i = 0; i < node->value_count && !node->inner; i++)
		if (compare(value, node->values[i]) == 0)
			return true;
	if (node->inner) {
		int rows[ROWS * ROWS];
		size_t count = answer(node->inner, rows);

		for (size_t i = 0; i < count; i++) {
			struct peal_value other = cell(rows[i], node->inner_column);

			if (other.kind != PEAL_VALUE_NULL && compare(value, other) == 0)
				return true;
		}
	}
	return false;
}

/* Null is in no relation to anything: then the condition does not hold. */
static bool holds_of(const struct node *node, struct peal_value value, int row)
{
	struct peal_value wanted = node->values[0];
	int order;

	if (node->lookup == ISNULL)
		return (value.kind == PEAL_VALUE_NULL) == wanted.as.boolean;
	if (node->operand >= 0) {
		wanted = cell(row, node->operand);
		if (wanted.kind == PEAL_VALUE_NULL)
			return false;
		wanted.as.integer += node->plus;
	} else if (node->lookup == EXACT && wanted.kind == PEAL_VALUE_NULL) {
		return value.kind == PEAL_VALUE_NULL;
	}
	if (value.kind == PEAL_VALUE_NULL)
		return false;
	if (node->lookup == IN)
		return is_among(node, value);
	if (node->lookup >= IEXACT)
		return matches(node->lookup, value.as.text.data, wanted.as.text.data);
	order = compare(value, wanted);
	switch (node->lookup) {
	case EXACT:
		return order == 0;
	case GT:
		return order > 0;
	case GTE:
		return order >= 0;
	case LT:
		return order < 0;
	case LTE:
		return order <= 0;
	default:
		return order >= 0 && compare(value, node->values[1]) <= 0;
	}
}

/* The children of a row, or -1 alone when there are none. */
static int children_of(int row, int *children)
{
	int count = 0;

	for (int i = 0; i < ROWS && row >= 0; i++)
		if (parent_of(i) == row)
			children[count++] = i;
	if (!count)
		children[count++] = -1;
	return count;
}

static bool leaf_holds(const struct node *node, const struct beside *beside)
{
	int children[ROWS], count;

	switch (node->path) {
	case OWN:
		return holds_of(node, cell(beside->row, node->column), beside->row);
	case FORWARD:
		return holds_of(node, cell(parent_of(beside->row), node->column), 0);
	case FORWARD_TWICE:
		return holds_of(node, cell(parent_of(parent_of(beside->row)), node->column), 0);
	default:
		break;
	}
	if (!node->negated)
		return holds_of(node,
				cell(node->path == BACKWARD ? beside->child : beside->sibling,
				     node->column),
				0);
	count = children_of(node->path == BACKWARD ? beside->row : parent_of(beside->row),
			    children);
	while (count)
		if (holds_of(node, cell(children[--count], node->column), 0))
			return true;
	return false;
}

static bool node_holds(const struct question *q, const struct node *node,
		       const struct beside *beside)
{
	int held = 0;

	if (!node->operation)
		return leaf_holds(node, beside);
	for (int i = 0; i < node->count; i++)
		held += node_holds(q, &q->nodes[node->children[i]], beside);
	if (node->operation == PEAL_ANY_OF)
		return held > 0;
	return (held == node->count) == (node->operation == PEAL_ALL_OF);
}

static bool joins(const struct question *q, const struct node *node, enum path path)
{
	bool any = !node->operation && node->path == path && !node->negated;

	for (int i = 0; i < node->count; i++)
		any |= joins(q, &q->nodes[node->children[i]], path);
	return any;
}

/* How often a row comes out of a call. */
static int times(const struct question *q, const struct node *root, int row)
{
	int children[ROWS], siblings[ROWS], found = 0;
	int child_count = children_of(row, children);
	int sibling_count = children_of(parent_of(row), siblings);

	if (!joins(q, root, BACKWARD))
		child_count = 1;
	if (!joins(q, root, SIBLINGS))
		sibling_count = 1;
	for (int i = 0; i < child_count; i++)
		for (int j = 0; j < sibling_count; j++)
			found += node_holds(q, root,
					    &(struct beside){ row, children[i], siblings[j] });
	return found;
}

static const struct question *ordering;

static int in_order(const void *a, const void *b)
{
	for (int i = 0; i < ordering->order_count; i++) {
		int rows[2] = { *(const int *)a, *(const int *)b }, order;
		struct peal_value x, y;

		for (int j = 0; j < 2 && ordering->order[i].path == FORWARD; j++)
			rows[j] = parent_of(rows[j]);
		x = cell(rows[0], ordering->order[i].column);
		y = cell(rows[1], ordering->order[i].column);
		if (x.kind == PEAL_VALUE_NULL || y.kind == PEAL_VALUE_NULL)
			order = ((y.kind == PEAL_VALUE_NULL) - (x.kind == PEAL_VALUE_NULL)) *
				(nulls_last ? -1 : 1);
		else
			order = compare(x, y);
		if (order)
			return ordering->order[i].descending ? -order : order;
	}
	return 0;
}

static size_t answer(struct question *q, int *rows)
{
	const struct question *before = ordering;
	size_t count = 0, taken = 0;

	for (int row = 0; row < ROWS; row++) {
		int n = 1;

		for (int i = 0; i < q->root_count; i++)
			n *= times(q, &q->nodes[q->roots[i]], row);
		if (q->distinct && n > 1)
			n = 1;
		while (n-- > 0 && count < ROWS * ROWS)
			rows[count++] = row;
	}
	ordering = q;
	qsort(rows, count, sizeof(*rows), in_order);
	ordering = before;
	for (size_t i = (size_t)q->offset; i < count && (int64_t)taken < q->limit; i++)
		rows[taken++] = rows[i];
	return taken;
}

/* ---- Both compared ----------------------------------------------------------------------------------------------------- */

static bool is_sliced(const struct question *q)
{
	return q->offset || q->limit != INT64_MAX;
}

static void same(int r, const struct peal_error *error, const char *what)
{
	if (r < 0)
		fail("%s: %d: %s", what, r, error->message);
}

static void check_rows(struct question *q, const int *rows, size_t count)
{
	struct peal_error error = { 0 };
	struct peal_rows *found = NULL;

	same(peal_query_all(q->query, &found, &error), &error, "all");
	if (peal_rows_count(found) != count)
		fail("all: %zu rows, not %zu", peal_rows_count(found), count);
	for (size_t i = 0; i < count; i++) {
		struct peal_instance *instance = peal_rows_at(found, i);

		for (int j = 0; j < COLUMNS; j++) {
			struct peal_value value;

			same(peal_field_get(instance, names[j], &value, &error), &error, "get");
			if (!peal_value_equal(value, table[rows[i]][j]))
				fail("row %zu: %s is not that of %d", i, names[j], rows[i] + 1);
		}
	}
	peal_rows_free(found);
}

static void check_stream(struct question *q, const int *rows, size_t count)
{
	struct peal_error error = { 0 };
	struct peal_instance *instance;
	struct peal_stream *stream;
	size_t i = 0;
	int r;

	same(peal_query_stream(q->query, &stream, &error), &error, "stream");
	while ((r = peal_stream_next(stream, &instance, &error)) == 0) {
		if (i == count || thing_model_from(instance)->id != rows[i] + 1)
			fail("stream: row %zu is another one", i);
		i++;
	}
	same(r, &error, "stream");
	if (i != count)
		fail("stream: %zu rows, not %zu", i, count);
	peal_stream_free(stream);
}

static void check_ends(struct question *q, const int *rows, size_t count)
{
	struct peal_error error = { 0 };
	struct thing thing;
	int64_t counted;
	bool exists;
	int r;

	same(peal_query_count(q->query, &counted, &error), &error, "count");
	if (counted != (int64_t)count)
		fail("count: %" PRId64 ", not %zu", counted, count);
	same(peal_query_exists(q->query, &exists, &error), &error, "exists");
	if (exists != (count > 0))
		fail("exists: %d", exists);
	for (int last = 0; last < (is_sliced(q) ? 1 : 2); last++) {
		r = last ? peal_query_last(q->query, &thing.instance, &error)
			 : peal_query_first(q->query, &thing.instance, &error);
		same(r, &error, last ? "last" : "first");
		if (r != (count ? 0 : PEAL_NOT_FOUND))
			fail("first or last: %d of %zu", r, count);
		if (r == 0 && thing.id != rows[last ? count - 1 : 0] + 1)
			fail("%s is %" PRId64, last ? "last" : "first", thing.id);
		if (r == 0)
			peal_fini(&thing.instance);
	}
	r = peal_query_get(q->query, &thing.instance, &error);
	same(r, &error, "get");
	if (r != (count == 0 ? PEAL_NOT_FOUND : count > 1 ? PEAL_MULTIPLE : 0))
		fail("get: %d of %zu", r, count);
	if (r == 0)
		peal_fini(&thing.instance);
}

/* Columns of the rows themselves and of their parents. */
static void check_values(struct question *q, const int *rows, size_t count, struct bytes *bytes)
{
	struct peal_error error = { 0 };
	struct peal_values *values = NULL;
	int column = (int)take(bytes, COLUMNS);
	char other[40];

	snprintf(other, sizeof(other), "parent__%s", names[column]);
	same(peal_query_values(q->query, PEAL_NAMES_OF("pk", other, names[column]), &values,
			       &error),
	     &error, "values");
	if (peal_values_count(values) != count)
		fail("values: %zu rows, not %zu", peal_values_count(values), count);
	for (size_t i = 0; i < count; i++) {
		const struct peal_value *row = peal_values_at(values, i);

		if (row[0].as.integer != rows[i] + 1 ||
		    !peal_value_equal(row[1], cell(parent_of(rows[i]), column)) ||
		    !peal_value_equal(row[2], cell(rows[i], column)))
			fail("values: row %zu is another one", i);
	}
	peal_values_free(values);
}

static void check_aggregates(struct question *q, const int *rows, size_t count)
{
	struct peal_value sum = PEAL_NULL, least = PEAL_NULL, values[5];
	struct peal_error error = { 0 };
	int64_t numbers = 0;
	bool seen[ROWS] = { false };
	int64_t different = 0;

	for (size_t i = 0; i < count; i++) {
		struct peal_value number = table[rows[i]][NUMBER], day = table[rows[i]][DAY];

		different += !seen[rows[i]];
		seen[rows[i]] = true;
		if (number.kind != PEAL_VALUE_NULL) {
			numbers++;
			number.as.integer += sum.kind ? sum.as.integer : 0;
			sum = number;
		}
		if (day.kind && (!least.kind || compare(day, least) < 0))
			least = day;
	}
	same(peal_query_aggregate(q->query,
				  PEAL_AGGREGATES(PEAL_COUNT("pk"), PEAL_COUNT("number"),
						  PEAL_SUM("number"), PEAL_MIN("day"),
						  PEAL_COUNT("pk", .distinct = true)),
				  values, &error),
	     &error, "aggregate");
	if (values[0].as.integer != (int64_t)count || values[1].as.integer != numbers ||
	    !peal_value_equal(values[2], sum) || !peal_value_equal(values[3], least) ||
	    values[4].as.integer != different)
		fail("aggregate: count %" PRId64 " of %zu, numbers %" PRId64 " of %" PRId64
		     ", sum %" PRId64 " of %" PRId64 ", different %" PRId64 " of %" PRId64,
		     values[0].as.integer, count, values[1].as.integer, numbers,
		     values[2].as.integer, sum.as.integer, values[4].as.integer, different);
}

static void mark(const int *rows, size_t count, bool *marked)
{
	memset(marked, 0, ROWS * sizeof(*marked));
	for (size_t i = 0; i < count; i++)
		marked[rows[i]] = true;
}

/* Changes of all rows found are undone at the end of their block. */
static void check_update(struct question *q, const bool *marked)
{
	struct peal_error error = { 0 };
	struct peal_values *values = NULL;
	struct peal_query *all = peal_query_new(&thing_model);
	int64_t changed = -1, expected = 0;
	int r;

	peal_query_order_by(all, "id");
	PEAL_ATOMIC(r, &error) {
		same(peal_query_update(q->query,
				       PEAL_WITH(PEAL_INCREMENT(thing_model, number, 100),
						 PEAL_SET(thing_model, text, "changed")),
				       &changed, &error),
		     &error, "update");
		same(peal_query_values(all, PEAL_NAMES_OF("number", "text"), &values, &error),
		     &error, "values");
		r = PEAL_ECANCELED;
	}
	for (int i = 0; i < ROWS; i++) {
		const struct peal_value *row = peal_values_at(values, (size_t)i);
		struct peal_value number = table[i][NUMBER];

		expected += marked[i];
		if (marked[i] && number.kind)
			number.as.integer += 100;
		if (!peal_value_equal(row[0], number) ||
		    !peal_value_equal(row[1], marked[i] ? PEAL_TEXT("changed") : table[i][TEXT]))
			fail("update: row %d is wrong", i + 1);
	}
	if (changed != expected)
		fail("update: %" PRId64 " rows, not %" PRId64, changed, expected);
	peal_values_free(values);
	peal_query_free(all);
}

static void check_delete(struct question *q, bool *marked)
{
	struct peal_error error = { 0 };
	struct peal_deleted deleted = { 0 };
	struct peal_values *values = NULL;
	struct peal_query *all = peal_query_new(&thing_model);
	int64_t expected = 0;
	size_t at = 0;
	int r;

	for (bool again = true; again;) {
		again = false;
		for (int i = 0; i < ROWS; i++) {
			if (!marked[i] && parent_of(i) >= 0 && marked[parent_of(i)])
				again = marked[i] = true;
		}
	}
	peal_query_order_by(all, "id");
	PEAL_ATOMIC(r, &error) {
		same(peal_query_delete(q->query, &deleted, &error), &error, "delete");
		same(peal_query_values(all, PEAL_NAMES_OF("id"), &values, &error), &error,
		     "values");
		r = PEAL_ECANCELED;
	}
	for (int i = 0; i < ROWS; i++) {
		expected += marked[i];
		if (!marked[i] && (at >= peal_values_count(values) ||
				   peal_values_at(values, at++)[0].as.integer != i + 1))
			fail("delete: row %d should be there", i + 1);
	}
	if (deleted.total != expected || at != peal_values_count(values))
		fail("delete: %" PRId64 " rows, not %" PRId64, deleted.total, expected);
	peal_deleted_fini(&deleted);
	peal_values_free(values);
	peal_query_free(all);
}

size_t query_ops_run(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, data + size };
	struct question *q = calloc(1, sizeof(*q));
	int rows[ROWS * ROWS];
	bool marked[ROWS];
	size_t count;

	words_size = 0;
	words[0] = '\0';
	question_build(&bytes, q, 0);
	query_of(q);
	count = answer(q, rows);
	if (count < ROWS * ROWS) {
		check_rows(q, rows, count);
		check_stream(q, rows, count);
		check_ends(q, rows, count);
		check_values(q, rows, count, &bytes);
		check_aggregates(q, rows, count);
		mark(rows, count, marked);
		if (!is_sliced(q)) {
			check_update(q, marked);
			check_delete(q, marked);
		}
	}
	question_free(q);
	free(q);
	return count;
}
