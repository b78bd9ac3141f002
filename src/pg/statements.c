/*
 * The child cuts the text, writes where each statement is, then the tree or the parser's message of one after the other.  If it dies on
 * the way, the statement it was at has no tree, and another child goes on behind it.
 */
#include "pg/statements.h"

#include <errno.h>
#include <fcntl.h>
#include <pg_query.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/text.h"
#include "pg/definition.h"

#define STATEMENT_MAX (1u << 20) /* bytes; a longer one is not parsed */
#define TREE_MAX (8u << 20)      /* of JSON */
#define TREES_MAX (64u << 20)    /* of JSON, in one text */
#define STATEMENTS_MAX 100000u /* in one text; the rest of it counts as one more, which is not looked into */
#define CHILDREN_MAX 8         /* that may die on one text */
#define CHILD_CPU_SECONDS 60
#define CHILD_STACK_BYTES (8u << 20) /* what a server has, too, whose max_stack_depth is below it */
#define ROWS "\"valuesLists\":["
#define CALL "{\"FuncCall\":"
#define INSERT_TREE "{\"version\":150001,\"stmts\":[{\"stmt\":{\"InsertStmt\":"

void hf_statements_done(hf_statements *statements)
{
    for (size_t i = 0; i < statements->count; i++) {
        json_decref(statements->items[i].tree);
        free(statements->items[i].problem);
    }
    free(statements->items);
    *statements = (hf_statements){0};
}

/* ---- comments ---- */

static const char *after_comment(const char *at)
{
    if (at[0] == '-' && at[1] == '-')
        return at + strcspn(at, "\n");
    if (at[0] != '/' || at[1] != '*')
        return at;

    int depth = 0;
    for (; *at != '\0'; at++) {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at++;
        } else if (at[0] == '*' && at[1] == '/') {
            at++;
            if (--depth == 0)
                return at + 1;
        }
    }
    return at;
}

size_t hf_statements_comment(const char *sql, size_t at, size_t *ret_end)
{
    for (const char *next = sql + at; *next != '\0';) {
        const char *end = after_comment(next);

        if (end > next) {
            *ret_end = (size_t) (end - sql);
            return (size_t) (next - sql);
        }
        end = hf_definition_after_quoted(sql, next);
        next = end > next ? end : next + 1;
    }
    return (size_t) -1;
}

/* Behind white space, comments and semicolons. */
static size_t after_blanks(const char *sql, size_t at, size_t end)
{
    while (at < end) {
        size_t next = (size_t) (after_comment(sql + at) - sql);

        if (next == at && strchr(" \t\r\n\f\v;", sql[at]) != NULL)
            next++;
        if (next == at)
            return at;
        at = next;
    }
    return end;
}

/* ---- in the child ---- */

enum record_kind { RECORD_STATEMENTS = 1, RECORD_TREE, RECORD_PROBLEM };

typedef struct record {
    uint32_t kind;
    uint32_t size; /* of what follows */
} record;

typedef struct extent {
    uint32_t at, len;
} extent;

typedef HF_VECTOR(extent) extents;

static void send_record(int out, enum record_kind kind, const void *data, size_t size)
{
    const record head = {kind, (uint32_t) size};
    const struct {
        const char *data;
        size_t size;
    } parts[] = {{(const char *) &head, sizeof(head)}, {data, size}};

    for (int i = 0; i < 2; i++)
        for (size_t done = 0; done < parts[i].size;) {
            ssize_t written = write(out, parts[i].data + done, parts[i].size - done);

            if (written < 0 && errno != EINTR)
                _exit(1);
            done += written > 0 ? (size_t) written : 0;
        }
}

static void send_problem(int out, const char *problem)
{
    send_record(out, RECORD_PROBLEM, problem, strlen(problem));
}

static void add_extent(extents *list, const char *sql, size_t at, size_t end)
{
    at = after_blanks(sql, at, end);
    while (end > at && strchr(" \t\r\n\f\v;", sql[end - 1]) != NULL)
        end--;
    if (end <= at)
        return;
    if (list->count <= STATEMENTS_MAX)
        HF_PUSH(list, ((extent){(uint32_t) at, (uint32_t) (end - at)}));
    else
        list->items[STATEMENTS_MAX].len = (uint32_t) end - list->items[STATEMENTS_MAX].at;
}

