/* SPDX-License-Identifier: MIT */
/* peal/peal.h: all of the dispatcher's headers. */
#ifndef PEAL_PEAL_H
#define PEAL_PEAL_H

#include <peal/async.h>
#include <peal/base.h>
#include <peal/dispatch.h>
#include <peal/error.h>
#include <peal/inspect.h>
#include <peal/value.h>

#endif
