/* SPDX-License-Identifier: MIT */
/*
 * peal-conformance SCENARIO DATABASE_URL
 *
 * Runs a scenario on Peal's public API and prints its trace. Exit status 0 when the scenario ran to
 * its end, 2 when it has a line that is not understood or asks for what is not supported, 1 when
 * something else went wrong.
 */
#include <stdio.h>
#include <stdlib.h>

#include <peal/db.h>

#include "keep.h"
#include "models.h"
#include "operations.h"
#include "receivers.h"
#include "scenario.h"
#include "users.h"
#include "variables.h"

static void run(const struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->count; i++) {
		place_set(NULL, scenario->lines[i].number);
		step_run(&scenario->lines[i].words);
	}
	blocks_check();
}

static void end(struct peal_db *db)
{
	receivers_end();
	signals_free();
	users_end();
	instances_end();
	peal_models_forget();
	peal_db_close(db);
	keep_free_all();
}

int main(int argc, char **argv)
{
	struct peal_error error = { 0 };
	struct scenario scenario;
	struct peal_db *db;
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: peal-conformance SCENARIO DATABASE_URL\n");
		return EXIT_FAILURE;
	}
	place_set(argv[1], 0);
	scenario = scenario_read(argv[1]);
	r = peal_db_open(argv[2], &db, &error);
	if (r == PEAL_ENOTSUP)
		refuse("not supported: %s", error.message);
	if (r != 0)
		die("%s", error.message);
	models_set_up();
	users_set_up();
	run(&scenario);
	end(db);
	if (fflush(stdout) != 0 || ferror(stdout))
		die("the trace cannot be written");
	return EXIT_SUCCESS;
}
