#include "restore/roles.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/connection.h"
#include "pg/definition.h"
#include "restore/database.h"

#define SQL_MAX (256u << 20)
#define WITH_GRANT_OPTIONS 160000 /* the first version whose grants say more than ADMIN */

const char *hf_role_map_find(const hf_role_map *map, const char *role)
{
    for (size_t i = 0; role != NULL && i < map->count; i++)
        if (hf_streq(map->items[i].from, role))
            return map->items[i].to;
    return role;
}

/* ---- SQL, token by token ---- */

typedef struct sql_reader {
    const char *begin, *at;
    const char *token; /* the one at hand ends at `at` */
    char before[32];   /* the keyword before it, or "" */
    int depth;         /* of brackets */
    bool in_roles;     /* a list of roles goes on */
} sql_reader;

static bool is_word(unsigned char c)
{
    return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

static bool next_token(sql_reader *in)
{
    in->token = in->at;
    if (*in->at == '\0')
        return false;
    const char *quoted = hf_definition_after_quoted(in->begin, in->at);
    if (quoted > in->at) {
        in->at = quoted;
    } else if (is_word((unsigned char) *in->at)) {
        while (is_word((unsigned char) *in->at))
            in->at++;
    } else {
        in->depth += (*in->at == '(') - (*in->at == ')');
        in->at++;
    }
    return true;
}

static bool is_token(const sql_reader *in, const char *word)
{
    size_t len = (size_t) (in->at - in->token);

    return strlen(word) == len && memcmp(in->token, word, len) == 0;
}

/* pg_dump writes keywords in capitals, and no unquoted name has any.  All that begin a list of roles are reserved, or follow one that is. */
static bool begins_roles(const sql_reader *in)
{
    if (in->depth > 0)
        return false;
    return is_token(in, "TO") || is_token(in, "FROM") ||
           (is_token(in, "ROLE") && hf_streq(in->before, "FOR")) ||
           (is_token(in, "AUTHORIZATION") && hf_streq(in->before, "SESSION")) ||
           (is_token(in, "FOR") && hf_streq(in->before, "MAPPING"));
}

/* The name that a quoted or bare token stands for; the caller owns it. */
static char *name_of(const sql_reader *in)
{
    HF_AUTO_BUF name = HF_BUF_MAX(4096);

    if (*in->token != '"')
        return hf_strndup(in->token, (size_t) (in->at - in->token));
    for (const char *c = in->token + 1; c < in->at - 1; c++) {
        if (*c == '"')
            c++;
        hf_buf_putc(&name, *c);
    }
    return hf_strdup(hf_buf_text(&name));
}

static void put_role(const sql_reader *in, const hf_role_map *map, hf_buf *out)
{
    HF_AUTO_STR name = name_of(in);
    const char *mapped = hf_role_map_find(map, name);

    if (mapped == name || is_token(in, "PUBLIC"))
        hf_buf_append(out, in->token, (size_t) (in->at - in->token));
    else
        hf_sql_name(out, mapped);
}

char *hf_role_map_sql(const hf_role_map *map, const char *definition)
{
    HF_AUTO_BUF out = HF_BUF_MAX(SQL_MAX);
    sql_reader in = {.begin = definition, .at = definition};
    bool wants_role = false; /* a role comes next, not a comma or the end of the list */

    while (next_token(&in)) {
        bool is_name = *in.token == '"' || is_word((unsigned char) *in.token);

        if (isspace((unsigned char) *in.token)) {
            hf_buf_putc(&out, *in.token);
            continue;
        }
        if (in.in_roles && wants_role && is_name) {
            put_role(&in, map, &out);
            wants_role = false;
            continue;
        }
        if (in.in_roles && !wants_role && *in.token == ',')
            wants_role = true;
        else
            in.in_roles = wants_role = begins_roles(&in);
        hf_buf_append(&out, in.token, (size_t) (in.at - in.token));
        size_t len = (size_t) (in.at - in.token);
        if (len >= sizeof(in.before))
            len = 0;
        memcpy(in.before, in.token, len);
        in.before[len] = '\0';
    }
    return out.len > 0 ? hf_buf_take(&out) : hf_strdup("");
}

/* ---- the text of an aclitem[] ---- */

/* A name at *at, quoted if it has to be, up to "=" or the end. */
static void take_acl_name(const char **at, char until, hf_buf *name)
{
    bool quoted = false;

    for (; **at != '\0' && (quoted || **at != until); ++*at) {
        if (**at != '"') {
            hf_buf_putc(name, **at);
        } else if (quoted && (*at)[1] == '"') {
            hf_buf_putc(name, '"');
            ++*at;
        } else {
            quoted = !quoted;
        }
    }
}

static void put_acl_name(const char *name, hf_buf *out)
{
    bool plain = true;

    for (const char *c = name; *c != '\0'; c++)
        plain = plain && (isalnum((unsigned char) *c) || *c == '_');
    if (plain)
        hf_buf_puts(out, name);
    else
        hf_sql_name(out, name);
}

/* grantee=privileges/grantor */
static void map_acl_item(const hf_role_map *map, const char *item, hf_buf *out)
{
    HF_AUTO_BUF grantee = HF_BUF_MAX(4096), grantor = HF_BUF_MAX(4096);
    const char *at = item;

    take_acl_name(&at, '=', &grantee);
    put_acl_name(hf_role_map_find(map, hf_buf_text(&grantee)), out);
    size_t privileges = strcspn(at, "/");
    hf_buf_append(out, at, privileges);
    at += privileges;
    if (*at == '/') {
        at++;
        take_acl_name(&at, '\0', &grantor);
        hf_buf_putc(out, '/');
        put_acl_name(hf_role_map_find(map, hf_buf_text(&grantor)), out);
    }
}

/* An element of an array's text, quoted or not. */
static void take_element(const char **at, hf_buf *element)
{
    bool quoted = **at == '"';

    for (*at += quoted; **at != '\0' && (quoted ? **at != '"' : **at != ',' && **at != '}'); ++*at) {
        if (**at == '\\' && (*at)[1] != '\0')
            ++*at;
        hf_buf_putc(element, **at);
    }
    *at += quoted && **at == '"';
}

char *hf_role_map_acl(const hf_role_map *map, const char *acl)
{
    HF_AUTO_BUF out = HF_BUF_MAX(SQL_MAX);

    if (acl == NULL || acl[0] != '{')
        return hf_strdup(acl);
    hf_buf_putc(&out, '{');
    for (const char *at = acl + 1; *at != '}' && *at != '\0'; at += *at == ',') {
        HF_AUTO_BUF element = HF_BUF_MAX(16384), mapped = HF_BUF_MAX(16384);

        take_element(&at, &element);
        map_acl_item(map, hf_buf_text(&element), &mapped);
        hf_buf_puts(&out, out.len > 1 ? ",\"" : "\"");
        for (const char *c = hf_buf_text(&mapped); *c != '\0'; c++) {
            if (*c == '"' || *c == '\\')
                hf_buf_putc(&out, '\\');
            hf_buf_putc(&out, *c);
        }
        hf_buf_putc(&out, '"');
    }
    hf_buf_putc(&out, '}');
    return hf_buf_take(&out);
}

/* ---- archive and manifest ---- */

static void replace(char **text, char *by)
{
    free(*text);
    *text = by;
}

void hf_role_map_archive(const hf_role_map *map, hf_archive *archive)
{
    for (size_t i = 0; i < archive->entries.count; i++) {
        hf_entry *entry = &archive->entries.items[i];

        replace(&entry->owner, hf_strdup(hf_role_map_find(map, entry->owner)));
        if (hf_entry_is_acl(entry) || strcmp(entry->kind, "POLICY") == 0 ||
            strcmp(entry->kind, "USER MAPPING") == 0)
            replace(&entry->definition, hf_role_map_sql(map, entry->definition));
    }
}

static void map_role_plan(const hf_role_map *map, const hf_manifest *manifest, hf_manifest *mapped)
{
    memset(&mapped->role_plan, 0, sizeof(mapped->role_plan));
    for (size_t i = 0; i < manifest->role_plan.roles.count; i++) {
        hf_role *role = HF_APPEND_NEW(&mapped->role_plan.roles);

        *role = manifest->role_plan.roles.items[i];
        role->name = hf_strdup(hf_role_map_find(map, role->name));
    }
    for (size_t i = 0; i < manifest->role_plan.memberships.count; i++) {
        hf_membership *membership = HF_APPEND_NEW(&mapped->role_plan.memberships);

        *membership = manifest->role_plan.memberships.items[i];
        membership->role = hf_strdup(hf_role_map_find(map, membership->role));
        membership->member = hf_strdup(hf_role_map_find(map, membership->member));
    }
}

void hf_role_map_manifest(const hf_role_map *map, const hf_manifest *manifest, hf_manifest *ret_mapped)
{
    *ret_mapped = *manifest;
    ret_mapped->database.owner = hf_strdup(hf_role_map_find(map, manifest->database.owner));
    ret_mapped->database.acl = hf_role_map_acl(map, manifest->database.acl);
    memset(&ret_mapped->database.settings, 0, sizeof(ret_mapped->database.settings));
    for (size_t i = 0; i < manifest->database.settings.count; i++) {
        const hf_role_setting *setting = &manifest->database.settings.items[i];

        *HF_APPEND_NEW(&ret_mapped->database.settings) = (hf_role_setting){
            .role = hf_strdup(hf_role_map_find(map, setting->role)), .setting = setting->setting};
    }
    ret_mapped->roles = (hf_strings){0};
    for (size_t i = 0; i < manifest->roles.count; i++) {
        const char *role = hf_role_map_find(map, manifest->roles.items[i]);

        if (!hf_strings_has(&ret_mapped->roles, role))
            hf_strings_add(&ret_mapped->roles, role);
    }
    map_role_plan(map, manifest, ret_mapped);
}

void hf_role_map_manifest_done(hf_manifest *mapped)
{
    free(mapped->database.owner);
    free(mapped->database.acl);
    for (size_t i = 0; i < mapped->database.settings.count; i++)
        free(mapped->database.settings.items[i].role);
    free(mapped->database.settings.items);
    hf_strings_done(&mapped->roles);
    for (size_t i = 0; i < mapped->role_plan.roles.count; i++)
        free(mapped->role_plan.roles.items[i].name);
    free(mapped->role_plan.roles.items);
    for (size_t i = 0; i < mapped->role_plan.memberships.count; i++) {
        free(mapped->role_plan.memberships.items[i].role);
        free(mapped->role_plan.memberships.items[i].member);
    }
    free(mapped->role_plan.memberships.items);
}

/* ---- statements ---- */

static void add_buf(hf_strings *list, const hf_buf *sql)
{
    hf_strings_add(list, hf_buf_text(sql));
}

static void create_role(const hf_role *role, hf_strings *ret_statements)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(1u << 16);

    hf_buf_puts(&sql, "CREATE ROLE ");
    hf_sql_name(&sql, role->name);
    hf_buf_printf(&sql, " %s %s %s %s %s %s %s", role->superuser ? "SUPERUSER" : "NOSUPERUSER",
                  role->create_database ? "CREATEDB" : "NOCREATEDB",
                  role->create_role ? "CREATEROLE" : "NOCREATEROLE", role->inherit ? "INHERIT" : "NOINHERIT",
                  role->login ? "LOGIN" : "NOLOGIN", role->replication ? "REPLICATION" : "NOREPLICATION",
                  role->bypass_rls ? "BYPASSRLS" : "NOBYPASSRLS");
    if (role->connection_limit >= 0)
        hf_buf_printf(&sql, " CONNECTION LIMIT %d", role->connection_limit);
    if (role->valid_until != NULL) {
        hf_buf_puts(&sql, " VALID UNTIL ");
        hf_sql_literal(&sql, role->valid_until);
    }
    hf_buf_putc(&sql, ';');
    add_buf(ret_statements, &sql);
    for (size_t i = 0; i < role->settings.count; i++) {
        hf_buf_clear(&sql);
        hf_buf_puts(&sql, "ALTER ROLE ");
        hf_sql_name(&sql, role->name);
        hf_buf_puts(&sql, " SET ");
        hf_database_setting(&sql, role->settings.items[i]);
        hf_buf_putc(&sql, ';');
        add_buf(ret_statements, &sql);
    }
}

