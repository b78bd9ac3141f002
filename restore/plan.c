#include "restore/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "restore/build.h"
#include "restore/database.h"
#include "restore/newer.h"

#define SHOWN_MAX 8

void hf_lacks_done(hf_lacks *lacks)
{
    hf_strings_done(&lacks->roles);
    hf_strings_done(&lacks->extensions);
    hf_strings_done(&lacks->tablespaces);
    hf_strings_done(&lacks->locales);
    hf_strings_done(&lacks->settings);
    hf_strings_done(&lacks->features);
}

bool hf_lacks_nothing(const hf_lacks *lacks)
{
    return lacks->roles.count + lacks->extensions.count + lacks->tablespaces.count + lacks->locales.count +
               lacks->settings.count + lacks->features.count ==
           0;
}

static void list_names(hf_buf *text, const char *what, const hf_strings *names)
{
    if (names->count == 0)
        return;
    hf_buf_printf(text, "%s%s%s ", text->len > 0 ? "; " : "", what, names->count > 1 ? "s" : "");
    for (size_t i = 0; i < names->count && i < SHOWN_MAX; i++)
        hf_buf_printf(text, "%s\"%s\"", i > 0 ? ", " : "", names->items[i]);
    if (names->count > SHOWN_MAX)
        hf_buf_printf(text, " and %zu more", names->count - SHOWN_MAX);
}

hf_status hf_lacks_fail(const hf_lacks *lacks, const char *database, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(8192);
    list_names(&text, "role", &lacks->roles);
    list_names(&text, "extension", &lacks->extensions);
    list_names(&text, "tablespace", &lacks->tablespaces);
    list_names(&text, "locale", &lacks->locales);
    list_names(&text, "setting", &lacks->settings);
    list_names(&text, "feature", &lacks->features);
    hf_fail(error, HF_E_NOT_FOUND, "the server lacks what \"%s\" needs: %s", database, hf_buf_text(&text));

    HF_AUTO_BUF hint = HF_BUF_MAX(1024);
    if (lacks->roles.count > 0)
        hf_buf_printf(&hint,
                      "CREATE ROLE \"%s\" (\"holdfast show ID --roles\" has all statements), give its things "
                      "to another role "
                      "(--role-map), or leave owners and grants out (--owner none --acl none)",
                      lacks->roles.items[0]);
    if (lacks->extensions.count > 0)
        hf_buf_printf(
            &hint,
            "%sinstall the extension's package on the server (postgresql-<major>-%s or postgresql-contrib)",
            hint.len > 0 ? "; " : "", lacks->extensions.items[0]);
    if (lacks->tablespaces.count > 0)
        hf_buf_printf(&hint, "%sCREATE TABLESPACE \"%s\" LOCATION '...'", hint.len > 0 ? "; " : "",
                      lacks->tablespaces.items[0]);
    if (lacks->locales.count > 0)
        hf_buf_printf(
            &hint,
            "%sgenerate the locale on the server's machine (locale-gen) and restart it; one of another "
            "provider needs a newer server",
            hint.len > 0 ? "; " : "");
    if (lacks->settings.count > 0)
        hf_buf_printf(&hint, "%suse a server that knows the setting", hint.len > 0 ? "; " : "");
    if (lacks->features.count > 0)
        hf_buf_printf(&hint, "%suse a server of the snapshot's version", hint.len > 0 ? "; " : "");
    return hf_hint(error, "%s", hf_buf_text(&hint));
}

static void add_once(hf_strings *list, const char *text)
{
    if (text != NULL && *text != '\0' && !hf_strings_has(list, text))
        hf_strings_add(list, text);
}

static void add_wanted(hf_strings *list, const char *text, const char *except)
{
    if (!hf_streq(text, except))
        add_once(list, text);
}

/* Those of `wanted` that the one-column query does not give. */
static hf_status find_missing(hf_pg *pg, const char *sql, const hf_strings *wanted, hf_strings *ret_missing,
                              hf_error *error)
{
    if (wanted->count == 0)
        return HF_OK;
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg, sql, 0, NULL, &rows, error));
    hf_strings have = {0};
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        hf_strings_add(&have, hf_rows_get(rows, i, 0));
    for (size_t i = 0; i < wanted->count; i++)
        if (!hf_strings_has(&have, wanted->items[i]))
            hf_strings_add(ret_missing, wanted->items[i]);
    hf_strings_done(&have);
    return HF_OK;
}

/* Policies name roles in their definition; so do user mappings.  A role that either names is needed whatever is left out. */
static bool is_named_by_definition(const hf_archive *archive, const char *role)
{
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];
        if ((strcmp(entry->kind, "POLICY") == 0 || strcmp(entry->kind, "USER MAPPING") == 0) &&
            strstr(entry->definition, role) != NULL)
            return true;
    }
    return false;
}

