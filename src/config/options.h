/*
 * The one table of options.  A row says where a key may stand, what it holds, where the value goes, and what to tell about
 * it; reading, checking, defaults and the example follow from it.
 *
 * A path is the keys joined by dots.  "*" stands for any key of a mapping, "[]" for each item of a list; the rows below
 * such a row fill an item of their own, which its `append` makes.
 */
#ifndef HF_CONFIG_OPTIONS_H
#define HF_CONFIG_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/yaml.h"

typedef enum hf_option_type {
    HF_OPTION_GROUP, /* a mapping of the rows below it */
    HF_OPTION_MAP,   /* a mapping with keys of the user's choice */
    HF_OPTION_LIST,  /* a list of mappings */
    HF_OPTION_TEXT,  /* char * */
    HF_OPTION_PATH,  /* char *, made absolute */
    HF_OPTION_URL,   /* char *: a storage URL or a path, made absolute */
    HF_OPTION_BOOL,
    HF_OPTION_INT,      /* any width */
    HF_OPTION_SIZE,     /* uint64_t bytes */
    HF_OPTION_DURATION, /* int64_t milliseconds */
    HF_OPTION_ENUM,     /* an enum, int or bool: the choice's value */
    HF_OPTION_TEXTS,    /* hf_strings: a list of texts */
    HF_OPTION_ARGV,     /* hf_strings: a list, or one text for a program without arguments */
    HF_OPTION_SECRET,   /* hf_secret_source */
    HF_OPTION_SOURCE,   /* hf_secret_source of what is no secret */
    HF_OPTION_CUSTOM    /* by the row's `set` */
} hf_option_type;

typedef struct hf_choice {
    const char *name; /* NULL ends the list */
    int value;
} hf_choice;

typedef struct hf_config_reader { /* where one reading is */
    const char *name;             /* the file, for messages */
    const char *folder;           /* absolute */
    hf_error *error;
} hf_config_reader;

typedef struct hf_option {
    const char *path;
    hf_option_type type;
    bool required; /* in the mapping that holds it */
    size_t offset;
    size_t size;
    int64_t min, max; /* int: the number; size: bytes; duration: milliseconds */
    const hf_choice *choices;
    const char *fallback; /* as it would be written, or NULL */
    const char
        *example;     /* written into the example as a live line; NULL: as a comment showing the fallback */
    const char *help; /* NULL: not in the example */
    void *(*append)(void *parent, const char *key, hf_where where);
    hf_status (*finish)(const hf_config_reader *in, void *item); /* after all keys of an item are read */
    hf_status (*set)(const hf_config_reader *in, const struct hf_option *option, const hf_yaml *value,
                     void *base);
} hf_option;

extern const hf_option hf_options[];
extern const size_t hf_options_count;

/* A list of texts, or (for an ARGV option) one. */
hf_status hf_config_set_texts(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base);

/* {env: NAME}, {file: path} or {command: [...]} into the option's hf_secret_source. */
hf_status hf_config_set_secret(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base);

/* HF_E_USAGE "<file>:<line>:<column>: <message>". */
hf_status hf_config_refuse(const hf_config_reader *in, hf_where where, const char *fmt, ...) HF_PRINTF(3, 4);

#endif
