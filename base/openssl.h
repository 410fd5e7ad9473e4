/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openssl.h: OpenSSL's headers beside base/err.h, which has an ERR_STATE too. For door files only.
 */
#ifndef BASE_OPENSSL_H
#define BASE_OPENSSL_H

#define ERR_STATE openssl_err_state
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
