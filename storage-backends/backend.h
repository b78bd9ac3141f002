/*
 * What a storage driver implements.  The generic layer (storage.c) checks keys and arguments once, so a driver gets
 * only valid ones; the contract of each callback is that of the hf_storage_ function of the same name.  All callbacks
 * but free_bytes and remove_many are required.  A driver embeds hf_storage as its first member.
 */
#ifndef HF_STORAGE_BACKEND_H
#define HF_STORAGE_BACKEND_H

#include "base/retry.h"
#include "storage-backends/storage.h"

/* A part of a value: len is not 0. */
typedef struct hf_storage_range {
    uint64_t offset;
    size_t len;
} hf_storage_range;

typedef struct hf_storage_ops {
    const char *name;
    hf_status (*put)(hf_storage *storage, const char *key, const void *data, size_t len, bool only_new,
                     hf_error *error);
    /* range NULL: all of it; else ret_data has room for its len. */
    hf_status (*get)(hf_storage *storage, const char *key, const hf_storage_range *range, hf_buf *ret_data,
                     hf_error *error);
    hf_status (*stat)(hf_storage *storage, const char *key, uint64_t *ret_bytes, hf_error *error);
    hf_status (*list)(hf_storage *storage, const char *prefix, hf_storage_on_entry on_entry, void *context,
                      hf_error *error);
    hf_status (*remove)(hf_storage *storage, const char *key, hf_error *error);
    /* May be NULL: each on its own. */
    hf_status (*remove_many)(hf_storage *storage, const hf_strings *keys, hf_error *error);
    hf_status (*sweep)(hf_storage *storage, int64_t older_ms, hf_storage_swept *swept, hf_error *error);
    hf_status (*free_bytes)(hf_storage *storage, uint64_t *ret_bytes, hf_error *error); /* may be NULL */
    void (*free)(hf_storage *storage);
} hf_storage_ops;

struct hf_storage {
    const hf_storage_ops *ops;
    char *url;
};

/* The folder driver: path is absolute. */
HF_MUST_CHECK hf_status hf_storage_local_new(const char *path, hf_storage **ret_storage, hf_error *error);

/* The S3 driver, without retries. */
HF_MUST_CHECK hf_status hf_storage_s3_new(const hf_storage_options *options, hf_storage **ret_storage,
                                          hf_error *error);

/*
 * A decorator that tries again what failed for a transient reason, as often as the policy says; it owns inner.  The
 * error at the end tells how many tries were made.
 */
hf_storage *hf_storage_retry_new(hf_storage *inner, hf_retry policy);

#ifdef HF_FAULT_POINTS
/* For tests: what is to fail, and how; zeroed, nothing does. */
typedef struct hf_storage_faults {
    uint64_t at;        /* the operation with this number, from 1 */
    uint32_t per_mille; /* so many of a thousand, chosen by the seed and their number */
    uint64_t seed;
    bool after;                                    /* it is carried out first: only the reply is lost */
    bool either;                                   /* before or after, chosen like that */
    bool kill;                                     /* SIGKILL to this process, instead of HF_E_STORAGE */
    bool (*hides)(uint64_t seed, const char *key); /* listings leave these keys out; NULL: none */
    _Atomic uint64_t operations, hits;
} hf_storage_faults;

/* A decorator that makes operations fail; it owns inner and borrows faults. */
hf_storage *hf_storage_fault_new(hf_storage *inner, hf_storage_faults *faults);
#endif

#endif