static hf_status missing_roles(hf_pg *pg, const hf_restore_options *options, const hf_archive *archive,
                               hf_strings *ret_missing, hf_error *error)
{
    hf_strings wanted = {0};
    hf_strings owners = {0};
    if (!options->no_owner) {
        add_once(&owners, options->manifest->database.owner);
        for (size_t i = 0; i < archive->entries.count; i++) {
            const char *owner = archive->entries.items[i].owner;
            /* Neighbours mostly have the same owner. */
            if (owners.count == 0 || !hf_streq(owners.items[owners.count - 1], owner))
                add_once(&owners, owner);
        }
    }
    for (size_t i = 0; i < owners.count; i++)
        add_once(&wanted, owners.items[i]);
    for (size_t i = 0; i < options->manifest->roles.count; i++) {
        const char *role = options->manifest->roles.items[i];
        if (!options->no_acl || is_named_by_definition(archive, role))
            add_once(&wanted, role);
    }
    hf_status status =
        find_missing(pg, "SELECT rolname FROM pg_catalog.pg_roles", &wanted, ret_missing, error);
    hf_strings_done(&owners);
    hf_strings_done(&wanted);
    return status;
}

static hf_status missing_extensions(hf_pg *pg, const hf_manifest *manifest, hf_strings *warnings,
                                    hf_strings *ret_missing, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg, "SELECT name, default_version FROM pg_catalog.pg_available_extensions", 0, NULL,
                       &rows, error));
    for (size_t i = 0; i < manifest->extensions.count; i++) {
        const hf_extension *extension = &manifest->extensions.items[i];
        bool found = false;
        for (size_t row = 0; row < hf_rows_count(rows) && !found; row++) {
            if (!hf_streq(hf_rows_text(rows, row, "name"), extension->name))
                continue;
            found = true;
            const char *version = hf_rows_text(rows, row, "default_version");
            if (!hf_streq(version, extension->version)) {
                HF_AUTO_STR text = hf_format("extension \"%s\" is of version %s here, the snapshot's was %s",
                                             extension->name, version, extension->version);
                hf_strings_add(warnings, text);
            }
        }
        if (!found)
            hf_strings_add(ret_missing, extension->name);
    }
    return HF_OK;
}

static hf_status missing_tablespaces(hf_pg *pg, const hf_manifest *manifest, const hf_archive *archive,
                                     hf_strings *ret_missing, hf_error *error)
{
    hf_strings wanted = {0};
    add_wanted(&wanted, manifest->database.tablespace, "pg_default");
    for (size_t i = 0; i < archive->entries.count; i++)
        add_wanted(&wanted, archive->entries.items[i].tablespace, "pg_default");
    hf_status status =
        find_missing(pg, "SELECT spcname FROM pg_catalog.pg_tablespace", &wanted, ret_missing, error);
    hf_strings_done(&wanted);
    return status;
}

/* Without its provider a database would sort by other rules, so nothing is put in its place. */
static void missing_provider(hf_pg *pg, const hf_manifest *manifest, hf_strings *ret_missing)
{
    const char *provider = manifest->database.locale_provider, *locale = manifest->database.icu_locale;
    bool is_builtin = hf_streq(provider, "b") && hf_pg_version(pg) < HF_DATABASE_BUILTIN_PROVIDER;
    if (manifest->database.icu_rules != NULL && hf_pg_version(pg) < HF_DATABASE_ICU_RULES)
        add_once(ret_missing, "with ICU rules of its own");
    if (!is_builtin && !(hf_streq(provider, "i") && hf_pg_version(pg) < HF_DATABASE_ICU))
        return;
    HF_AUTO_STR text =
        hf_format("%s of provider %s", locale != NULL ? locale : "", is_builtin ? "builtin" : "icu");
    add_once(ret_missing, text);
}

/* libc's names have several spellings ("en_US.UTF-8", "en_US.utf8"): compared without case and punctuation. */
static hf_status missing_locales(hf_pg *pg, const hf_manifest *manifest, hf_strings *ret_missing,
                                 hf_error *error)
{
    const char *wanted[] = {manifest->database.collate, manifest->database.ctype};
    for (size_t i = 0; i < 2; i++) {
        if (wanted[i] == NULL || *wanted[i] == '\0' || hf_streq(wanted[i], "C") ||
            hf_streq(wanted[i], "POSIX"))
            continue;
        HF_AUTO_STR found = NULL;
        HF_TRY(hf_pg_query_text(
            pg,
            "SELECT 'yes' WHERE pg_catalog.lower(pg_catalog.regexp_replace($1, '[^A-Za-z0-9]', '', 'g')) IN "
            "(SELECT pg_catalog.lower(pg_catalog.regexp_replace(x, '[^A-Za-z0-9]', '', 'g')) FROM "
            "(SELECT collcollate FROM pg_catalog.pg_collation WHERE collprovider = 'c' "
            "UNION SELECT collctype FROM pg_catalog.pg_collation WHERE collprovider = 'c' "
            "UNION SELECT datcollate FROM pg_catalog.pg_database UNION SELECT datctype FROM "
            "pg_catalog.pg_database) "
            "AS l(x) WHERE x IS NOT NULL)",
            1, &wanted[i], &found, error));
        if (found == NULL)
            add_once(ret_missing, wanted[i]);
    }
    return HF_OK;
}