/* What the splitter passes over (it looks for keywords) is a statement too: PostgreSQL will read it. */
static void cut(const char *sql, size_t len, bool with_parser, extents *list)
{
    size_t end = 0;
    PgQuerySplitResult split =
        with_parser ? pg_query_split_with_parser(sql) : pg_query_split_with_scanner(sql);

    if (with_parser && split.error != NULL) {
        pg_query_free_split_result(split);
        split = pg_query_split_with_scanner(sql);
    }
    for (int i = 0; split.error == NULL && i < split.n_stmts; i++) {
        const PgQuerySplitStmt *part = split.stmts[i];
        size_t at = (size_t) part->stmt_location;

        if (at < end || at > len)
            break;
        add_extent(list, sql, end, at);
        end = part->stmt_len > 0 ? at + (size_t) part->stmt_len : len;
        add_extent(list, sql, at, end);
    }
    pg_query_free_split_result(split);
    add_extent(list, sql, end, len);
}

/* Behind the array that begins at `at`, in JSON. */
static char *after_array(char *at)
{
    int depth = 0;
    bool in_text = false;

    for (; *at != '\0'; at++) {
        if (in_text && *at == '\\')
            at++;
        else if (*at == '"')
            in_text = !in_text;
        else if (!in_text && *at == '[')
            depth++;
        else if (!in_text && *at == ']' && --depth == 0)
            return at + 1;
    }
    return at;
}

/*
 * The rows of an INSERT may be most of a file; without a call among them nobody looks at them.  In JSON a quote inside of a text is
 * written \", so the member's name cannot be found in one.
 */
static void drop_rows(char *tree)
{
    char *rows = strstr(tree, ROWS);

    if (rows == NULL)
        return;
    rows += strlen(ROWS) - 1;
    char *end = after_array(rows);
    if (memmem(rows, (size_t) (end - rows), CALL, strlen(CALL)) != NULL)
        return;
    memcpy(rows, "[]", 2);
    memmove(rows + 2, end, strlen(end) + 1);
}

static size_t parse_one(int out, const char *sql, const extent *part)
{
    HF_AUTO_STR text = NULL;
    HF_AUTO_STR statement = hf_strndup(sql + part->at, part->len);

    if (part->len > STATEMENT_MAX) {
        send_problem(out, "it is too long to be looked into");
        return 0;
    }
    PgQueryParseResult parsed = pg_query_parse(statement);
    if (parsed.error == NULL)
        text = hf_strdup(parsed.parse_tree);
    if (text != NULL && hf_starts_with(text, INSERT_TREE))
        drop_rows(text);
    if (parsed.error != NULL)
        send_problem(out, parsed.error->message);
    else if (text == NULL || strlen(text) > TREE_MAX)
        send_problem(out, "it is too complex to be looked into");
    else
        send_record(out, RECORD_TREE, text, strlen(text));
    pg_query_free_parse_result(parsed);
    return text != NULL ? strlen(text) : 0;
}

static _Noreturn void parse_all(int out, const char *sql, size_t len, bool with_parser, size_t first)
{
    extents list = {0};
    size_t sent = 0;

    cut(sql, len, with_parser && len <= STATEMENT_MAX, &list);
    send_record(out, RECORD_STATEMENTS, list.items, list.count * sizeof(extent));
    for (size_t i = first; i < list.count; i++) {
        if (sent < TREES_MAX && i < STATEMENTS_MAX)
            sent += parse_one(out, sql, &list.items[i]);
        else
            send_problem(out, "its file holds more than can be looked into");
    }
    _exit(0);
}

/* What overflows a smaller stack might be no more than PostgreSQL takes. */
static bool may_have_stack(struct rlimit *ret_limit)
{
    return getrlimit(RLIMIT_STACK, ret_limit) == 0 && ret_limit->rlim_max >= CHILD_STACK_BYTES;
}

static _Noreturn void be_child(int out, const char *sql, size_t len, bool with_parser, size_t first)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGXCPU, SIGPIPE, SIGINT, SIGTERM};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct rlimit stack;

    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        (void) signal(fatal[i], SIG_DFL);
    (void) setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void) setrlimit(RLIMIT_CPU, &(struct rlimit){CHILD_CPU_SECONDS, CHILD_CPU_SECONDS + 1});
    if (may_have_stack(&stack)) {
        stack.rlim_cur = CHILD_STACK_BYTES;
        (void) setrlimit(RLIMIT_STACK, &stack);
    }
    (void) dup2(null, STDOUT_FILENO);
    (void) dup2(null, STDERR_FILENO);
    parse_all(out, sql, len, with_parser, first);
}

/* ---- in the parent ---- */

static void read_to_end(int in, hf_buf *ret_data)
{
    char chunk[1 << 16];
    ssize_t got;

    while ((got = read(in, chunk, sizeof(chunk))) != 0)
        if (got > 0)
            hf_buf_append(ret_data, chunk, (size_t) got);
        else if (errno != EINTR)
            return;
}

