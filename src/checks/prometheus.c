#include "checks/prometheus.h"

#include <jansson.h>

#include "base/text.h"
#include "checks/change.h"
#include "checks/excerpt.h"

static void json_done(json_t **value)
{
    json_decref(*value);
}

static bool sample_number(const json_t *sample, double *ret_number, bool *ret_empty, hf_buf *why)
{
    const char *text = json_string_value(json_array_get(sample, 1));

    if (text != NULL && hf_check_parse_number(text, ret_number))
        return true;
    *ret_empty = text != NULL;
    hf_buf_puts(why, "the query gives ");
    hf_buf_puts(why, text != NULL ? "" : "no number");
    if (text != NULL)
        hf_excerpt_head(why, text, strlen(text), 40);
    return false;
}

bool hf_prometheus_number(const char *json, size_t len, double *ret_number, bool *ret_empty, hf_buf *why)
{
    json_error_t where;
    HF_AUTO(json_done) json_t *root = json_loadb(json, len, 0, &where);
    const json_t *data = json_object_get(root, "data");
    const json_t *result = json_object_get(data, "result");
    const char *type = json_string_value(json_object_get(data, "resultType"));
    const char *message = json_string_value(json_object_get(root, "error"));

    *ret_empty = false;
    if (message != NULL) {
        hf_excerpt_head(why, message, strlen(message), 300);
        return false;
    }
    if (!hf_streq(json_string_value(json_object_get(root, "status")), "success") || !json_is_array(result)) {
        hf_buf_puts(why,
                    root == NULL ? "the answer is not JSON" : "the answer is not that of a Prometheus query");
        return false;
    }
    if (hf_streq(type, "scalar"))
        return sample_number(result, ret_number, ret_empty, why);
    if (!hf_streq(type, "vector")) {
        hf_buf_puts(why, "the query gives neither a vector nor a scalar");
        return false;
    }
    if (json_array_size(result) == 0) {
        hf_buf_puts(why, "the query has no series");
        *ret_empty = true;
        return false;
    }
    if (json_array_size(result) > 1) {
        hf_buf_printf(why, "the query has %zu series; make one of them, by sum() or max()",
                      json_array_size(result));
        return false;
    }
    return sample_number(json_object_get(json_array_get(result, 0), "value"), ret_number, ret_empty, why);
}
