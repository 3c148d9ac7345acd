/* SPDX-License-Identifier: MIT */
/*
 * A receiver's line is written when it is called and finished when it returns, with its time. When something is shown
 * in between (a receiver inside it, or a line of its own), its time comes in a line below.
 */
#include "show.h"

#include "models.h"
#include "school.h"
#include "text.h"

#include <peal/inspect.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct timespec start;
static bool line_is_open;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start.tv_sec) * 1e3 +
	       (double)(now.tv_nsec - start.tv_nsec) / 1e6;
}

static void close_line(void)
{
	if (line_is_open)
		putchar('\n');
	line_is_open = false;
}

void say(const char *format, ...)
{
	va_list arguments;

	if (school.quiet)
		return;
	close_line();
	va_start(arguments, format);
	printf("%14s", "");
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
}

void heading(const char *title)
{
	if (school.quiet)
		return;
	close_line();
	printf("\n%s\n", title);
}

void skipped(const char *file, unsigned line, const char *reason)
{
	close_line();
	fflush(stdout);
	fprintf(stderr, "%s:%u: skipped: %s\n", file, line, reason);
	school.rows_skipped++;
}

void progress(const char *what, unsigned percent)
{
	if (!school.quiet || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%s %3u %%%s", what, percent, percent == 100 ? "\n" : "");
}

/* ---- Signals and receivers --------------------------------------------------------------------------------------- */

static const char *name_of_sender(const void *sender)
{
	for (size_t i = 0; i < peal_models_count(); i++)
		if (peal_models_at(i) == sender)
			return peal_model_label(peal_models_at(i));
	return sender ? "a user" : "nobody";
}

static const char *name_of_signal(const struct peal_signal *signal)
{
	return strncmp(signal->name, "peal_", 5) == 0 ? signal->name + 5 : signal->name;
}

static void show_event(void *user, const struct peal_trace_event *event)
{
	int indent = 2 * (int)event->depth;
	double elapsed_ms = (double)event->elapsed_ns / 1e6;

	(void)user;
	school.signals_sent += event->kind == PEAL_TRACE_SEND;
	school.receivers_called += event->kind == PEAL_TRACE_CALL;
	if (school.quiet)
		return;
	if (event->kind == PEAL_TRACE_CALL) {
		close_line();
		printf("%10.3f ms %*s%s %s%s -> %s", now_ms(), indent, "",
		       name_of_signal(event->signal), name_of_sender(event->sender),
		       event->when == PEAL_AFTER_COMMIT ? ", committed" : "", event->receiver);
		line_is_open = true;
	} else if (event->kind == PEAL_TRACE_RETURN) {
		if (!line_is_open)
			printf("%13s %*s%s is done", "", indent, "", event->receiver);
		printf("  (%.3f ms)%s%s", elapsed_ms, event->code ? " " : "",
		       event->code ? peal_error_name(event->code) : "");
		line_is_open = true;
		close_line();
	}
}

void show_begin(void)
{
	clock_gettime(CLOCK_MONOTONIC, &start);
	peal_set_trace(show_event, NULL);
}

void show_end(void)
{
	peal_set_trace(NULL, NULL);
	close_line();
}

/* ---- Tables -------------------------------------------------------------------------------------------------------- */

static void cell(const char *text, int width)
{
	printf("%s%*s", text, width - text_width(text) + 2, "");
}

static void show_student(const struct student *student)
{
	time_t seconds = (time_t)(student->born / 1000000);
	char born[16], number[16], articles[16];
	struct tm date;

	gmtime_r(&seconds, &date);
	strftime(born, sizeof(born), "%Y-%m-%d", &date);
	snprintf(number, sizeof(number), "%" PRId32, student->number);
	snprintf(articles, sizeof(articles), "%8" PRId32, student->article_count);
	cell(number, 6);
	cell(student->name, 38);
	cell(born, 10);
	cell(student->grade, 5);
	cell(articles, 8);
	printf("%s\n", student->profile_photo ? student->profile_photo : "-");
}

int show_students(struct peal_error *error)
{
	struct peal_query *query = peal_query_new(&student_model);
	struct student *student;
	struct peal_rows *rows;
	int r;

	peal_query_order_by(query, "number");
	r = peal_query_all(query, &rows, error);
	peal_query_free(query);
	if (r < 0)
		return r;
	printf("\n%-6s  %-38s  %-10s  %-5s  %8s  %s\n", "number", "name", "born", "grade",
	       "articles", "photo");
	PEAL_EACH(student_model, student, rows)
		show_student(student);
	peal_rows_free(rows);
	return 0;
}

int show_summary(struct peal_error *error)
{
	printf("\n%u signals sent, %u receivers called\n", school.signals_sent,
	       school.receivers_called);
	printf("%u rows accepted, %u skipped\n", school.rows_accepted, school.rows_skipped);
	for (size_t i = 0; i < peal_models_count(); i++) {
		struct peal_query *query = peal_query_new(peal_models_at(i));
		int64_t count;
		int r = peal_query_count(query, &count, error);

		peal_query_free(query);
		if (r < 0)
			return r;
		printf("%6" PRId64 " %s\n", count, peal_model_label(peal_models_at(i)));
	}
	return 0;
}
