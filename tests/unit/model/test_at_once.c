/* SPDX-License-Identifier: MIT */
/* Everything at once: threads that save, read and delete, while receivers come and go. */
#include "models.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	THREADS = 16,
	ROUNDS = 12
};

static atomic_int saved, deleted;

static int count_saved(struct peal_call *call, const struct peal_post_save_args *args)
{
	(void)call;
	atomic_fetch_add(&saved, args->created);
	return 0;
}

static int count_deleted(struct peal_call *call, const struct peal_post_delete_args *args)
{
	(void)call;
	(void)args;
	atomic_fetch_add(&deleted, 1);
	return 0;
}

/* One for each thread: it hears the others too, while it is connected. */
static int look_at_row(struct peal_call *call, const struct peal_post_save_args *args)
{
	const struct person *person = (const struct person *)args->instance;

	(void)call;
	return person->age < 0 ? PEAL_EINVAL : 0;
}

static void fails(const struct peal_error *error)
{
	T_FAIL("%s", error->message);
}

static void save_and_read(int number, int round, int64_t *ret_key)
{
	struct peal_error error = { 0 };
	struct person person, again;
	char name[40];
	int r;

	snprintf(name, sizeof(name), "thread %d round %d", number, round);
	if (person_model_init(&person, PEAL_WITH(PEAL_ARG("name", PEAL_TEXT(name))), &error) != 0)
		fails(&error);
	if (round % 2 == 0) {
		r = peal_save(&person.instance, &error);
	} else {
		PEAL_ATOMIC(r, &error) {
			r = peal_save(&person.instance, &error);
			if (r == 0)
				r = PEAL_SAVE(&person.instance, &error,
					      .update_fields = PEAL_NAMES("age"));
		}
	}
	if (r != 0 ||
	    person_model_get(&again, PEAL_WITH(PEAL_ARG("pk", PEAL_INT(person.id))), &error) != 0)
		fails(&error);
	T_STR(again.name, name);
	*ret_key = person.id;
	peal_fini(&again.instance);
	peal_fini(&person.instance);
}

static void delete_one(int64_t key)
{
	struct peal_error error = { 0 };
	struct person person;

	if (person_model_get(&person, PEAL_WITH(PEAL_ARG("pk", PEAL_INT(key))), &error) != 0 ||
	    peal_delete(&person.instance, NULL, &error) != 0)
		fails(&error);
	peal_fini(&person.instance);
}

static void read_many(void)
{
	struct peal_query *query = peal_query_new(&person_model);
	struct peal_error error = { 0 };
	struct peal_rows *rows;
	struct person *person;

	peal_query_slice(query, 0, 5);
	if (peal_query_all(query, &rows, &error) != 0)
		fails(&error);
	PEAL_EACH(person_model, person, rows)
		T_TRUE(person->id > 0);
	peal_rows_free(rows);
	peal_query_free(query);
}

static void *work(void *pointer)
{
	int number = (int)(intptr_t)pointer;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t key;

		T_OK(PEAL_CONNECT(peal_post_save, look_at_row, .user = pointer,
				  .sender = &person_model));
		save_and_read(number, round, &key);
		read_many();
		T_OK(PEAL_DISCONNECT(peal_post_save, look_at_row, .user = pointer,
				     .sender = &person_model));
		if (round % 3)
			delete_one(key);
	}
	return NULL;
}

static void run_threads(uint32_t max_connections)
{
	struct peal_error error = { 0 };
	pthread_t threads[THREADS];
	struct peal_query *query;
	struct peal_db *db;
	int64_t count;

	saved = deleted = 0;
	/* WAL, where there is a file: this is not about disks. */
	if (peal_db_open_with(
		    database_url(),
		    &(struct peal_db_options){ .max_connections = max_connections, .wal = true },
		    &db, &error) != 0 ||
	    PEAL_MODELS_REGISTER(&error, &person_model, &profile_model, &article_model,
				 &comment_model, &holder_model) != 0 ||
	    peal_models_create_tables(NULL, &error) != 0)
		fails(&error);
	T_OK(PEAL_CONNECT(peal_post_save, count_saved, .sender = &person_model));
	T_OK(PEAL_CONNECT(peal_post_delete, count_deleted, .sender = &person_model));
	for (intptr_t i = 0; i < THREADS; i++)
		T_INT(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
	for (size_t i = 0; i < THREADS; i++)
		T_INT(pthread_join(threads[i], NULL), 0);
	query = peal_query_new(&person_model);
	T_OK(peal_query_count(query, &count, &error));
	T_INT(saved, THREADS * ROUNDS);
	T_INT(deleted, THREADS * ROUNDS * 2 / 3);
	T_INT(count, THREADS * ROUNDS / 3);
	T_OK(peal_query_delete(query, NULL, &error));
	peal_query_free(query);
	T_OK(PEAL_DISCONNECT(peal_post_save, count_saved, .sender = &person_model));
	T_OK(PEAL_DISCONNECT(peal_post_delete, count_deleted, .sender = &person_model));
	end_models(db);
}

TEST(each_with_its_connection)
{
	run_threads(0);
}

TEST(with_three_connections)
{
	run_threads(3);
}
