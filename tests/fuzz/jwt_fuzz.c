/* Any text as a token, against a secret and public keys; and the same text as claims signed well, and as a JWKS. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/jsontext.h"
#include "runtime/jwt.h"

#define SECRET "a secret for tests that is long enough"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwt_keys *keys;
    static char token[2 * JWT_MAX];
    char *text = malloc(size + 1);
    struct jwt_keys *own;
    struct jwt j;
    const char *why;

    if (keys == NULL)
        keys = jwt_keys_new(SECRET, NULL, 0, &why);
    memcpy(text, data, size);
    text[size] = '\0';
    /* A stranger's token is never good: whoever finds one has broken HMAC-SHA256. */
    assert(jwt_verify(keys, text, size, 1700000000, &j) != JWT_OK);
    if (jwt_peek(text, size, &j))
        assert(jsontext_valid((struct text){j.payload, j.payload_len}));
    if (jwt_sign_hs256(SECRET, text, token, sizeof token)) {
        enum jwt_result r = jwt_verify(keys, token, strlen(token), 1700000000, &j);

        assert(r != JWT_BAD_SIGNATURE && r != JWT_UNSUPPORTED && r != JWT_NO_KEY);
        assert(r != JWT_OK || j.exp > 1700000000 - JWT_SKEW_S);
    }
    own = jwt_keys_new(NULL, text, size, &why);
    if (own != NULL)
        (void)jwt_verify(own, text, size, 1700000000, &j);
    jwt_keys_free(own);
    free(text);
    return 0;
}
