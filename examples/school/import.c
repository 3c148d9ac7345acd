/* SPDX-License-Identifier: MIT */
#include "import.h"

#include "csv.h"
#include "files.h"
#include "models.h"
#include "school.h"
#include "show.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum column {
	NUMBER,
	NAME,
	BORN,
	EMAIL,
	GRADE,
	PHOTO,
	COLUMNS
};

static int invalid(struct peal_error *error, const char *reason, const char *value)
{
	return peal_error_set(error, PEAL_INVALID, "%s: \"%s\"", reason, value);
}

/* What a record can be blamed for; everything else is ours. */
static bool is_of_record(int r)
{
	return r == PEAL_INVALID || r == PEAL_EINTEGRITY || r == PEAL_ETYPE || r == PEAL_NOT_FOUND;
}

/* Counted and reported; the database's own words are for programmers. */
static void skip(const char *path, unsigned line, const struct peal_error *error)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "another row has this %s", error->field);
	skipped(path, line,
		error->code == PEAL_EINTEGRITY && *error->field ? reason : error->message);
}

static int read_number(const char *text, int32_t *ret, struct peal_error *error)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < 1 || number > INT32_MAX)
		return invalid(error, "not a number", text);
	*ret = (int32_t)number;
	return 0;
}

/* "2008-02-29" in microseconds. mktime would make the 1st of March of a 30th of February: it must come back the same. */
static int read_date(const char *text, int64_t *ret, struct peal_error *error)
{
	struct tm date = { 0 };
	char again[16], rest;
	time_t seconds;

	if (sscanf(text, "%4d-%2d-%2d%c", &date.tm_year, &date.tm_mon, &date.tm_mday, &rest) != 3)
		return invalid(error, "not a date (YYYY-MM-DD)", text);
	date.tm_year -= 1900;
	date.tm_mon -= 1;
	seconds = timegm(&date);
	strftime(again, sizeof(again), "%Y-%m-%d", &date);
	if (strcmp(again, text) != 0)
		return invalid(error, "there is no such day", text);
	*ret = (int64_t)seconds * 1000000;
	return 0;
}

static void data_path(char *path, size_t size, const char *directory, const char *name)
{
	snprintf(path, size, "%s/%s%s%s", school.data, directory, *directory ? "/" : "", name);
}

/* ---- Students ------------------------------------------------------------------------------------------------------- */

static int check_columns(struct csv *csv, struct peal_error *error)
{
	if (csv->count != COLUMNS)
		return peal_error_set(error, PEAL_INVALID, "%zu columns instead of %d", csv->count,
				      (int)COLUMNS);
	for (size_t i = 0; i < COLUMNS; i++)
		csv->fields[i] = strip(csv->fields[i]);
	if (!*csv->fields[NAME])
		return peal_error_set(error, PEAL_INVALID, "there is no name");
	if (strlen(csv->fields[GRADE]) != 1 || !strchr("ABCDEF", *csv->fields[GRADE]))
		return invalid(error, "not a grade from A to F", csv->fields[GRADE]);
	return 0;
}

static int create_user(struct user *user, const char *email, struct peal_error *error)
{
	char name[150];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(email, "@"), email);
	return user_model_create(
		user,
		PEAL_WITH(PEAL_SET(user_model, username, name), PEAL_SET(user_model, email, email)),
		error);
}

static int add_photo(struct student *student, const char *photo, struct peal_error *error)
{
	char from[4096], to[256];
	int r;

	if (!*photo)
		return 0;
	data_path(from, sizeof(from), "photos", photo);
	r = image_check(from, error);
	if (r != 0)
		return r;
	snprintf(to, sizeof(to), "profiles/%s", photo);
	r = media_add(from, to, error);
	return r < 0 ? r : peal_set_text(&student->instance, &student->profile_photo, to);
}

static int save_student(struct csv *csv, struct user *user, struct peal_error *error)
{
	struct student student;
	int r = student_model_init(
		&student, PEAL_WITH(PEAL_SET(student_model, user, &user->instance)), error);

	if (r != 0)
		return r;
	/* The record outlives the student: plain pointers to it will do. */
	student.name = csv->fields[NAME];
	student.grade = csv->fields[GRADE];
	r = read_number(csv->fields[NUMBER], &student.number, error);
	if (r == 0)
		r = read_date(csv->fields[BORN], &student.born, error);
	if (r == 0)
		r = add_photo(&student, csv->fields[PHOTO], error);
	if (r == 0)
		r = peal_save(&student.instance, error);
	peal_fini(&student.instance);
	return r;
}

