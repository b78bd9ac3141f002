/*
 * YAML as a small tree of our own, each node with the place where it stood.
 *
 * Read by libfyaml as YAML 1.2.  What a configuration has no use for is refused where it stands: several documents,
 * anchors and aliases, keys that are not plain texts, the same key twice.  Bounded: 1 MiB, 32 levels.
 */
#ifndef HF_CONFIG_YAML_H
#define HF_CONFIG_YAML_H

#include "base/error.h"
#include "base/memory.h"
#include "config/config.h"

#define HF_YAML_MAX_BYTES (1u << 20)
#define HF_YAML_MAX_DEPTH 32

typedef enum hf_yaml_kind { HF_YAML_NULL, HF_YAML_SCALAR, HF_YAML_SEQUENCE, HF_YAML_MAPPING } hf_yaml_kind;

typedef struct hf_yaml hf_yaml;

typedef struct hf_yaml_pair {
    char *key;
    hf_where where; /* of the key */
    hf_yaml *value; /* never NULL */
} hf_yaml_pair;

struct hf_yaml {
    hf_yaml_kind kind;
    hf_where where;
    bool plain;                    /* scalar: written without quotes */
    char *text;                    /* scalar */
    HF_VECTOR(hf_yaml *) items;    /* sequence */
    HF_VECTOR(hf_yaml_pair) pairs; /* mapping */
};

/* `name` is the file's, for messages "<name>:<line>:<column>: ...".  HF_E_USAGE for whatever is wrong with it. */
HF_MUST_CHECK hf_status hf_yaml_parse(const char *name, const char *text, size_t len, hf_yaml **ret_root,
                                      hf_error *error);
void hf_yaml_free(hf_yaml *node);
void hf_yaml_freep(hf_yaml **node);

#endif