static const hf_role *find_role(const hf_manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->role_plan.roles.count; i++)
        if (hf_streq(manifest->role_plan.roles.items[i].name, name))
            return &manifest->role_plan.roles.items[i];
    return NULL;
}

static void grant(const hf_manifest *manifest, const hf_membership *membership, hf_strings *ret_statements)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(1u << 16);
    const hf_role *member = find_role(manifest, membership->member);
    const char *before = " WITH ";

    /* a name with a line feed would end the comment */
    if (member == NULL &&
        (strpbrk(membership->role, "\r\n") != NULL || strpbrk(membership->member, "\r\n") != NULL))
        return;
    hf_buf_puts(&sql, member != NULL ? "GRANT " : "-- GRANT ");
    hf_sql_name(&sql, membership->role);
    hf_buf_puts(&sql, " TO ");
    hf_sql_name(&sql, membership->member);
    if (manifest->server.version_num < WITH_GRANT_OPTIONS) {
        hf_buf_puts(&sql, membership->admin ? " WITH ADMIN OPTION" : "");
    } else {
        if (membership->admin) {
            hf_buf_printf(&sql, "%sADMIN OPTION", before);
            before = ", ";
        }
        if (member == NULL || membership->inherit != member->inherit) {
            hf_buf_printf(&sql, "%sINHERIT %s", before, membership->inherit ? "TRUE" : "FALSE");
            before = ", ";
        }
        if (!membership->set)
            hf_buf_printf(&sql, "%sSET FALSE", before);
    }
    hf_buf_putc(&sql, ';');
    add_buf(ret_statements, &sql);
}

void hf_role_plan_statements(const hf_manifest *manifest, const hf_strings *only, hf_strings *ret_statements)
{
    for (size_t i = 0; only != NULL && i < only->count; i++) {
        const hf_role named = {.name = only->items[i], .inherit = true, .connection_limit = -1};
        const hf_role *role = find_role(manifest, only->items[i]);

        create_role(role != NULL ? role : &named, ret_statements);
    }
    for (size_t i = 0; only == NULL && i < manifest->role_plan.roles.count; i++)
        create_role(&manifest->role_plan.roles.items[i], ret_statements);
    for (size_t i = 0; i < manifest->role_plan.memberships.count; i++) {
        const hf_membership *item = &manifest->role_plan.memberships.items[i];

        if (only == NULL || hf_strings_has(only, item->role) || hf_strings_has(only, item->member))
            grant(manifest, item, ret_statements);
    }
}