typedef enum child_end { CHILD_DONE, CHILD_DIED, CHILD_OVERFLOWED, CHILD_OUT_OF_TIME } child_end;

static hf_status run_child(const char *sql, size_t len, bool with_parser, size_t first, hf_buf *ret_data,
                           child_end *ret_end, hf_error *error)
{
    struct rlimit stack;
    int ends[2], status = 0;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return hf_fail_errno(error, "cannot make a pipe for the SQL parser");
    pid_t child = fork();
    if (child == 0)
        be_child(ends[1], sql, len, with_parser, first);
    (void) close(ends[1]);
    if (child < 0) {
        (void) close(ends[0]);
        return hf_fail_errno(error, "cannot start a process for the SQL parser");
    }
    read_to_end(ends[0], ret_data);
    (void) close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    *ret_end = CHILD_DONE;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        *ret_end = CHILD_OUT_OF_TIME;
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && may_have_stack(&stack))
        *ret_end = CHILD_OVERFLOWED;
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        *ret_end = CHILD_DIED;
    return HF_OK;
}

static bool has_died(child_end how)
{
    return how == CHILD_DIED || how == CHILD_OVERFLOWED;
}

static int count_lines(const char *from, const char *to)
{
    int lines = 0;

    for (; from < to; from++)
        lines += *from == '\n';
    return lines;
}

static void add_statements(const char *sql, const extent *list, size_t count, hf_statements *statements)
{
    size_t seen = 0;
    int line = 1;

    for (size_t i = 0; i < count; i++) {
        hf_statement *statement = HF_APPEND_NEW(statements);

        line += count_lines(sql + seen, sql + list[i].at);
        seen = list[i].at;
        *statement = (hf_statement){.at = list[i].at, .len = list[i].len, .line = line};
    }
}

static void set_tree(hf_statement *statement, const char *text, size_t len)
{
    json_error_t why;
    json_t *parsed = json_loadb(text, len, 0, &why);
    json_t *tree = json_object_get(json_array_get(json_object_get(parsed, "stmts"), 0), "stmt");

    statement->tree = json_incref(tree);
    if (tree == NULL)
        statement->problem = hf_strdup("it is nested too deeply to be looked into");
    json_decref(parsed);
}

/* Fill in what the child sent, from statement `first` on; gives the first one of which nothing is known. */
static size_t take_records(const char *sql, const hf_buf *data, size_t first, hf_statements *statements)
{
    const char *at = hf_buf_text(data), *end = at + data->len;
    size_t next = first;
    record head;

    while ((size_t) (end - at) >= sizeof(head)) {
        memcpy(&head, at, sizeof(head));
        at += sizeof(head);
        if ((size_t) (end - at) < head.size)
            break;
        if (head.kind == RECORD_STATEMENTS && statements->count == 0) {
            extent *list = hf_alloc(head.size + 1);

            memcpy(list, at, head.size);
            add_statements(sql, list, head.size / sizeof(extent), statements);
            free(list);
        } else if (head.kind == RECORD_TREE && next < statements->count) {
            set_tree(&statements->items[next++], at, head.size);
        } else if (head.kind == RECORD_PROBLEM && next < statements->count) {
            statements->items[next++].problem = hf_strndup(at, head.size);
        }
        at += head.size;
    }
    return next;
}

hf_status hf_statements_read(const char *sql, size_t len, hf_statements *ret_statements, hf_error *error)
{
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    bool with_parser = true;
    child_end how = CHILD_DIED;
    size_t next = 0;

    for (int i = 0; has_died(how) && i < CHILDREN_MAX; i++) {
        HF_AUTO_BUF data = HF_BUF_MAX(2u * TREES_MAX + 16 * len + (1u << 20));

        HF_TRY(run_child(sql, len, with_parser, next, &data, &how, error));
        next = take_records(sql, &data, next, &statements);
        if (has_died(how) && statements.count == 0)
            with_parser = false; /* it died while it cut the text */
        else if (how != CHILD_DONE && next < statements.count) {
            statements.items[next].too_deep = how == CHILD_OVERFLOWED;
            statements.items[next++].problem = hf_strdup("the parser cannot cope with it");
        }
    }
    if (statements.count == 0 && after_blanks(sql, 0, len) < len) {
        const extent all = {(uint32_t) after_blanks(sql, 0, len),
                            (uint32_t) (len - after_blanks(sql, 0, len))};
        add_statements(sql, &all, 1, &statements);
    }
    for (size_t i = 0; i < statements.count; i++)
        if (statements.items[i].tree == NULL && statements.items[i].problem == NULL)
            statements.items[i].problem = hf_strdup("the parser cannot cope with its file");

    *ret_statements = statements;
    statements = (hf_statements){0};
    return HF_OK;
}
