/* The commented configuration that `init` writes, made from the table of options. */
#include <string.h>

#include "base/buffer.h"
#include "config/options.h"

static int depth_of(const hf_option *option)
{
    int depth = 0;

    for (const char *at = option->path; *at != '\0'; at++)
        depth += *at == '.';
    return depth;
}

/* The keys of a program that is usually written as a list alone. */
static bool is_of_a_leaf(const hf_option *option)
{
    for (size_t i = 0; i < hf_options_count; i++) {
        const hf_option *above = &hf_options[i];
        const size_t len = strlen(above->path);

        if (above->type != HF_OPTION_GROUP && above->type != HF_OPTION_MAP && above->type != HF_OPTION_LIST &&
            strncmp(option->path, above->path, len) == 0 && option->path[len] == '.')
            return true;
    }
    return false;
}

static void put_lines(hf_buf *out, int depth, const char *before, const char *text)
{
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        hf_buf_printf(out, "%*s%s%.*s\n", 2 * depth, "", before, (int) len, line);
        line += len + (line[len] == '\n');
    }
}

char *hf_config_example(void)
{
    hf_buf out = HF_BUF_MAX(64 << 10);

    hf_buf_puts(
        &out,
        "# holdfast's configuration. Paths are relative to this file. Lines behind \"#\" show defaults.\n"
        "# Durations: 500ms, 30s, 5m, 2h, 7d. Sizes: 64KiB, 32MiB, 1GiB. \"holdfast doctor\" checks it "
        "all.\n");
    for (size_t i = 0; i < hf_options_count; i++) {
        const hf_option *option = &hf_options[i];
        const char *key = strrchr(option->path, '.');
        int depth = depth_of(option);

        key = key == NULL ? option->path : key + 1;
        if (strchr(option->path, '[') != NULL || is_of_a_leaf(option))
            continue;
        if (depth == 0 || (depth == 2 && option->help != NULL))
            hf_buf_putc(&out, '\n');
        if (option->help != NULL)
            put_lines(&out, depth, "# ", option->help);
        switch (option->type) {
        case HF_OPTION_GROUP:
            hf_buf_printf(&out, "%*s%s:\n", 2 * depth, "", key);
            break;
        case HF_OPTION_MAP:
            hf_buf_printf(&out, "%*s%s:\n%*s%s:\n", 2 * depth, "", key, 2 * depth + 2, "", option->example);
            break;
        case HF_OPTION_LIST:
            hf_buf_printf(&out, "%*s%s:\n", 2 * depth, "", key);
            put_lines(&out, depth + 1, "", option->example);
            break;
        default:
            if (option->example != NULL)
                hf_buf_printf(&out, "%*s%s: %s\n", 2 * depth, "", key, option->example);
            else
                hf_buf_printf(&out, "%*s# %s:%s%s\n", 2 * depth, "", key, option->fallback == NULL ? "" : " ",
                              option->fallback == NULL ? "" : option->fallback);
        }
    }
    return hf_buf_take(&out);
}