/* A block of its own: when the student cannot be saved there is no user either. */
static int import_student(struct csv *csv, struct peal_error *error)
{
	struct user user = { .id = 0 };
	int r;

	PEAL_ATOMIC(r, error) {
		r = check_columns(csv, error);
		if (r == 0)
			r = create_user(&user, csv->fields[EMAIL], error);
		if (r == 0)
			r = save_student(csv, &user, error);
	}
	peal_fini(&user.instance);
	return r;
}

static int import_records(struct csv *csv, const char *path, struct peal_error *error)
{
	int r = 0;

	csv_next(csv); /* the names of the columns */
	while (r == 0 && csv_next(csv)) {
		r = import_student(csv, error);
		if (r == 0) {
			school.rows_accepted++;
		} else if (is_of_record(r)) {
			skip(path, csv->record_line, error);
			r = 0;
		}
		progress("students", csv_progress(csv));
	}
	return r;
}

int import_students(struct peal_error *error)
{
	char path[4096];
	struct csv csv;
	int r;

	data_path(path, sizeof(path), "", "students.csv");
	if (csv_open(&csv, path) < 0)
		return peal_error_set(error, PEAL_ESYS, "%s: %s", path, strerror(errno));
	PEAL_ATOMIC(r, error) {
		r = import_records(&csv, path, error);
	}
	csv_close(&csv);
	return r;
}

/* ---- Articles ------------------------------------------------------------------------------------------------------- */

/* The value of a "name: value" line at *text, which moves behind the line; NULL when it is another line. */
static char *header(char **text, const char *name)
{
	char *value = *text + strlen(name);
	char *end = *text + strcspn(*text, "\n");

	if (strncmp(*text, name, strlen(name)) != 0)
		return NULL;
	*text = *end ? end + 1 : end;
	*end = '\0';
	return strip(value);
}

static int find_author(const char *number, struct student *author, struct peal_error *error)
{
	int32_t wanted = 0;
	int r = read_number(number ? number : "", &wanted, error);

	if (r != 0)
		return r;
	r = student_model_get(author, PEAL_WITH(PEAL_IS(student_model, number, wanted)), error);
	return r == PEAL_NOT_FOUND
		       ? peal_error_set(error, r, "there is no student %" PRId32, wanted)
		       : r;
}

static int save_article(struct article *article, const char *image, struct peal_error *error)
{
	char from[4096], to[256];
	int r = 0;

	if (image) {
		data_path(from, sizeof(from), "photos", image);
		snprintf(to, sizeof(to), "articles/%s", image);
		r = image_check(from, error);
		if (r == 0)
			r = media_add(from, to, error);
		if (r == 0)
			r = peal_set_text(&article->instance, &article->image, to);
	}
	return r == 0 ? peal_save(&article->instance, error) : r;
}

static int import_text(char *text, unsigned *line, struct peal_error *error)
{
	const char *author, *image;
	struct student student = { .id = 0 };
	struct article article;
	char *title = header(&text, "");
	int r;

	if (!*title)
		return peal_error_set(error, PEAL_INVALID, "there is no title");
	*line = 2;
	author = header(&text, "by:");
	image = header(&text, "image:");
	r = find_author(author, &student, error);
	if (r != 0)
		return r;
	r = article_model_init(
		&article, PEAL_WITH(PEAL_SET(article_model, author, &student.instance)), error);
	if (r == 0) {
		article.title = title;
		article.body = strip(text);
		r = save_article(&article, image, error);
		peal_fini(&article.instance);
	}
	peal_fini(&student.instance);
	return r;
}

static int import_article(const char *name, struct peal_error *error)
{
	char path[4096];
	unsigned line = 1;
	char *text;
	int r;

	data_path(path, sizeof(path), "articles", name);
	text = read_file(path);
	if (!text)
		return peal_error_set(error, PEAL_ESYS, "%s: %s", path, strerror(errno));
	PEAL_ATOMIC(r, error) {
		r = import_text(text, &line, error);
	}
	free(text);
	if (r == 0)
		school.rows_accepted++;
	else if (is_of_record(r))
		skip(path, line, error);
	return is_of_record(r) ? 0 : r;
}

static int is_text(const struct dirent *entry)
{
	const char *point = strrchr(entry->d_name, '.');

	return point && strcmp(point, ".txt") == 0;
}

int import_articles(struct peal_error *error)
{
	struct dirent **names = NULL;
	char path[4096];
	int count, r = 0;

	data_path(path, sizeof(path), "", "articles");
	count = scandir(path, &names, is_text, alphasort);
	if (count < 0)
		return peal_error_set(error, PEAL_ESYS, "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (r == 0)
			r = import_article(names[i]->d_name, error);
		progress("articles", (unsigned)(100 * (i + 1) / count));
		free(names[i]);
	}
	free(names);
	return r;
}
