/*
 * A repository: where snapshots live, on one storage backend.  FORMAT.md is the format's specification.
 *
 *     holdfast.json                       what this is, written once
 *     objects/<2 digits>/<64 digits>      immutable objects: one zstd frame each, named by the SHA-256 of the raw bytes
 *     snapshots/<target>/<id>.json        pointers: a snapshot exists if and only if its pointer and manifest verify
 *     inventory/<number>.json             the names of the snapshots, to be read by key (inventory.h)
 *     cycles/<target>/<id>.json           journals of deploys (journal.h)
 *     proofs/<target>/<id>.json           what came of restoring a snapshot and comparing it (proof.h)
 *     approvals/<target>/<plan>.<name>.json   who approved a plan (approval.h)
 *     locks/<target>.json                 who works on a target (lock.h)
 *     locks/present/                      who works with the repository (presence.h)
 *     keys/<id>.json                      the passphrases of an encrypted repository (keys.h)
 *
 * In an encrypted repository objects, pointers, journals, proofs and approvals are sealed, and objects are named by an HMAC (vault.h).
 *
 * Thread-safe but for open and free.  An hf_zstd belongs to one thread.
 */
#ifndef HF_REPOSITORY_H
#define HF_REPOSITORY_H

#include "base/buffer.h"
#include "base/error.h"
#include "repository/manifest.h"
#include "storage-backends/storage.h"
#include "stream/zstd.h"

#define HF_REPOSITORY_FORMAT 1
#define HF_OBJECT_RAW_MAX (1024u << 20) /* no object is larger, raw: one row can be nearly this long */
#define HF_MANIFEST_RAW_MAX (1024u << 20)

typedef struct hf_repository hf_repository;

/* A passphrase that is to open a repository. */
typedef struct hf_new_key {
    const char *passphrase; /* 8 bytes or more */
    const char *label;      /* NULL: none */
    uint64_t scrypt_n;      /* what guessing costs; 0: as it should be, and a test may take less */
} hf_new_key;

/*
 * Write holdfast.json if there is none.  *ret_created tells.  With a key the repository is encrypted from now on, with
 * none (NULL) it never is.  HF_E_FORMAT when other files live there.
 */
HF_MUST_CHECK hf_status hf_repository_create(hf_storage *storage, const hf_new_key *key, bool *ret_created,
                                             hf_error *error);

/*
 * Takes ownership of storage (also on failure).  HF_E_FORMAT: not a repository, or of a newer format.  HF_E_PASSPHRASE:
 * the passphrase (NULL: none) does not open it; one for a repository that is not encrypted is refused too, so that
 * nobody who can write there can have data stored in the clear.
 */
HF_MUST_CHECK hf_status hf_repository_open(hf_storage *storage, const char *passphrase,
                                           hf_repository **ret_repository, hf_error *error);

/*
 * The same for a backup, which goes on where the keys may write and read nothing: what is stored is then put without a look and not
 * read back.  HF_E_STORAGE_DENIED with a passphrase, which cannot be used without reading.
 */
HF_MUST_CHECK hf_status hf_repository_open_to_write(hf_storage *storage, const char *passphrase,
                                                    hf_repository **ret_repository, hf_error *error);
bool hf_repository_is_write_only(const hf_repository *repository);
void hf_repository_free(hf_repository *repository);
void hf_repository_freep(hf_repository **repository);

/*
 * Be present until it is freed (presence.h): whoever stores or needs objects, or takes a lock, does this first.  Waits for a gc under way;
 * on_wait (or NULL) is told.  Of several calls only the first one counts.
 */
HF_MUST_CHECK hf_status hf_repository_enter(hf_repository *repository, const char *purpose,
                                            void (*on_wait)(const char *whom), hf_error *error);
struct hf_presence *hf_repository_presence(hf_repository *repository); /* borrowed; NULL: has not entered */

hf_storage *hf_repository_storage(hf_repository *repository); /* borrowed */
const char *hf_repository_id(const hf_repository *repository);
const char *hf_repository_key_id(const hf_repository *repository); /* that opened it; NULL: not encrypted */

/*
 * Store data as an object unless it is there.  check_existing: an object that is there is read back and compared, and
 * one that is broken is written anew.  *ret_new is true if bytes were written.
 */
HF_MUST_CHECK hf_status hf_repository_put_object(hf_repository *repository, hf_zstd *zstd, int level,
                                                 bool check_existing, const void *data, size_t len,
                                                 hf_object_ref *ret_object, bool *ret_new, hf_error *error);

/* Replace ret_data's content by an object's raw bytes, checked.  HF_E_CORRUPT names the object, also one that is missing. */
HF_MUST_CHECK hf_status hf_repository_get_object(hf_repository *repository, hf_zstd *zstd,
                                                 const hf_object_ref *object, hf_buf *ret_data,
                                                 hf_error *error);

/* The same for one of which only the name is known: at most ret_data->max bytes.  HF_E_NOT_FOUND. */
HF_MUST_CHECK hf_status hf_repository_read_object(hf_repository *repository, hf_zstd *zstd, const char *name,
                                                  hf_buf *ret_data, hf_error *error);

/* Is there anything that is not empty under the object's name?  Fills stored_bytes if so. */
HF_MUST_CHECK hf_status hf_repository_find_object(hf_repository *repository, hf_object_ref *object,
                                                  bool *ret_found, hf_error *error);

/* Only that it is there with its stored size. */
HF_MUST_CHECK hf_status hf_repository_stat_object(hf_repository *repository, const hf_object_ref *object,
                                                  hf_error *error);