/* A name with a dot is an extension's or an application's own: any server takes it. */
static hf_status missing_settings(hf_pg *pg, const hf_manifest *manifest, hf_strings *ret_missing,
                                  hf_error *error)
{
    hf_strings wanted = {0};
    for (size_t i = 0; i < manifest->database.settings.count; i++) {
        const char *setting = manifest->database.settings.items[i].setting;
        HF_AUTO_STR name = hf_strndup(setting, strcspn(setting, "="));
        for (char *c = name; *c != '\0'; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char) (*c - 'A' + 'a');
        if (strchr(name, '.') == NULL)
            add_once(&wanted, name);
    }
    hf_status status = find_missing(pg, "SELECT pg_catalog.lower(name) FROM pg_catalog.pg_settings", &wanted,
                                    ret_missing, error);
    hf_strings_done(&wanted);
    return status;
}

static bool names_feature(const hf_strings *features, const char *name)
{
    for (size_t i = 0; i < features->count; i++)
        if (hf_starts_with(features->items[i], name))
            return true;
    return false;
}

/* Each with its first example. */
static void missing_features(hf_pg *pg, const hf_restore_options *options, const hf_archive *archive,
                             hf_strings *ret_missing)
{
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];
        int since;
        const char *name = hf_entry_is_newer(entry, hf_pg_version(pg), &since);
        if (name == NULL || hf_entry_left_out(entry, options) != NULL || names_feature(ret_missing, name))
            continue;
        HF_AUTO_STR text =
            hf_format("%s, from PostgreSQL %d on: %s %s", name, since, entry->kind, entry->tag);
        hf_strings_add(ret_missing, text);
    }
}

static hf_status check_database(hf_pg *pg, const hf_restore_options *options, bool *ret_replace,
                                hf_error *error)
{
    bool exists, unfinished;
    HF_TRY(hf_database_probe(pg, options->database, &exists, &unfinished, error));
    *ret_replace = exists && unfinished && options->replace_unfinished;
    if (exists && !*ret_replace) {
        hf_fail(error, HF_E_EXISTS, "database \"%s\" exists already%s", options->database,
                unfinished ? ", left by an interrupted restore" : "");
        HF_AUTO_STR live = hf_pg_url_database(options->url);
        if (hf_streq(live, options->database) && !unfinished)
            return hf_hint(error,
                           "it is the live database: --swap puts the snapshot in its place and keeps it "
                           "under another name; or choose another name");
        return hf_hint(error, "choose another name, or DROP DATABASE \"%s\" if it is not needed",
                       options->database);
    }
    HF_AUTO_STR may = NULL;
    HF_TRY(hf_pg_query_text(pg,
                            "SELECT 'yes' FROM pg_catalog.pg_roles WHERE rolname = current_user AND "
                            "(rolsuper OR rolcreatedb)",
                            0, NULL, &may, error));
    if (may == NULL) {
        hf_fail(error, HF_E_PRIVILEGE, "role \"%s\" may not create databases", hf_pg_user(pg));
        return hf_hint(error, "ALTER ROLE \"%s\" CREATEDB", hf_pg_user(pg));
    }
    return HF_OK;
}

static hf_status find_lacks(hf_pg *pg, const hf_restore_options *options, const hf_archive *archive,
                            hf_strings *warnings, hf_lacks *lacks, hf_error *error)
{
    HF_TRY(missing_roles(pg, options, archive, &lacks->roles, error));
    HF_TRY(missing_extensions(pg, options->manifest, warnings, &lacks->extensions, error));
    HF_TRY(missing_tablespaces(pg, options->manifest, archive, &lacks->tablespaces, error));
    missing_provider(pg, options->manifest, &lacks->locales);
    HF_TRY(missing_locales(pg, options->manifest, &lacks->locales, error));
    missing_features(pg, options, archive, &lacks->features);
    return missing_settings(pg, options->manifest, &lacks->settings, error);
}

hf_status hf_restore_plan(hf_pg *pg, const hf_restore_options *options, const hf_archive *archive,
                          hf_strings *warnings, hf_strings *ret_create_roles, bool *ret_replace,
                          hf_error *error)
{
    HF_TRY(check_database(pg, options, ret_replace, error));
    int ours = hf_pg_version(pg) / 10000, theirs = options->manifest->server.version_num / 10000;
    if (ours < theirs) {
        HF_AUTO_STR text =
            hf_format("the server is PostgreSQL %d, older than the snapshot's %d", ours, theirs);
        hf_strings_add(warnings, text);
    }
    hf_lacks lacks = {0};
    hf_status status = find_lacks(pg, options, archive, warnings, &lacks, error);
    if (status == HF_OK && !hf_lacks_nothing(&lacks))
        status = hf_lacks_fail(&lacks, options->database, error);
    if (lacks.roles.count > 0)
        hf_role_plan_statements(options->manifest, &lacks.roles, ret_create_roles);
    hf_lacks_done(&lacks);
    return status;
}
