/* SPDX-License-Identifier: MIT */
/* The syntax of e-mail addresses, URLs and slugs: the rules of Django's validators, without its regular expressions. */
#include "state.h"

#include <peal/validate.h>

#include <arpa/inet.h>
#include <strings.h>

#define EMAIL_MAX 320
#define URL_MAX 2048
#define HOST_MAX 253
#define LABEL_MAX 63

/* A part of a text. */
struct part {
	const char *at, *end;
};

static size_t size_of(struct part part)
{
	return (size_t)(part.end - part.at);
}

/* Letters and digits of ASCII, and all letters of other alphabets. */
static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (unsigned char)c >= 0x80;
}

static bool is_label(struct part part)
{
	if (part.at == part.end || size_of(part) > LABEL_MAX || *part.at == '-' ||
	    part.end[-1] == '-')
		return false;
	for (; part.at < part.end; part.at++)
		if (!is_word(*part.at) && *part.at != '-')
			return false;
	return true;
}

static bool is_number(struct part part)
{
	for (; part.at < part.end; part.at++)
		if (*part.at < '0' || *part.at > '9')
			return false;
	return true;
}

static bool is_text(struct part part, const char *text)
{
	return size_of(part) == strlen(text) && strncasecmp(part.at, text, size_of(part)) == 0;
}

/* Labels with points between them, of which the last is no number; or localhost. */
static bool is_domain(struct part part)
{
	const char *point;
	size_t labels = 0;

	if (size_of(part) > HOST_MAX)
		return false;
	if (is_text(part, "localhost"))
		return true;
	for (;; part.at = point + 1, labels++) {
		point = memchr(part.at, '.', size_of(part));
		if (!is_label((struct part){ part.at, point ? point : part.end }))
			return false;
		if (!point)
			return labels > 0 && size_of(part) > 1 && !is_number(part);
	}
}

static bool is_address(struct part part, int family)
{
	unsigned char address[16];
	char text[64];

	if (size_of(part) >= sizeof(text))
		return false;
	memcpy(text, part.at, size_of(part));
	text[size_of(part)] = '\0';
	return inet_pton(family, text, address) == 1;
}

/* [2001:db8::1] */
static bool is_bracketed(struct part part, bool also_ipv4)
{
	struct part inner = { part.at + 1, part.end - 1 };

	if (size_of(part) < 3 || *part.at != '[' || part.end[-1] != ']')
		return false;
	return is_address(inner, AF_INET6) || (also_ipv4 && is_address(inner, AF_INET));
}

/* ---- E-mail ---------------------------------------------------------------------------------------------------- */

static bool is_dot_atom(struct part part)
{
	if (part.at == part.end || *part.at == '.' || part.end[-1] == '.')
		return false;
	for (; part.at < part.end; part.at++) {
		unsigned char c = (unsigned char)*part.at;

		if (c >= 0x80 || !c || (!is_word(*part.at) && !strchr("!#$%&'*+-/=?^_`{}|~.", c)))
			return false;
		if (c == '.' && part.at[1] == '.')
			return false;
	}
	return true;
}

static bool is_quoted(struct part part)
{
	if (size_of(part) < 2 || *part.at != '"' || part.end[-1] != '"')
		return false;
	for (part.at++, part.end--; part.at < part.end; part.at++) {
		unsigned char c = (unsigned char)*part.at;

		if (c == '\\' && ++part.at == part.end)
			return false;
		if (c >= 0x80 || c == '"' || c == '\n' || c == '\r')
			return false;
	}
	return true;
}

bool peal_is_email(const char *text)
{
	const char *at = strrchr(text, '@');
	struct part user = { text, at }, domain = { at ? at + 1 : text, text + strlen(text) };

	if (!at || (size_t)(domain.end - text) > EMAIL_MAX)
		return false;
	return (is_dot_atom(user) || is_quoted(user)) &&
	       (is_domain(domain) || is_bracketed(domain, true));
}

/* ---- URLs ------------------------------------------------------------------------------------------------------ */

static bool is_scheme(struct part part)
{
	static const char *const schemes[] = { "http", "https", "ftp", "ftps" };

	for (size_t i = 0; i < PEAL_COUNTOF(schemes); i++)
		if (is_text(part, schemes[i]))
			return true;
	return false;
}

static bool is_user(struct part part)
{
	size_t colons = 0;

	for (; part.at < part.end; part.at++) {
		colons += *part.at == ':';
		if (*part.at == '@')
			return false;
	}
	return colons <= 1;
}

static bool is_host(struct part part)
{
	struct part host = part;
	const char *colon = part.end;

	while (colon > part.at && colon[-1] >= '0' && colon[-1] <= '9')
		colon--;
	if (colon > part.at && colon[-1] == ':') {
		if (colon == part.end || part.end - colon > 5)
			return false;
		host.end = colon - 1;
	}
	if (size_of(host) > 1 && host.end[-1] == '.') /* the root, written out */
		host.end--;
	return is_domain(host) || is_address(host, AF_INET) || is_bracketed(host, false);
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

bool peal_is_url(const char *text)
{
	const char *colon = strstr(text, "://"), *last, *at;
	struct part authority;

	if (!colon || strlen(text) > URL_MAX || !is_printable(text) ||
	    !is_scheme((struct part){ text, colon }))
		return false;
	authority.at = colon + 3;
	authority.end = authority.at + strcspn(authority.at, "/?#");
	at = NULL;
	for (last = authority.at; last < authority.end; last++)
		if (*last == '@')
			at = last;
	if (at && !is_user((struct part){ authority.at, at }))
		return false;
	return is_host((struct part){ at ? at + 1 : authority.at, authority.end });
}

/* ---- The rest -------------------------------------------------------------------------------------------------- */

bool peal_is_slug(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80 ||
		    (!is_word(*text) && *text != '-' && *text != '_'))
			return false;
	return true;
}

bool peal_is_json(const char *text)
{
	return peal__json_is_valid(text, strlen(text));
}