/*
 * Seal: store the manifest as an object, then the pointer, last.  Before the pointer nothing exists; after it the
 * snapshot does.  The caller has verified the objects.  HF_E_BUSY, and no snapshot: a gc took us for dead meanwhile.
 */
HF_MUST_CHECK hf_status hf_repository_seal(hf_repository *repository, const hf_manifest *manifest,
                                           hf_error *error);

/* How the labels of snapshots begin that keep what a restore in place replaced; `latest` and --at never mean these. */
#define HF_LABEL_REPLACED "replaced-"

/* What a pointer says, enough to list. */
typedef struct hf_snapshot_info {
    char *id;
    char *target;
    char *database; /* its name; NULL: not known, an older pointer's */
    int64_t created_ms;
    char *label; /* NULL: none */
    char *cycle; /* NULL: none */
    bool pinned;
    bool filtered; /* something was left out by configuration */
    bool degraded; /* something could not be read */
    uint64_t rows, raw_bytes, stored_bytes;
    uint32_t tables;
    hf_object_ref manifest;
    bool unlisted; /* the storage's listing left it out */
    char *broken;  /* NULL, or why the pointer cannot be used */
} hf_snapshot_info;

bool hf_snapshot_is_replaced(const hf_snapshot_info *info); /* by its label */

typedef HF_VECTOR(hf_snapshot_info) hf_snapshot_list;
void hf_snapshot_list_done(hf_snapshot_list *list);

/*
 * All snapshots of a target (NULL: of all targets), oldest first: those that the storage lists and those of the inventory
 * (inventory.h).  Broken pointers are in it, marked.
 */
HF_MUST_CHECK hf_status hf_repository_list(hf_repository *repository, const char *target,
                                           hf_snapshot_list *ret_list, hf_error *error);

/*
 * What a snapshot may be called: "latest"; an id, or its unique beginning; "label:NAME"; or a label where no id begins with it.  Latest, and
 * a label that several have, mean the newest one that is sound in pointer and manifest.  -> the full id (caller owns).  HF_E_NOT_FOUND;
 * HF_E_USAGE if the beginning is that of several ids; the damage if all that would do are broken.
 */
HF_MUST_CHECK hf_status hf_repository_find(hf_repository *repository, const char *target, const char *name,
                                           char **ret_id, hf_error *error);

typedef struct hf_snapshot_choice {
    char *id;
    hf_strings
        passed_over; /* what is wrong with newer ones that would have been meant, were they not broken */
} hf_snapshot_choice;
void hf_snapshot_choice_done(hf_snapshot_choice *choice);

/* hf_repository_find(), and what was passed over. */
HF_MUST_CHECK hf_status hf_repository_choose(hf_repository *repository, const char *target, const char *name,
                                             hf_snapshot_choice *ret_choice, hf_error *error);

/* The newest sound snapshot taken at or before a time; HF_E_NOT_FOUND tells the oldest there is. */
HF_MUST_CHECK hf_status hf_repository_find_at(hf_repository *repository, const char *target, int64_t at_ms,
                                              hf_snapshot_choice *ret_choice, hf_error *error);

/* Read and check pointer and manifest. */
HF_MUST_CHECK hf_status hf_repository_load(hf_repository *repository, const char *target, const char *id,
                                           hf_manifest **ret_manifest, hf_error *error);

/*
 * Pin or unpin a snapshot.  *ret_changed: it was not so already.  The caller holds hf_lock_take_snapshots(), for this and for the removal.
 */
HF_MUST_CHECK hf_status hf_repository_pin(hf_repository *repository, const char *target, const char *id,
                                          bool pinned, bool *ret_changed, hf_error *error);

/* Remove a snapshot: its pointer, and then its proof.  Its objects stay until a gc. */
HF_MUST_CHECK hf_status hf_repository_remove_snapshot(hf_repository *repository, const char *target,
                                                      const char *id, hf_error *error);

/* One broken or missing object of a snapshot. */
typedef struct hf_damage {
    hf_object_ref object;
    char *what; /* "table \"public\".\"invoices\", pages 0-1024" */
    char *why;
} hf_damage;
typedef HF_VECTOR(hf_damage) hf_damage_list;
void hf_damage_list_done(hf_damage_list *list);

/*
 * Read back every object of a snapshot (full) or look only at presence and stored size, on `jobs` threads.  All damage
 * is listed, not only the first.  HF_OK with an empty list: sound.
 */
HF_MUST_CHECK hf_status hf_repository_verify(hf_repository *repository, const hf_manifest *manifest,
                                             bool full, size_t jobs, hf_damage_list *ret_damage,
                                             hf_error *error);

/* What was found out about objects, to look at each once though many snapshots share it.  Belongs to one thread. */
typedef struct hf_verified hf_verified;
hf_verified *hf_verified_new(void);
void hf_verified_freep(hf_verified **verified);

/* Learn which objects there are, and how large, in one listing. */
HF_MUST_CHECK hf_status hf_verified_list(hf_verified *verified, hf_repository *repository, hf_error *error);

/* Call `each` for every object of that listing whose name the sorted references (references.h) do not have. */
struct hf_references;
void hf_verified_each_orphan(const hf_verified *verified, const struct hf_references *references,
                             void (*each)(void *context, const char *name, uint64_t bytes), void *context);

typedef struct hf_verify_how {
    bool full;
    uint32_t part, parts; /* full: read only the objects of this part of so many, look at the others; parts 0: read all */
    size_t jobs;
    hf_verified *verified; /* or NULL */
} hf_verify_how;

HF_MUST_CHECK hf_status hf_repository_verify_with(hf_repository *repository, const hf_manifest *manifest,
                                                  const hf_verify_how *options,
                                                  hf_damage_list *ret_damage, hf_error *error);

#endif
