/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vec.h: read known answers from $MESH_VECTORS (default ../shared/vectors). Tests only. */
#ifndef TESTS_LIB_VEC_H
#define TESTS_LIB_VEC_H

#include "base/bytes.h"
#include "base/json.h"

/* The parsed file, kept for the life of the process. Exits 77 with a loud line if the folder is
 * absent; exits 1 if the file is not in it or does not parse. */
json_t *vec_load(const char *name);
/* Hex member of an object as new bytes (free()); *len set. Exits 1 if absent or bad. */
uint8_t *vec_hex(const json_t *obj, const char *member, size_t *len);
/* Exactly n bytes of hex into out; exits 1 otherwise. */
void vec_hex_into(const json_t *obj, const char *member, uint8_t *out, size_t n);

#endif
